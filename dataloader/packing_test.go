package dataloader_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/dataloader"
	"duet/dataloader/generated"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/dataloader/source/mini"
)

// materialize is Materialize of a source with a change.
func materialize(path string, hooks dataloader.Hooks, change func(c C)) (string, error) {
	c := dataloader.Default()
	c.Path = path
	if change != nil {
		change(&c)
	}
	return dataloader.Materialize(context.Background(), c, hooks)
}

// says reports what an error lacks.
func says(t *testing.T, what string, err error, want ...string) {
	t.Helper()
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%s: error %v, want %q", what, err, w)
		}
	}
}

// editIndex changes a value of a set's index.
func editIndex(t *testing.T, dir string, change func(x map[string]any)) {
	t.Helper()
	path := filepath.Join(dir, packed.IndexFile)
	data, err := os.ReadFile(path)
	check(t, err)
	var x map[string]any
	check(t, json.Unmarshal(data, &x))
	change(x)
	data, err = json.Marshal(x)
	check(t, err)
	check(t, os.WriteFile(path, data, 0o666))
}

// A packed set, or what should be one, that cannot be read is refused with the key that names it.
func TestMaterializeDamaged(t *testing.T) {
	animals := mini.Animals(2).Folder(t)
	set := run(t, animals, prepare.Options{})
	t.Chdir(t.TempDir())
	editIndex(t, set, func(x map[string]any) { x["request"] = map[string]any{"size": "large"} })
	_, err := materialize(set, dataloader.Hooks{}, nil)
	says(t, "the request", err, "data.path: ", filepath.Join(set, packed.IndexFile)+": request: ")
	editIndex(t, set, func(x map[string]any) { x["version"] = 1 })
	_, err = materialize(set, dataloader.Hooks{}, nil)
	says(t, "the version", err, "data.path: ", "format version 1")
	_, err = materialize(animals, dataloader.Hooks{}, func(c C) { c.Packed = set })
	says(t, "packed, the version", err, "data.packed: ", "format version 1")
	_, err = materialize(animals, dataloader.Hooks{}, func(c C) { c.Packed = t.TempDir() })
	says(t, "an empty folder", err, "data.packed: ", "not a packed set")
	_, err = materialize(t.TempDir(), dataloader.Hooks{}, nil)
	says(t, "nothing", err, "data.path: ", "no images that are recognised")
	if strings.Contains(err.Error(), "flags and several paths") {
		t.Errorf("a hint that is of no use: %v", err)
	}
	_, err = materialize(mini.Files{"a/x.png": mini.GreyPNG(8, 8, 1)}.Folder(t), dataloader.Hooks{}, nil)
	says(t, "one class", err, "data.path: ", "--format folders", "or set the keys of [data] of the flags' names")
	two := mini.Files{"a.csv": []byte("a,b\nb,c\n"), "b.csv": []byte("a,b\nb,d\n"), "a.png": nil, "b.png": nil}.Folder(t)
	_, err = materialize(two, dataloader.Hooks{}, nil)
	says(t, "two tables", err, "path of its own", "or set the keys of [data]")
}

// A source that has become none since it was packed says so with the key.
func TestMaterializeSourceDamaged(t *testing.T) {
	animals := mini.Animals(2)
	path := animals.Tar(t, "animals.tar")
	t.Chdir(t.TempDir())
	_, err := materialize(path, dataloader.Hooks{}, func(c C) { c.Packed = "set" })
	check(t, err)
	check(t, os.WriteFile(path, []byte("no tar"), 0o666))
	_, err = materialize(path, dataloader.Hooks{}, func(c C) { c.Packed = "set" })
	says(t, "no tar any more", err, "data.path: ", path)
}

// Hooks may refuse a source before it is packed; what they say stands as it is.
func TestMaterializeUnsuited(t *testing.T) {
	t.Chdir(t.TempDir())
	unsuited := errors.New("too small: give --size 8")
	hooks := dataloader.Hooks{Suits: func(o prepare.Outline) error {
		if o.Side != 8 || o.Train != 2 || o.Val != 2 {
			t.Errorf("%+v", o)
		}
		return unsuited
	}}
	dir, err := materialize(mini.Animals(2).Folder(t), hooks, nil)
	if dir != "" || !errors.Is(err, unsuited) || !strings.HasPrefix(err.Error(), "data.path: ") ||
		strings.Contains(err.Error(), "[data]") {
		t.Errorf("%q, error %v", dir, err)
	}
	if left, _ := filepath.Glob("data/*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A set that another has finished between two looks is taken, and what is in its place and is none refused.
func TestMaterializePublished(t *testing.T) {
	animals := mini.Animals(2).Folder(t)
	set := run(t, animals, prepare.Options{Settings: prepare.Settings{ValFraction: 0.1}})
	t.Chdir(t.TempDir())
	waits := 0
	hooks := dataloader.Hooks{Waits: func(string) { waits++ }}
	hooks.Suits = func(prepare.Outline) error {
		return os.CopyFS("set",
			os.DirFS(set))
	} // is there before it can be renamed
	dir, err := materialize(animals, hooks, func(c C) { c.Packed = "set" })
	if dir != "set" || err != nil || waits != 1 {
		t.Errorf("%s after %d waits, error %v", dir, waits, err)
	}
}

// The folder of a set is named after its source, without what is no part of the name.
func TestDefaultFolders(t *testing.T) {
	t.Chdir(t.TempDir())
	animals := mini.Animals(1)
	for name, path := range map[string]string{"animals": animals.Tar(t, "animals.tar"), "b": animals.Tar(t, "b.tar.gz"),
		"c": animals.Tar(t, "c.tgz"),
		"d": animals.Zip(t, "d.zip", 8), "source": animals.Folder(t), "e.v2": animals.Tar(t, "e.v2"), "f": animals.Tar(t,
			".f.tar")} {
		dir, err := materialize(path, dataloader.Hooks{}, nil)
		if err != nil || !strings.HasPrefix(filepath.ToSlash(dir), "data/"+name+"-") ||
			len(filepath.Base(dir)) != len(name)+9 {
			t.Errorf("%s: %s, error %v", path, dir, err)
		}
	}
	_, err := materialize("..", dataloader.Hooks{}, nil)
	says(t, "a folder above", err, "data/set-")
	check(t, os.MkdirAll("generated", 0o777)) // is no set by that name
	check(t, os.WriteFile("generated/set.json", []byte("{}"), 0o666))
	dir, err := materialize("generated", dataloader.Hooks{},
		func(c C) { c.Generated = generated.Options{Classes: 2, Train: 2, Size: 8} })
	if err != nil || !strings.HasPrefix(filepath.ToSlash(dir), "data/generated-") {
		t.Errorf("generated: %s, error %v", dir, err)
	}
}
