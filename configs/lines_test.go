package configs

import (
	"maps"
	"slices"
	"testing"

	"github.com/BurntSushi/toml"
)

// TestLines lists the paths in the order in which TOML's own rules find them, one a line from line 1 where not said.
func TestLines(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       map[string]int
	}{
		{"empty", "", map[string]int{}},
		{"comments", "# a = 1\n\n a = 1 # b = 2\n", map[string]int{"a": 3}},
		{"carriage returns", "a = 1\r\nb = 2\r\n", map[string]int{"a": 1, "b": 2}},
		{"no last end of line", "\na = 1", map[string]int{"a": 2}},
		{"tables", "[a]\nb = 1\n[c.d]\ne = 1\n", map[string]int{"a": 1, "a.b": 2, "c": 3, "c.d": 3, "c.d.e": 4}},
		{"dotted keys", "a.b.c = 1\na . b . d = 2\n", map[string]int{"a": 1, "a.b": 1, "a.b.c": 1, "a.b.d": 2}},
		{"quoted keys", "\"a b\".'c.d'.\"\\u0065\" = 1\n", map[string]int{`"a b"`: 1, `"a b"."c.d"`: 1, `"a b"."c.d".e`: 1}},
		{"arrays of tables", "[[a.b]]\nc = 1\n[[a.b]]\nc = 2\n[a.b.d]\ne = 1\n[[a.b.f]]\n[[a.b]]\n[[a.b.f]]\ng = 1\n",
			map[string]int{"a": 1, "a.b": 1, "a.b[0]": 1, "a.b[0].c": 2, "a.b[1]": 3, "a.b[1].c": 4, "a.b[1].d": 5,
				"a.b[1].d.e": 6, "a.b[1].f": 7, "a.b[1].f[0]": 7, "a.b[2]": 8, "a.b[2].f": 9, "a.b[2].f[0]": 9,
				"a.b[2].f[0].g": 10}},
		{"arrays", "a = [1, [\n2, # ]\n], \"]\",\n '[',\n]\nb = []\n",
			map[string]int{"a": 1, "a[0]": 1, "a[1]": 1, "a[1][0]": 2, "a[2]": 3, "a[3]": 4, "b": 6}},
		{"inline tables", "a = {b = 1, c.d = [ {e = 2}, {} ]}\nf = {}\n",
			map[string]int{"a": 1, "a.b": 1, "a.c": 1, "a.c.d": 1, "a.c.d[0]": 1, "a.c.d[0].e": 1, "a.c.d[1]": 1, "f": 2}},
		{"strings", "a = \"x\\\"#\\\\\" # \"\nb = 'x\\'\nc = \"\"\nd = \"[y]\"\n",
			map[string]int{"a": 1, "b": 2, "c": 3, "d": 4}},
		{"long strings", "a = \"\"\"\nb = 1\n\\\"\"\" \"\"\"\"\"\nc = '''\nd = 1\n\\'''\ne = 1\n",
			map[string]int{"a": 1, "c": 4, "e": 7}},
		{"dates", "a = 2012-12-03 10:00:00Z\nb = 10:00:00\n", map[string]int{"a": 1, "b": 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := toml.Unmarshal([]byte(c.text), &map[string]any{}); err != nil {
				t.Fatalf("the test is not TOML: %v", err)
			}
			if got := scan([]byte(c.text)).lines; !maps.Equal(got, c.want) {
				t.Errorf("%s\ngot  %v\nwant %v", c.text, got, c.want)
			}
		})
	}
}

// FuzzLines: every key of a valid text has a line.
func FuzzLines(f *testing.F) {
	for _, name := range Presets() {
		text, _ := Preset(name)
		f.Add(string(text))
	}
	f.Add("a.\"b\" = [{c = '''\n'''}, \"\"\"\\\n\"\"\"]\n[[d.e]]\n[d.e.f]\ng = 1")
	f.Fuzz(func(t *testing.T, text string) {
		lines := scan([]byte(text)).lines
		var tree map[string]any
		if toml.Unmarshal([]byte(text), &tree) != nil {
			return
		}
		var check func(v any, path string)
		check = func(v any, path string) {
			if path != "" && lines[path] == 0 {
				t.Errorf("%q: no line of %s, only of %v", text, path, slices.Sorted(maps.Keys(lines)))
			}
			if table, ok := v.(map[string]any); ok {
				for key, v := range table {
					check(v, join(path, key))
				}
			}
			all, _ := items(v)
			for i, v := range all {
				check(v, element(path, i))
			}
		}
		check(tree, "")
	})
}
