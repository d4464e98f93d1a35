package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// listing is what nvdisasm -c prints of a kernel with these lines: instructions, and labels, which begin with a dot.
func listing(name string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\t.section\t.text.%s,\"ax\",@progbits\n%s:\n.text.%s:\n", name, name, name)
	for i, line := range lines {
		if !strings.HasPrefix(line, ".") {
			line = fmt.Sprintf("        /*%04x*/                   %s ;", 16*i, line)
		} else {
			line += ":"
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

const product, tf32 = "HMMA.16816.F32.BF16 R20, R52.reuse, R48, R20", "HMMA.1688.F32.TF32 R20, R52, R48, R20"

func TestMeasure(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  *quality // on an A100
		issue float64
		mem   float64
	}{{
		name:  "no products",
		lines: []string{".L_x_0", "FFMA R1, R2, R3, R4", "@!P0 BRA `(.L_x_0)", "EXIT"},
	}, {
		name:  "products outside of loops",
		lines: []string{product, ".L_x_0", "@P0 BRA `(.L_x_0)", "EXIT"},
		want:  &quality{instructions: 3, products: 1, clocks: 8},
		issue: 1, mem: 1,
	}, {
		name: "one loop", // copies and local memory count wherever they are; what fills up the end does not
		lines: []string{"LDGSTS.E.BYPASS.128 [R1], [R2.64]", "LDGSTS.E [R1], [R2.64]", "STL [R1], R0",
			"BRA `(.L_x_1)", ".L_x_0", "LDSM.16.M88.4 R4, [R2]", "@!P1 LDG.E.U16 R1, [R2.64]", product, product,
			"LDGSTS.E.BYPASS.128 [R1], [R2.64]", "@!UP0 STS.64 [R1], R2", "@P0 BRA `(.L_x_0)", ".L_x_1", "EXIT", "NOP"},
		want: &quality{instructions: 7, products: 2, clocks: 16, matrices: 1, gathers: 1, shared: 10, copies: 3, wide: 2,
			local: 1},
		issue: 1, mem: 16. / 40,
	}, {
		name: "the innermost loop, the one with most products",
		lines: []string{".L_x_0", ".L_x_1", product, "IADD3 R1, R2, R3, R4", "@P0 BRA `(.L_x_1)", ".L_x_2", tf32, tf32,
			"@!P0 BRA P1, `(.L_x_2)", "MOV R1, R2", "@P2 BRA `(.L_x_0)", "EXIT"},
		want:  &quality{instructions: 3, products: 2, clocks: 16},
		issue: 1, mem: 1,
	}, {
		name: "many instructions",
		lines: append(append([]string{".L_x_0", product}, strings.Split(strings.Repeat("IADD3 R1, R2, R3, R4;", 14)+
			"MOV R1, R2", ";")...), "@P0 BRA `(.L_x_0)"),
		want:  &quality{instructions: 17, products: 1, clocks: 8},
		issue: 8. / 17, mem: 1,
	}} {
		kernels, err := read(strings.NewReader(listing("before", "EXIT") + listing("it", c.lines...)))
		if err != nil || len(kernels) != 2 || kernels[1].name != "it" {
			t.Fatalf("%s: %v, %v", c.name, kernels, err)
		}
		got, err := cards[0].measure(kernels[1])
		switch {
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case (got == nil) != (c.want == nil) || got != nil && *got != *c.want:
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		case got != nil && (got.issue() != c.issue || got.memory() != c.mem):
			t.Errorf("%s: issue %v, shared memory %v; want %v, %v", c.name, got.issue(), got.memory(), c.issue, c.mem)
		}
	}
}

// TestShapes: an H100's tensor cores take half of an A100's clocks, and TF32 twice those of bf16.
func TestShapes(t *testing.T) {
	for _, c := range []struct {
		hmma       string
		a100, h100 int
	}{
		{product, 8, 4},
		{tf32, 8, 4},
		{"HMMA.1688.F32.BF16 R0, R1, R2, R0", 4, 2},
		{"HMMA.1684.F32.TF32 R0, R1, R2, R0", 4, 2},
	} {
		kernels, err := read(strings.NewReader(listing("it", ".L_x_0", c.hmma, "BRA `(.L_x_0)")))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []int{c.a100, c.h100} {
			if q, err := cards[i].measure(kernels[0]); err != nil || q == nil || q.clocks != want {
				t.Errorf("%s on %s: %+v, %v; want %d clocks", c.hmma, cards[i].name, q, err, want)
			}
		}
	}
	kernels, err := read(strings.NewReader(listing("it", ".L_x_0", "HMMA.884.F16.F16 R0, R1, R2, R0", "BRA `(.L_x_0)")))
	if err != nil {
		t.Fatal(err)
	}
	if q, err := cards[0].measure(kernels[0]); err == nil || !strings.Contains(err.Error(), "it: HMMA.884") {
		t.Errorf("a shape that is not known: %+v, %v", q, err)
	}
}

// TestTable: a line for each kernel, with both cards' values where they differ.
func TestTable(t *testing.T) {
	text := listing("second", ".L_x_0", product, "IADD3 R1, R2, R3, R4", "IADD3 R1, R2, R3, R4", "IADD3 R1, R2, R3, R4",
		"BRA `(.L_x_0)") + listing("none", "EXIT") + listing("first", ".L_x_0", product, "BRA `(.L_x_0)")
	var rows []row
	for i := range cards {
		kernels, err := read(strings.NewReader(text))
		if err == nil {
			rows, err = gather(rows, kernels, i)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, lines, _ := strings.Cut(format(rows), "|---|\n")
	if want := "| first | 1 | 2.0 | 0 | 0 | 0 of 0 | 0 | 100 % | 100 % |\n" +
		"| second | 1 | 5.0 | 0 | 0 | 0 of 0 | 0 | 100 % / 80 % | 100 % |\n"; lines != want {
		t.Errorf("%s\nwant\n%s", lines, want)
	}
}

func TestInsert(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	for _, c := range []struct{ old, want string }{
		{"a\n" + begin + "old\n" + end + "b\n", "a\n" + begin + "new\n" + end + "b\n"},
		{"a\n", ""},
	} {
		if err := os.WriteFile(path, []byte(c.old), 0o644); err != nil {
			t.Fatal(err)
		}
		err := insert(path, "new\n")
		got, failed := os.ReadFile(path)
		if failed != nil {
			t.Fatal(failed)
		}
		if c.want == "" && (err == nil || string(got) != c.old) || c.want != "" && (err != nil || string(got) != c.want) {
			t.Errorf("%q became %q: %v", c.old, got, err)
		}
	}
}
