package source_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// TestLinksInArchives: links to images count as they do where the archive is unpacked; others are named.
func TestLinksInArchives(t *testing.T) {
	hard := func(name, target string) tar.Header {
		return tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeLink}
	}
	soft := func(name, target string) tar.Header {
		return tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeSymlink}
	}
	f := laid("cats/{a,b}.png", "dogs/{c,d}.png")
	f["dogs/note.txt"], f["cats/inner.tar"] = []byte("no image"), laid("in.png").Tarred(t, hard("too.png", "in.png"))
	long := []tar.Header{soft("cats/0.png", "a.png")} // 40 links, then one more
	for i := range 40 {
		long = append(long, soft("cats/"+string(rune('0'+i+1))+".png", string(rune('0'+i))+".png"))
	}
	links := append([]tar.Header{
		hard("dogs/hard.png", "cats/a.png"), hard("dogs/dot.png", "./cats/b.png"), soft("cats/soft.png", "a.png"), soft("dogs/up.png", "../cats/b.png"),
		soft("cats/chain.png", "chain2.png"), soft("cats/chain2.png", "../dogs/hard.png"), hard("cats/.hidden.png", "cats/a.png"), hard("cats/._a.png", "cats/a.png"),
		hard("cats/none.png", "cats/nowhere.png"), soft("cats/out.png", "../../etc/a.png"), soft("cats/absolute.png", "/cats/a.png"),
		hard("dogs/text.png", "dogs/note.txt"), soft("cats/loop.png", "loop2.png"), soft("cats/loop2.png", "loop.png"), soft("cats/self.png", "self.png"),
		hard("cats/note.md", "cats/a.png"), soft("cats/empty.png", ""), hard("cats/b.png", "cats/a.png"),
	}, long...)
	same := map[string]string{"dogs/hard.png": "cats/a.png", "dogs/dot.png": "cats/b.png", "cats/soft.png": "cats/a.png", "dogs/up.png": "cats/b.png",
		"cats/chain.png": "cats/a.png", "cats/chain2.png": "cats/a.png", "cats/inner/too.png": "cats/inner/in.png"}
	for _, l := range long[:40] {
		same[l.Name] = "cats/a.png"
	}
	rejected := map[string]string{"cats/.hidden.png": "hidden", "cats/none.png": "link to cats/nowhere.png", "cats/out.png": "link to ../../etc/a.png",
		"cats/absolute.png": "link to /cats/a.png", "dogs/text.png": "link to dogs/note.txt", "cats/loop.png": "link to loop2.png",
		"cats/loop2.png": "link to loop.png", "cats/self.png": "link to self.png", "cats/note.md": "link to cats/a.png", "cats/empty.png": "link to",
		"cats/b.png": "the same name twice", long[40].Name: "link to"}
	for _, name := range []string{"a.tar", "a.tar.gz"} {
		checkLinks(t, name, f.Tar(t, name, links...), 5+len(same), same, rejected)
	}

	var b bytes.Buffer
	z := zip.NewWriter(&b)
	plain := laid("cats/{a,b}.png", "dogs/{c,d}.png")
	for _, name := range plain.Names() {
		w, err := z.Create(name)
		check(t, err)
		_, err = w.Write(plain[name])
		check(t, err)
	}
	for name, target := range map[string]string{"dogs/up.png": "../cats/a.png", "cats/out.png": "/etc/a.png", "cats/.hidden.png": "a.png"} {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(os.ModeSymlink | 0o777)
		w, err := z.CreateHeader(h)
		check(t, err)
		_, err = w.Write([]byte(target))
		check(t, err)
	}
	check(t, z.Close())
	checkLinks(t, "a.zip", mini.Write(t, "a.zip", b.Bytes()), 5, map[string]string{"dogs/up.png": "cats/a.png"},
		map[string]string{"cats/out.png": "a link", "cats/.hidden.png": "hidden"})
}

func checkLinks(t *testing.T, name, path string, images int, same, rejected map[string]string) {
	t.Helper()
	s := open(t, source.Options{}, path)
	sameRejected(t, s.Rejected, rejected)
	if len(s.Items) != images {
		t.Errorf("%s: %d images, want %d", name, len(s.Items), images)
	}
	content := map[string][]byte{}
	check(t, s.Read(context.Background(), nil, func(item int, fetch source.Fetch) error {
		c, err := fetch(nil)
		content[s.Items[item].Name] = bytes.Clone(c.Encoded)
		return err
	}))
	for link, target := range same {
		if len(content[link]) == 0 || !bytes.Equal(content[link], content[target]) {
			t.Errorf("%s: %s has %d bytes, want the %d of %s", name, link, len(content[link]), len(content[target]), target)
		}
	}
	only := slices.IndexFunc(s.Items, func(it source.Item) bool { return it.Name == "dogs/up.png" })
	check(t, s.Read(context.Background(), func(item int) bool { return item == only }, func(item int, fetch source.Fetch) error {
		if c, err := fetch(nil); item != only || err != nil || len(c.Encoded) == 0 {
			t.Errorf("%s: only a link is wanted: item %d, error %v", name, item, err)
		}
		return nil
	}))
}

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
