package prepare_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/dataloader/source/mini"
)

// named gives a set these lines of classes.txt.
func named(t *testing.T, dir, lines string) {
	t.Helper()
	x, err := packed.ReadIndex(dir)
	check(t, err)
	x.Checksums[packed.ClassesFile] = packed.Extend(0, []byte(lines))
	data, err := json.Marshal(x)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, packed.IndexFile), data, 0o666))
	check(t, os.WriteFile(filepath.Join(dir, packed.ClassesFile), []byte(lines), 0o666))
}

// A class is meant by its id, or by a name that is no other's: an id always wins over a name.
func TestClassIDsAndNames(t *testing.T) {
	dir, _ := run(t, mini.Join(mini.Animals(2), mini.Files{"cranes/a.png": mini.GreyPNG(8, 8, 50),
		"n3/a.png": mini.GreyPNG(8, 8, 60)}).Folder(t), prepare.Options{})
	named(t, dir, "cats\tdogs\ncranes\tcrane\ndogs\tcrane\nn3\towl\n")
	for _, c := range []struct {
		classes []string
		ids     string // or
		refused []string
	}{
		{[]string{"owl"}, "n3", nil},
		{[]string{"owl", "n3"}, "n3", nil},
		{[]string{"dogs"}, "dogs", nil},
		{[]string{"cranes", "cats"}, "cats cranes", nil},
		{[]string{"crane"}, "", []string{`class "crane" is the name of 2 classes`, `"cranes", "dogs"`, "want an id"}},
		{[]string{"crane", "dogs"}, "", []string{`class "crane" is the name of 2 classes`}},
		{[]string{"Owl", "owl, barn"}, "", []string{`no class "Owl", "owl, barn" in the source`,
			`4 classes, such as "cats"`}},
	} {
		out := filepath.Join(t.TempDir(), "set")
		s, err := prepare.Run(context.Background(), []string{dir}, out,
			prepare.Options{Settings: prepare.Settings{Classes: c.classes}})
		if c.refused == nil {
			check(t, err)
			if got := strings.Join(open(t, out, "train").ClassIDs(), " "); got != c.ids ||
				len(s.Classes) != len(strings.Fields(c.ids)) {
				t.Errorf("%q took %s, want %s", c.classes, got, c.ids)
			}
			continue
		}
		for _, want := range c.refused {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %v lacks %s", c.classes, err, want)
			}
		}
		if errors.Is(err, prepare.ErrNoClass) != strings.HasPrefix(c.refused[0], "no class") {
			t.Errorf("%q: error %v", c.classes, err)
		}
	}
}
