package ptxinfo

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const head = ".version 7.8\n.target sm_70\n.address_size 64\n"

// many has what nvcc writes and a reader could stumble over.
const many = `// a comment
.version 7.8
.target sm_80, debug
.address_size 64
	.file	1 "a { file ( .cu"
.global .align 4 .b8 table[8] = {1, 2, 3, 4, 5, 6, 7, 8};
.const .align 4 .f32 half = 0f3F000000;
.const .align 4 .u32 steps = 4;
.visible .const .align 4 .s32 below = -1;
.const .align 1 .b8 some[2] = {1, 2};
.const .align 4 .b32 unsaid;
.extern .shared .align 16 .b8 dynamic[];
.shared .align 4 .b8 counts[12];
.shared .align 16 .b8 nobody[1024];

.func  (.param .b32 func_retval0) helper(
	.param .b64 helper_param_0
)
;
.func  (.param .b32 func_retval0) helper(
	.param .b64 helper_param_0
)
{
	.shared .align 8 .b8 tile[24];
	mov.u32 %r1, counts;
	ret;
}

.visible .entry first(
	.param .u64 .ptr .global .align 16 first_param_0,
	.param .u8 first_param_1,
	.param .f32 first_param_2,
	.param .align 8 .b8 first_param_3[20],
	.param .s64 first_param_4
)
.maxntid 16, 8, 2
.minnctapersm 2
{
	.reg .b32 %r<3>;
	// demoted variable
	.shared .align 4 .f32 tile[3][5];
	.shared .align 16 .b8 more[4];
	.loc 1 12 3, function_name $L, inlined_at 1 3 5
	{ .reg .pred %p; }
	@%p1 bra $L_1;
$L_1:	ld.shared.f32 %f1, [dynamic+4];
	ld.param.u32 %r1, [first_param_3+16];
	ld.param.v2.f32 {%f1, %f2}, [first_param_3];
	ld.param.u32 %r2, [first_param_3+16];
	ld.param.f32 %f3, [first_param_2]; /* .shared .f32 not[7];
	*/ ret;
}

.entry hidden() { ret; }
.weak .entry second { .pragma "nounroll"; call.uni (retval0), helper, (param0); ret; }
.visible .entry third() .reqntid 32 .pragma "x"; { ret; }
	.section	.debug_str
	{
$L__info:
.b8 95, 90
	}
`

