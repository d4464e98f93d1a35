package tree_test

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/source/mini"
	"duet/dataloader/tree"
)

// list lists one path, until the end of the test.
func list(t *testing.T, path string, o tree.Options) *tree.Tree {
	t.Helper()
	x, err := tree.List(t.Context(), []tree.Root{{Path: path}}, o)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// files are the entries that are files, and what reading them gives.
func files(t *testing.T, x *tree.Tree) mini.Files {
	t.Helper()
	all := mini.Files{}
	var wanted []*tree.Entry
	for e := range x.Entries() {
		if e.Kind == tree.File {
			wanted = append(wanted, e)
		}
	}
	next := func() (e *tree.Entry) {
		if len(wanted) > 0 {
			e, wanted = wanted[0], wanted[1:]
		}
		return e
	}
	err := x.Each(t.Context(), next, func(e *tree.Entry, r io.Reader) error {
		if r == nil {
			f, err := x.Open(e)
			if err != nil {
				return err
			}
			defer f.Close()
			r = f
		}
		data, err := io.ReadAll(r)
		all[e.Name] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The same files have the same names, sizes and bytes in whatever they lie, and every one is looked at once.
func TestContainers(t *testing.T) {
	want := mini.Files{"a/1.txt": []byte("one"), "a/b/2.bin": []byte("two two"), "empty": nil}
	inner := mini.Files{"1.txt": want["a/1.txt"], "b/2.bin": want["a/b/2.bin"]}.Tarred(t)
	for name, path := range map[string]string{
		"a folder": want.Folder(t), "a tar": want.Tar(t, "a.tar"), "a stream": want.Tar(t, "a.tar.gz"),
		"a zip": want.Zip(t, "a.zip", 0), "a packed zip": want.Zip(t, "a.zip", 8),
		"a tar in a tar":    mini.Files{"a.tar": inner, "empty": nil}.Tar(t, "b.tar"),
		"a tar in a stream": mini.Files{"a.tar": inner, "empty": nil}.Tar(t, "b.tar.gz"),
		"a tar in a folder": mini.Files{"a.tar": inner, "empty": nil}.Folder(t),
	} {
		looked := map[string]int{}
		x := list(t, path, tree.Options{Look: func(_ *tree.Tree, e *tree.Entry, _ io.Reader) error {
			looked[e.Name]++
			return nil
		}})
		got := files(t, x)
		for file, data := range want {
			if string(got[file]) != string(data) || looked[file] != 1 || len(got) != len(want) {
				t.Errorf("%s: %s has %q of %d files, looked at %d times", name, file, got[file], len(got), looked[file])
			}
		}
		if err := x.Unchanged(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is not to be used is an entry with its cause.
func TestRefused(t *testing.T) {
	f := mini.Files{"a.png": mini.GreyPNG(8, 8, 1), "../out.png": nil, ".hidden.png": nil}
	path := f.Tar(t, "a.tar", tar.Header{Name: "b.png", Linkname: "a.png", Typeflag: tar.TypeLink},
		tar.Header{Name: "c.txt", Linkname: "a.png", Typeflag: tar.TypeSymlink}, tar.Header{Name: "d",
			Typeflag: tar.TypeFifo})
	x := list(t, path, tree.Options{})
	var got []string
	for e := range x.Entries() {
		if cause := x.Cause(e); cause != "" {
			got = append(got, e.Name+": "+cause)
		}
	}
	want := []string{"../out.png: path leads out of the archive", ".hidden.png: hidden, or the system's own: not read",
		"b.png: link to a.png: links in archives are not followed",
		"c.txt: link to a.png: links in archives are not followed",
		"d: not a regular file (type '6')"}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("refused %q, want %q", got, want)
	}
	if all := files(t, x); len(all) != 1 || string(all["a.png"]) != string(f["a.png"]) {
		t.Errorf("%d files, want a.png alone", len(all))
	}
}

// A root that is no archive is an ErrNoArchive, unless it is plain; archives in a folder stay closed with a cause.
func TestRoots(t *testing.T) {
	text := mini.Write(t, "notes.md", []byte(strings.Repeat("no archive ", 100)))
	if _, err := tree.List(t.Context(), []tree.Root{{Path: text}}, tree.Options{}); !errors.Is(err, tree.ErrNoArchive) ||
		!strings.HasPrefix(err.Error(), text) {
		t.Errorf("error %v", err)
	}
	x := list(t, text, tree.Options{Plain: func(name string) bool { return name == "notes.md" }})
	for e := range x.Entries() {
		if e.Name != "notes.md" || x.Alone(e) != text {
			t.Errorf("entry %s, alone %q", e.Name, x.Alone(e))
		}
	}
	x = list(t, mini.Files{"a.tar": {1}}.Folder(t), tree.Options{
		Beside: func(string) string { return "closed" }})
	for e := range x.Entries() {
		if e.Name != "a.tar" || e.Kind != tree.Aside || x.Cause(e) != "closed" {
			t.Errorf("entry %+v, cause %q", e, x.Cause(e))
		}
	}
}

// A file that is gone, or shorter, is lost; the bounds on a tree name its root.
func TestLost(t *testing.T) {
	dir := mini.Files{"a.png": mini.GreyPNG(8, 8, 1)}.Folder(t)
	x := list(t, dir, tree.Options{})
	if err := os.Remove(filepath.Join(dir, "a.png")); err != nil {
		t.Fatal(err)
	}
	for e := range x.Entries() {
		if _, err := x.Image(e, nil); !errors.Is(err, tree.ErrLost) {
			t.Errorf("error %v, want an ErrLost", err)
		}
	}
	limits := tree.DefaultLimits
	limits.Members = 1
	path := mini.Animals(1).Tar(t, "a.tar")
	if _, err := tree.List(t.Context(), []tree.Root{{Path: path}}, tree.Options{Limits: limits}); err == nil ||
		!strings.HasPrefix(err.Error(), path+": more than 1 files") {
		t.Errorf("error %v", err)
	}
}
