package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The instructions' results are compared with what the PTX ISA says of edge cases: all cases are entries of one text,
// which is translated, compiled with testdata/harness.cpp and run once.

// golden is instructions and what they give. The four inputs of a row are there as 16 bits in %h0 to %h3, as 32 in %r0
// to %r3 and %f0 to %f3, as 64 in %q0 to %q3 and %d0 to %d3; the result is %h9, %r9, %f9, %q9, %d9 or %p9.
type golden struct {
	code string
	rows []row
	// A warp's: threads is 32, each lane runs the code, and want gives its result. Rows are not used.
	want func(lane int) uint64
}

type row struct {
	in   []any
	want any
}

// r is a row: the inputs and, last, the result. Numbers are taken as their bits; a NaN as a result is any NaN.
func r(values ...any) row { return row{values[:len(values)-1], values[len(values)-1]} }

// refused is the result of a row that a check must refuse, with its reason.
type refused string

func bitsOf(v any) uint64 {
	switch v := v.(type) {
	case int:
		return uint64(int64(v))
	case uint64:
		return v
	case float32:
		return uint64(math.Float32bits(v))
	case float64:
		return math.Float64bits(v)
	case bool:
		if v {
			return 1
		}
		return 0
	}
	panic(fmt.Sprintf("a value of type %T", v))
}

const goldenHead = ".version 7.8\n.target sm_80\n.address_size 64\n"

// entry is the PTX of a case.
func (g golden) entry(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".visible .entry %s(.param .u64 in, .param .u64 out) {\n", name)
	b.WriteString(".reg .b16 %h<16>; .reg .b32 %r<16>; .reg .f32 %f<16>; .reg .b64 %q<16>; .reg .f64 %d<16>; .reg .pred " +
		"%p<16>;\n")
	b.WriteString(".reg .b64 %in, %out, %at; .reg .b32 %lane;\nld.param.u64 %in, [in];\nld.param.u64 %out, " +
		"[out];\nmov.u32 %lane, %tid.x;\n")
	for i := range 4 {
		fmt.Fprintf(&b,
			"ld.global.u64 %%q%d, [%%in+%d]; mov.b64 %%d%[1]d, %%q%[1]d; cvt.u32.u64 %%r%[1]d, %%q%[1]d; mov.b32 %%f%[1]d, "+
				"%%r%[1]d; cvt.u16.u64 %%h%[1]d, %%q%[1]d;\n", i, 8*i)
	}
	b.WriteString(g.code + "\nmul.wide.u32 %at, %lane, 8;\nadd.s64 %at, %out, %at;\n")
	switch g.result() {
	case "h":
		b.WriteString("cvt.u64.u16 %q10, %h9;")
	case "r":
		b.WriteString("cvt.u64.u32 %q10, %r9;")
	case "f":
		b.WriteString("mov.b32 %r10, %f9; cvt.u64.u32 %q10, %r10;")
	case "q":
		b.WriteString("mov.b64 %q10, %q9;")
	case "d":
		b.WriteString("mov.b64 %q10, %d9;")
	case "p":
		b.WriteString("selp.b64 %q10, 1, 0, %p9;")
	default:
		panic("no result in " + g.code)
	}
	b.WriteString("\nst.global.u64 [%at], %q10;\nret;\n}\n")
	return b.String()
}

var resultRegister = regexp.MustCompile(`%([hrfqdp])9\b`)

// result is the kind of the result's register.
func (g golden) result() string {
	found := resultRegister.FindStringSubmatch(g.code)
	if found == nil {
		return ""
	}
	return found[1]
}

// mask is the bits of a case's result.
func (g golden) mask() uint64 {
	switch g.result() {
	case "h":
		return 0xffff
	case "r", "f":
		return 0xffffffff
	}
	return ^uint64(0)
}

// agrees compares a result with what is wanted.
func agrees(got, want uint64, as any) bool {
	switch v := as.(type) {
	case float32:
		if v != v {
			return math.IsNaN(float64(math.Float32frombits(uint32(got))))
		}
	case float64:
		if v != v {
			return math.IsNaN(math.Float64frombits(got))
		}
	}
	return got == want
}

// buildGolden compiles the cases and gives the program's path.
func buildGolden(t *testing.T, cases []golden) string {
	compiler, err := exec.LookPath("g++")
	if err != nil {
		t.Skip("no g++ to compile what is translated")
	}
	text := goldenHead + goldenModule
	for i, g := range cases {
		text += g.entry(fmt.Sprintf("case_%d", i))
	}
	cpp, err := Translate("golden.ptx", text)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	source, program := filepath.Join(folder, "golden.cpp"), filepath.Join(folder, "golden")
	if err := os.WriteFile(source, cpp, 0o644); err != nil {
		t.Fatal(err)
	}
	harness, err := filepath.Abs("testdata/harness.cpp")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(compiler, "-std=c++17", "-O1", "-march=native", "-ffp-contract=off", "-fno-math-errno",
		"-pthread", "-Wall", "-Werror=uninitialized", "-Wno-unused", "-I../..", source, harness, "-o",
		program).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

func TestGolden(t *testing.T) {
	var cases []golden
	for _, group := range [][]golden{integerGolden, bitGolden, floatGolden, halfGolden, compareGolden, convertGolden,
		memoryGolden, controlGolden, warpGolden} {
		cases = append(cases, group...)
	}
	program := buildGolden(t, cases)
	var input strings.Builder
	for i, g := range cases {
		if g.want != nil {
			fmt.Fprintf(&input, "case_%d 32 0 0 0 0\n", i)
		}
		for _, row := range g.rows {
			fmt.Fprintf(&input, "case_%d 1", i)
			for k := range 4 {
				v := uint64(0)
				if k < len(row.in) {
					v = bitsOf(row.in[k])
				}
				fmt.Fprintf(&input, " %d", v)
			}
			input.WriteByte('\n')
		}
	}
	command := exec.Command(program)
	command.Stdin = strings.NewReader(input.String())
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(bytes.TrimSpace(out)), "\n")
	next := func() string {
		if len(lines) == 0 {
			t.Fatal("the program ended early")
		}
		line := lines[0]
		lines = lines[1:]
		return line
	}
	for _, g := range cases {
		if g.want != nil {
			g.checkWarp(t, next())
		}
		for _, row := range g.rows {
			g.check(t, row, next())
		}
	}
	if len(lines) != 0 {
		t.Errorf("%d lines too many", len(lines))
	}
}

func (g golden) check(t *testing.T, row row, line string) {
	if why, ok := row.want.(refused); ok || strings.HasPrefix(line, "error") {
		if line != "error "+string(why) {
			t.Errorf("%s\nof %#x: %q, want %q", g.code, row.in, line, row.want)
		}
		return
	}
	got, err := strconv.ParseUint(line, 10, 64)
	if want := bitsOf(row.want) & g.mask(); err != nil || !agrees(got, want, row.want) {
		t.Errorf("%s\nof %#x (%v): %#x, want %#x (%v)", g.code, row.in, row.in, got, want, row.want)
	}
}

func (g golden) checkWarp(t *testing.T, line string) {
	fields := strings.Fields(line)
	if len(fields) != 32 {
		t.Errorf("%s\n%s", g.code, line)
		return
	}
	for lane, field := range fields {
		if got, err := strconv.ParseUint(field, 10, 64); err != nil || got != g.want(lane)&g.mask() {
			t.Errorf("%s\nlane %d: %#x, want %#x", g.code, lane, got, g.want(lane)&g.mask())
		}
	}
}