func TestParse(t *testing.T) {
	got, err := Parse(many)
	if err != nil {
		t.Fatal(err)
	}
	want := Module{Version: "7.8", Target: "sm_80", Constants: map[string]int{"steps": 4}, Entries: []Entry{
		{Name: "first", MaxThreads: 256, SharedBytes: 68, Params: []Param{ // 60 of tile, aligned to 64, and 4
			{"u64", 8, 8, 0, nil}, {"u8", 1, 1, 8, nil}, {"f32", 4, 4, 12, nil},
			{"b8", 20, 8, 16, []Load{{0, "f32"}, {4, "f32"}, {16, "u32"}}}, {"s64", 8, 8, 40, nil},
		}},
		{Name: "second", SharedBytes: 36}, // 24 of the function that it calls, 12 of counts
		{Name: "third", MaxThreads: 32},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if e, ok := got.Entry("second"); !ok || e.Name != "second" {
		t.Errorf("Entry(second) = %v, %v", e, ok)
	}
	if e, ok := got.Entry("hidden"); ok {
		t.Errorf("Entry(hidden) = %v, want none: it is not visible", e)
	}
}

func TestErrors(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"empty", "", "line 1: no .version and .target"},
		{"not PTX", "\x7fELF", "line 1: unexpected character"},
		{"only comments", "// a\n/* b\n*/", "no .version"},
		{"version", ".version sm_70", `line 1: "sm_70", want a version`},
		{"version without minor", ".version 7", "want a version"},
		{"target", ".version 7.8\n.target 70", `line 2: "70", want an architecture`},
		{"word at top", head + "add", `line 4: "add", want a directive`},
		{"cut in parameters", head + ".visible .entry f(\n.param .u64", "line 5: the end of the text, want a type"},
		{"cut in body", head + ".visible .entry f() {\nret;\n", "line 6: the end of the text inside a body"},
		{"cut in comment", head + "/* ", "line 4: a comment without its end"},
		{"cut in string", head + ".file 1 \"a\n", "line 4: a string without its closing quote"},
		{"cut in function", head + ".func f(", "the end of the text"},
		{"parameter without space", head + ".visible .entry f(.u64 p) {}", `".u64", want ".param"`},
		{"parameter without type", head + ".visible .entry f(.param p) {}", "want a type and a name"},
		{"unknown type", head + ".visible .entry f(.param .f8 p) {}", `".f8", want a type`},
		{"no comma", head + ".visible .entry f(.param .u8 p\n.param .u8 q) {}", `line 5: ".param", want ","`},
		{"bad alignment", head + ".visible .entry f(.param .align 3 .b8 p[4]) {}", "an alignment of 3"},
		{"negative length", head + ".visible .entry f(.param .b8 p[-4]) {}", `"-", want the length`},
		{"huge", head + ".visible .entry f(.param .b8 p[1000000][1000000]) {}", "more than"},
		{"huge sum", head + ".visible .entry f(.param .b8 p[1000000000], .param .b8 q[1000000000]) {}", "more than"},
		{"limit", head + ".visible .entry f() .maxntid 0 { }", ".maxntid of 1 times 0 threads"},
		{"unknown limit", head + ".visible .entry f() .maxwhat 3 { }", `".maxwhat", want a limit`},
		{"twice", head + ".visible .entry f() { ret; }\n.visible .entry f() { ret; }", "line 5: a second definition of f"},
		{"shared without semicolon", head + ".visible .entry f() { .shared .b8 a[3] }", `"}", want ";"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := Parse(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %+v, %v; want an error with %q", m, err, c.want)
			}
		})
	}
}

// TestBuilt reads the PTX of our kernels, where they have been compiled.
func TestBuilt(t *testing.T) {
	files, err := filepath.Glob("../ptx/*.ptx")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(string(text))
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if want := strings.Count(string(text), ".visible .entry "); len(m.Entries) != want || want == 0 {
			t.Errorf("%s: %d entries, want %d", file, len(m.Entries), want)
		}
	}
}

// TestAssembler holds our sizes of shared memory against ptxas's, where there is one.
func TestAssembler(t *testing.T) {
	ptxas := "../../build/cuda/bin/ptxas"
	if _, err := os.Stat(ptxas); err != nil {
		t.Skip("no ptxas: make deps-gpu")
	}
	file := filepath.Join(t.TempDir(), "shared.ptx")
	text := head + `
.shared .align 4 .b8 counts[12];
.visible .entry f(.param .u64 p) .maxntid 64, 2, 1
{
	.reg .b32 %r<4>;
	.reg .b64 %rd<2>;
	.shared .align 4 .f32 tile[3][5];
	.shared .align 16 .b8 more[4];
	ld.param.u64 %rd1, [p];
	ld.shared.u32 %r1, [tile+8];
	ld.shared.u32 %r2, [more];
	ld.shared.u32 %r3, [counts+4];
	add.u32 %r1, %r1, %r2;
	add.u32 %r1, %r1, %r3;
	st.global.u32 [%rd1], %r1;
	ret;
}
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(ptxas, "-arch=sm_70", "-v", "-o", os.DevNull, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	// 60 bytes and then 4 aligned to 16 make 68; 12 more of counts make 80.
	if e := m.Entries[0]; e.SharedBytes != 80 || e.MaxThreads != 128 || !strings.Contains(string(out), "80 bytes smem") {
		t.Errorf("got %+v; ptxas says %s", e, out)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(many)
	f.Add(head + ".visible .entry f(.param .u64 p) .maxntid 1, 2, 3 { .shared .b8 x[3]; @%p bra L; L: ret; }")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Parse(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("an error without its line: %v", err)
			}
			return
		}
		for _, e := range m.Entries {
			end := 0
			for _, p := range e.Params {
				if p.Bytes < 0 || p.Offset < end || p.Align < 1 || p.Offset%p.Align != 0 {
					t.Errorf("%s: parameters %+v", e.Name, e.Params)
				}
				end = p.Offset + p.Bytes
			}
			if e.Name == "" || e.MaxThreads < 0 || e.SharedBytes < 0 {
				t.Errorf("entry %+v", e)
			}
		}
	})
}
