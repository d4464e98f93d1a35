package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFind lists every change of a small source; each is a source again, but for what the compiler refuses.
func TestFind(t *testing.T) {
	for _, c := range []struct {
		body string
		want []string
	}{
		{"return a < b", []string{"< -> <=", "< -> >="}},
		{"return !(a && b)", []string{"! -> nothing", "&& -> ||"}},
		{"return a*2 - -b", []string{"- -> +", "* -> /", "2 -> 3", "- -> nothing"}},
		{"return 0x10 + 0.5", []string{"+ -> -", "0x10 -> 17", "0.5 -> (2 * 0.5)"}},
		{"x++", []string{"++ -> --", "x++ -> nothing"}},
		{"x += y", []string{"+= -> -=", "+= -> ="}},
		{"x, y = f()", []string{"x, y -> _, _"}},
		{"x := f()", nil},
		{"_, _ = f()", nil},
		{"if a { g() }", []string{"a -> false && (a)", "a -> true || (a)", "g() -> nothing"}},
		{"for a { break }", []string{"a -> false && (a)", "break -> nothing"}},
		{"defer f.Close()", []string{"defer f.Close() -> nothing"}},
		{"c <- x", []string{"c <- x -> nothing"}},
		{"switch x { case y: z = x; w = y }", []string{"z = x; w = y -> nothing", "z -> _", "w -> _"}},
		{"return x, err", []string{"err -> nil"}},
		{"return errors.Join(a, b)", []string{"a -> nil"}},
		{"return", []string{"return -> nothing"}},
		{"return min(a, b) == 1", []string{"== -> !=", "min -> max", "1 -> 2"}},
		{"return true", []string{"true -> false"}},
		{`s := "1 < 2"`, nil},
	} {
		source := []byte("package p\n\nfunc f() {\n\t" + c.body + "\n}\n")
		all, err := find("p/f.go", source)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range all {
			got = append(got, m.what)
			changed := m.apply(source)
			if string(changed) == string(source) {
				t.Errorf("%s: %s changes nothing", c.body, m.what)
			}
			if _, err := parser.ParseFile(token.NewFileSet(), "f.go", changed, 0); err != nil {
				t.Errorf("%s: %s: %v", c.body, m.what, err)
			}
			if m.line != 4 || m.was != c.body || m.file != "p/f.go" {
				t.Errorf("%s: at %s:%d in %q", c.body, m.file, m.line, m.was)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.body, got, c.want)
		}
	}
}

// TestFindLeaves what no test should hold: text for people, imports and tags.
func TestFindLeaves(t *testing.T) {
	all, err := find("p/f.go",
		[]byte("package p\n\nimport \"a/b\"\n\ntype t struct {\n\tx int `json:\"x\"`\n}\n\nfunc (t) String() string "+
			"{\n\treturn b.Of(1)\n}\n"))
	if err != nil || len(all) > 0 {
		t.Errorf("%v, error %v", all, err)
	}
}

// TestReadEquivalent reads what is noted, and refuses a note without a reason. The notes of this module can be read.
func TestReadEquivalent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "equivalent.txt")
	for _, c := range []struct {
		text string
		want int // notes; -1: an error
	}{
		{"# nothing\n", 0},
		{"# comment\na/b.go\n< -> <=\nif x < y {\nthey are never equal\n\na/c.go\n1 -> 2\nx := 1\nany number does", 2},
		{"a/b.go\n< -> <=\nif x < y {\n\na/c.go\n", -1},
		{"a/b.go\n< -> <=\nif x < y {", -1},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		all, err := readEquivalent(path)
		if (err != nil) != (c.want < 0) || err == nil && len(all) != c.want {
			t.Errorf("%q: %d notes, error %v", c.text, len(all), err)
		}
		if err != nil && !strings.Contains(err.Error(), "want four lines") {
			t.Errorf("%q: error %v", c.text, err)
		}
	}
	if _, err := readEquivalent("equivalent.txt"); err != nil {
		t.Error(err)
	}
}
