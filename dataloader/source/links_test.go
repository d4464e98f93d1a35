package source_test

import (
	"archive/tar"
	"os"
	"path/filepath"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// TestLostSplit: a split that is there by its name, but has no images of its own, is refused with the cause, for it would
// be missed without a word; a way to go on is named.
func TestLostSplit(t *testing.T) {
	link := func(target, name string) func(dir string) error {
		return func(dir string) error { return os.Symlink(target, filepath.Join(dir, name)) }
	}
	empty := func(name string) func(dir string) error {
		return func(dir string) error { return os.MkdirAll(filepath.Join(dir, name), 0o777) }
	}
	train := laid("train/{a,b}/{1,2}.png")
	for name, c := range map[string]struct {
		files mini.Files
		and   func(dir string) error
		want  string // of the error; "": there is none
	}{
		"val is a link to train":           {train, link("train", "val"), "val has no image: link to the folder train; want images of its own"},
		"train is a link to val":           {laid("val/{a,b}/{1,2}.png"), link("val", "train"), "train has no image: link to the folder val"},
		"val leads nowhere":                {train, link("/nowhere/at/all", "val"), "val has no image: no such file"},
		"valid is a link to train":         {train, link("train", "valid"), "valid has no image: link to the folder train"},
		"test is a link to train":          {train, link("train", "test"), "test has no image: link to the folder train"},
		"a link in capitals":               {train, link("train", "Val"), "Val has no image: link to the folder train"},
		"a link in a wrapper":              {train.Below("set/"), link("train", "set/val"), "set/val has no image: link to the folder set/train"},
		"val is a link to test":            {laid("train/{a,b}/{1,2}.png", "test/{a,b}/3.png"), link("test", "val"), "val has no image: link to the folder test"},
		"val of WordNet is a link":         {laid("train/{n01440764,n02102040}/{1,2}.png"), link("train", "val"), "val has no image: link to the folder train"},
		"val has empty classes":            {train, empty("val/a"), "val has no image: it is empty"},
		"val is empty":                     {train, empty("val"), "val has no image: it is empty"},
		"train is empty":                   {laid("val/{a,b}/{1,2}.png"), empty("train"), "train has no image: it is empty"},
		"val of other images":              {mini.Join(train, laid("val/a/1.tif")), nil, "val has no image: it is empty or holds no image that is read"},
		"test is empty":                    {train, empty("test"), ""},
		"test is a link beside val":        {laid("train/{a,b}/{1,2}.png", "val/{a,b}/3.png"), link("val", "test"), ""},
		"a link in val":                    {laid("train/{a,b}/{1,2}.png", "val/a/3.png"), link("../train/b", "val/b"), ""},
		"a folder val deep in a class":     {train, empty("train/a/val"), ""},
		"a link to train, no split's name": {train, link("train", "latest"), ""},
	} {
		dir := c.files.Folder(t)
		if c.and != nil {
			check(t, c.and(dir))
		}
		if c.want == "" {
			open(t, source.Options{}, dir)
			continue
		}
		lacks(t, failure(source.Options{}, dir), c.want)
		s := open(t, source.Options{Format: "folders"}, dir)
		if len(s.Items) != 4 && name != "val is a link to test" {
			t.Errorf("%s, --format folders: %d images, want the 4 that there are", name, len(s.Items))
		}
	}
	dir := laid("cats/{1,2}.png", "dogs/{1,2}.png").Folder(t)
	check(t, os.Symlink("dogs", filepath.Join(dir, "a dog"))) // comes first by its name
	s := open(t, source.Options{}, dir)
	if len(s.Items) != 4 || len(s.Faults) != 1 || s.Faults[0].Problem != "a dog has no image: a dog: link to the folder dogs" {
		t.Errorf("a class is a link to another: %d images, faults %v", len(s.Items), s.Faults)
	}
	inTar := train.Tar(t, "a.tar", tar.Header{Name: "val", Linkname: "train", Typeflag: tar.TypeSymlink})
	lacks(t, failure(source.Options{}, inTar), "val has no image: link to train")
}
