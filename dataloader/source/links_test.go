package source_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// TestLinksInArchives: links in archives are refused, whatever they lead to; images beside them are read.
func TestLinksInArchives(t *testing.T) {
	hard := func(name, target string) tar.Header {
		return tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeLink}
	}
	soft := func(name, target string) tar.Header {
		return tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeSymlink}
	}
	f := laid("cats/{a,b}.png", "dogs/{c,d}.png")
	f["cats/inner.tar"] = laid("in.png").Tarred(t, hard("too.png", "in.png"))
	links := []tar.Header{hard("dogs/hard.png", "cats/a.png"), soft("cats/soft.png", "a.png"),
		hard("cats/.hidden.png", "cats/a.png"), hard("cats/._a.png", "cats/a.png"), soft("cats/out.png", "../../etc/a.png"),
		soft("cats/absolute.png", "/cats/a.png"), soft("cats/self.png", "self.png"), soft("cats/empty.png", "")}
	rejected := map[string]string{"dogs/hard.png": "link to cats/a.png: links in archives are not followed",
		"cats/soft.png": "link to a.png", "cats/.hidden.png": "hidden", "cats/out.png": "link to ../../etc/a.png",
		"cats/absolute.png": "link to /cats/a.png", "cats/self.png": "link to self.png", "cats/empty.png": "link to",
		"cats/inner/too.png": "link to in.png"}
	for _, name := range []string{"a.tar", "a.tar.gz"} {
		checkLinks(t, name, f.Tar(t, name, links...), 5, rejected)
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
	for name, target := range map[string]string{"dogs/up.png": "../cats/a.png", "cats/.hidden.png": "a.png"} {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(os.ModeSymlink | 0o777)
		w, err := z.CreateHeader(h)
		check(t, err)
		_, err = w.Write([]byte(target))
		check(t, err)
	}
	check(t, z.Close())
	checkLinks(t, "a.zip", mini.Write(t, "a.zip", b.Bytes()), 4,
		map[string]string{"dogs/up.png": "a link or the like", "cats/.hidden.png": "hidden"})
}

func checkLinks(t *testing.T, name, path string, images int, rejected map[string]string) {
	t.Helper()
	s := open(t, source.Options{}, path)
	sameRejected(t, s.Rejected, rejected)
	_, data := s.contents(t)
	for i, d := range data {
		if len(d) == 0 || len(data) != images {
			t.Errorf("%s: %s has %d bytes, of %d images, want %d", name, s.Items[i].Name, len(d), len(data), images)
		}
	}
}

// TestLinkedClass: a class that is a link to another has no image, for every folder is read once.
func TestLinkedClass(t *testing.T) {
	dir := laid("cats/{1,2}.png", "dogs/{1,2}.png").Folder(t)
	check(t, os.Symlink("dogs", filepath.Join(dir, "a dog"))) // comes first by its name
	s := open(t, source.Options{}, dir)
	if len(s.Items) != 4 || len(s.Faults) != 1 ||
		s.Faults[0].Problem != "a dog has no image: a dog: link to the folder dogs" {
		t.Errorf("a class is a link to another: %d images, faults %v", len(s.Items), s.Faults)
	}
}

// TestLostSplit: a split that is there by its name alone is none; a link to another split is rejected with its cause.
func TestLostSplit(t *testing.T) {
	for target, rejected := range map[string]map[string]string{"train": {"val": "link to the folder train"},
		"nowhere": {"val": "no such file"}} {
		dir := laid("train/{a,b}/{1,2}.png").Folder(t)
		check(t, os.Symlink(target, filepath.Join(dir, "val")))
		s := open(t, source.Options{}, dir)
		sameRejected(t, s.Rejected, rejected)
		if len(s.Items) != 4 || len(labels(s.Listing, true)) > 0 {
			t.Errorf("val is a link to %s: items %v", target, s.Items)
		}
	}
}
