package prepare_test

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/dataloader/source/mini"
)

const latin1 = "caf\xe9" // as an old table or archive has it

// A class whose id or name is not valid UTF-8 is refused, and what to do is said.
func TestClassesAreUTF8(t *testing.T) {
	grey := mini.GreyPNG(8, 8, 1)
	dir, _ := run(t, mini.Animals(2).Folder(t), prepare.Options{})
	named(t, dir, "cats\t"+latin1+"\ndogs\n")
	for name, source := range map[string]string{
		"folder": mini.Files{latin1 + "/a.png": grey, "tea/a.png": grey}.Tar(t, "a.tar"),
		"table": mini.Files{"a.png": grey, "b.png": grey, "labels.csv": []byte("a.png," + latin1 + "\nb.png,tea\n")}.Tar(t,
			"a.tar"),
		"name": dir,
	} {
		_, err := prepare.Run(context.Background(), []string{source}, filepath.Join(t.TempDir(), "set"), prepare.Options{})
		for _, want := range []string{`"caf\xe9"`, "not valid UTF-8", "rename the folder", "save the table as UTF-8"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v lacks %s", name, err, want)
			}
		}
	}
	_, err := prepare.Run(context.Background(), []string{dir}, filepath.Join(t.TempDir(), "set"),
		prepare.Options{Settings: prepare.Settings{Classes: []string{"dogs"}}})
	check(t, err) // the other class is left out
}

// Names of files may be any bytes: what is not UTF-8 of them stands in the tables as \xNN.
func TestFileNamesAreEscaped(t *testing.T) {
	f := mini.Animals(2)
	f["cats/"+latin1+", \xff\xfe.png"] = mini.GreyPNG(8, 8, 3)
	f["cats/größe.png"] = mini.GreyPNG(8, 8, 4)
	f["dogs/"+latin1+".jpg"] = []byte("no image")
	sources := map[string]string{"tar": f.Tar(t, "a.tar")}
	if runtime.GOOS == "linux" { // other systems have no such names
		sources["folder"] = f.Folder(t)
	}
	for name, source := range sources {
		dir, s := run(t, source, prepare.Options{})
		check(t, packed.Verify(context.Background(), dir, nil))
		if s.Train != 6 || len(s.Rejected) != 1 {
			t.Errorf("%s: %+v", name, s)
		}
		for file, want := range map[string]string{"train/files.csv": `cats/caf\xe9, \xff\xfe.png`,
			"rejected.csv": `dogs/caf\xe9.jpg`} {
			data, err := os.ReadFile(filepath.Join(dir, file))
			check(t, err)
			rows, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
			check(t, err)
			found := false
			for _, row := range rows {
				found = found || row[0] == want
			}
			if !found || !utf8.Valid(data) {
				t.Errorf("%s: %s lacks %s:\n%s", name, file, want, data)
			}
		}
		files, err := open(t, dir, "train").Files()
		check(t, err)
		if all := strings.Join(files, "\n"); !strings.Contains(all, `cats/caf\xe9, \xff\xfe.png`) ||
			!strings.Contains(all, "cats/größe.png") {
			t.Errorf("%s: files %q", name, files)
		}
		again, _ := run(t, dir, prepare.Options{Settings: prepare.Settings{Size: 4}}) // escaped once
		if files, err = open(t, again, "train").Files(); err != nil || !strings.Contains(strings.Join(files, "\n"),
			`cats/caf\xe9, \xff`) {
			t.Errorf("%s: again: files %q, error %v", name, files, err)
		}
	}
}
