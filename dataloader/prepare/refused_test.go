package prepare_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"duet/dataloader/prepare"
	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// A source that goes away while it is read, all of it or a part, is an error that keeps the finished shards: its
// images are not taken for damaged ones. When it is back, the same call comes to the same bytes.
func TestSourceGoesAway(t *testing.T) {
	folder := many().Folder(t)
	whole, _ := run(t, folder, manyOptions())
	want := contents(t, whole)
	for name, part := range map[string]string{"all": "", "a class": "c"} {
		out := filepath.Join(t.TempDir(), "set")
		hidden := filepath.Join(t.TempDir(), "away")
		o := manyOptions()
		gone := false
		o.Progress = func(p prepare.Progress) {
			if p.Done >= 50 && !gone {
				gone = true
				check(t, os.Rename(filepath.Join(folder, part), hidden))
			}
		}
		_, err := prepare.Run(context.Background(), []string{folder}, out, o)
		if !errors.Is(err, source.ErrLost) || !errors.Is(err, prepare.ErrKept) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want ErrLost and ErrKept on one line", name, err)
		}
		check(t, os.Rename(hidden, filepath.Join(folder, part)))
		_, err = prepare.Run(context.Background(), []string{folder}, out, manyOptions())
		check(t, err)
		if got := contents(t, out); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: another set", name)
		}
	}
}

// What an earlier run rejected is an error of a strict one that would go on with it.
func TestStrictGoesOn(t *testing.T) {
	f := many()
	f["a/000.png"] = []byte("no image")
	folder, out := f.Folder(t), filepath.Join(t.TempDir(), "set")
	interrupted(t, folder, out)
	o := manyOptions()
	o.Strict = true
	if _, err := prepare.Run(context.Background(), []string{folder}, out, o); err == nil ||
		!strings.Contains(err.Error(), "a/000.png") || !strings.Contains(err.Error(), "strict") {
		t.Errorf("error %v", err)
	}
}

// The state of a later shard, left from another time, is gone before that shard is made again.
func TestStaleStates(t *testing.T) {
	folder, out := many().Folder(t), filepath.Join(t.TempDir(), "set")
	interrupted(t, folder, out)
	state := func(n string) string { return filepath.Join(out+".partial", "state", "train-0000"+n) }
	check(t, os.Remove(state("0")))
	if _, err := os.Stat(state("1")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := manyOptions()
	o.Progress = func(p prepare.Progress) {
		if p.Total > 0 { // the first report, before anything is read
			cancel()
		}
	}
	if _, err := prepare.Run(ctx, []string{folder}, out, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if _, err := os.Stat(state("1")); err == nil {
		t.Error("the state of a shard that will be made again is still there")
	}
}

// OUT must be a name of its own, outside of the source, and what is at OUT.partial must be of a preparation.
func TestUnusableOuts(t *testing.T) {
	folder := mini.Animals(2).Folder(t)
	parent := t.TempDir()
	foreign := filepath.Join(parent, "mine")
	check(t, os.Mkdir(foreign+".partial", 0o777))
	check(t, os.WriteFile(filepath.Join(foreign+".partial", "thesis.txt"), []byte("x"), 0o666))
	there := filepath.Join(parent, "there")
	check(t, os.Mkdir(there, 0o777))
	linked := filepath.Join(parent, "link")
	check(t, os.Symlink(folder, linked))
	for out, want := range map[string]string{
		"":          "no name",
		there + "/": "exists",
		filepath.Join(parent, "none") + "/../there": "exists",
		filepath.Join(folder, "packed"):             "within the source",
		filepath.Join(folder, "cats", "x", "y"):     "within the source",
		filepath.Join(linked, "packed"):             "within the source",
		foreign:                                     "mine.partial",
	} {
		if _, err := prepare.Run(context.Background(), []string{folder}, out, prepare.Options{}); err == nil ||
			!strings.Contains(err.Error(), want) || errors.Is(err, prepare.ErrKept) {
			t.Errorf("OUT %q: error %v, want %q", out, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(foreign+".partial", "thesis.txt")); err != nil {
		t.Error(err)
	}
	if left := leftIn(t, folder); len(left) != 2 {
		t.Errorf("in the source: %v", left)
	}
}

// An OUT.partial that is a link, wherever it leads, is refused before anything is listed: the set could not be renamed
// from another file system.
func TestPartialIsALink(t *testing.T) {
	for name, target := range map[string]string{"to a folder": t.TempDir(),
		"to nothing": filepath.Join(t.TempDir(), "nothing")} {
		out := filepath.Join(t.TempDir(), "set")
		check(t, os.Symlink(target, out+".partial"))
		listed := false
		_, err := prepare.Run(context.Background(), []string{mini.Animals(2).Folder(t)}, out,
			prepare.Options{Progress: func(prepare.Progress) { listed = true }})
		if err == nil || !strings.Contains(err.Error(), out+".partial is a symbolic link") || listed {
			t.Errorf("%s: error %v, listed %v", name, err, listed)
		}
		if left, _ := os.ReadDir(target); len(left) > 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}

// A class name that cannot be written is refused before anything is decoded.
func TestClassNames(t *testing.T) {
	f := mini.Files{"a\tb/x.png": mini.GreyPNG(4, 4, 1), "c/x.png": mini.GreyPNG(4, 4, 1)}
	decoded := false
	_, err := prepare.Run(context.Background(), []string{f.Folder(t)}, filepath.Join(t.TempDir(), "set"),
		prepare.Options{Progress: func(p prepare.Progress) {
			decoded = decoded || p.Done > 0
		}})
	if err == nil || !strings.Contains(err.Error(), "tab") || decoded {
		t.Errorf("error %v, decoded %v", err, decoded)
	}
}

// Requests that differ in white space inside a name are different.
func TestDifference(t *testing.T) {
	a, b := prepare.RequestOf([]string{"my photos"}, prepare.Options{}), prepare.RequestOf([]string{"myphotos"},
		prepare.Options{})
	if a.Difference(b.JSON()) == "" || a.Difference(a.JSON()) != "" {
		t.Errorf("differences %q and %q", a.Difference(b.JSON()), a.Difference(a.JSON()))
	}
}
