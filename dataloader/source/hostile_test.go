package source_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

func TestHostileTarMembers(t *testing.T) {
	f := mini.Animals(2)
	f["../../cats/out.png"] = f["cats/a.png"]
	f["/cats/absolute.png"] = f["cats/a.png"]
	f["cats/old.tif"], f["cats/new.HEIC"] = []byte("II"), nil
	f["cats/deep.tar"] = mini.Files{"deeper.tar": mini.Files{"a.png": nil}.Tarred(t)}.Tarred(t)
	f["cats/packed.tar.gz"] = []byte("x")
	more := []tar.Header{
		{Name: "cats/link.png", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink},
		{Name: "cats/hard.png", Linkname: "cats/a.png", Typeflag: tar.TypeLink},
		{Name: "cats/null.png", Typeflag: tar.TypeChar},
		{Name: "cats/pipe.png", Typeflag: tar.TypeFifo},
		{Name: "cats/a.png", Typeflag: tar.TypeReg},
		{Name: "cats/" + strings.Repeat("x", 5000) + ".png", Typeflag: tar.TypeReg},
	}
	want := map[string]string{
		"../../cats/out.png": "path leads out", "/cats/absolute.png": "path leads out", "cats/old.tif": ".tif is not read",
		"cats/new.HEIC": ".heic is not read", "cats/deep/deeper.tar": "nested more than 2 times",
		"cats/packed.tar.gz": "a packed archive in an archive",
		"cats/link.png":      "link to /etc/passwd",
		"cats/hard.png":      "link to cats/a.png: links in archives are not followed",
		"cats/null.png":      "not a regular file",
		"cats/pipe.png":      "not a regular file", "cats/a.png": "the same name twice",
		more[5].Name[:4096]: "more than 4096 bytes",
	}
	for _, name := range []string{"a.tar", "a.tar.gz"} {
		s := open(t, source.Options{}, f.Tar(t, name, more...))
		sameRejected(t, s.Rejected, want)
		_, data := s.contents(t)
		if len(data) != 4 {
			t.Errorf("%s: %d images, want 4", name, len(data))
		}
		for i, d := range data {
			if len(d) == 0 {
				t.Errorf("%s: %s is the second of its name", name, s.Items[i].Name)
			}
		}
	}
}

// header is a tar header that claims size bytes.
func header(t *testing.T, name string, size int64) []byte {
	var b bytes.Buffer
	check(t, tar.NewWriter(&b).WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644, Typeflag: tar.TypeReg}))
	return b.Bytes()
}

// sparse writes parts at their offsets into a file of that size, which takes no room on disk.
func sparse(t testing.TB, name string, size int64, parts map[int64][]byte) string {
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	check(t, err)
	defer f.Close()
	check(t, f.Truncate(size))
	for at, data := range parts {
		_, err := f.WriteAt(data, at)
		check(t, err)
	}
	return path
}

func TestTarsThatClaimTooMuch(t *testing.T) {
	good := mini.Animals(1).Tarred(t)
	good = good[:len(good)-1024]
	long := append(bytes.Clone(good), header(t, "cats/z.png", 1<<40)...)
	lacks(t, failure(source.Options{}, mini.Write(t, "a.tar", long)), "a.tar", "damaged archive",
		"cats/z.png claims 1099511627776 bytes, but 0 follow")
	lacks(t, failure(source.Options{}, mini.Write(t, "a.tar.gz", mini.Gzipped(long))), "a.tar.gz", "damaged archive",
		"unexpected EOF")
	inner := mini.Files{"x.png": nil}.Tarred(t)
	inner = append(inner[:512], header(t, "y.png", 5000)...)
	lacks(t, failure(source.Options{}, mini.Files{"cats.tar": inner}.Tar(t, "b.tar")), "b.tar", "damaged archive cats.tar",
		"y.png claims 5000 bytes")

	const huge = 300 << 20
	at := int64(len(good))
	path := sparse(t, "c.tar", at+512+huge+1024, map[int64][]byte{0: good, at: header(t, "cats/huge.png", huge)})
	sameRejected(t, open(t, source.Options{}, path).Rejected,
		map[string]string{"cats/huge.png": "314572800 bytes: want at most 256 MiB"})
}

// Archives that unpack to far more than they are end early; 64 times their size is always allowed.
func TestBombs(t *testing.T) {
	defer source.LimitUnpacked(1 << 20)()
	f := mini.Animals(2)
	f["cats/zeros.txt"] = make([]byte, 8<<20)
	for _, path := range []string{f.Tar(t, "bomb.tar.gz"), f.Zip(t, "bomb.zip", zip.Deflate)} {
		lacks(t, failure(source.Options{Format: "folders"}, path), filepath.Base(path), "unpack", "more than 1 MiB",
			"no archive of pictures")
	}
	if s := open(t, source.Options{}, f.Tar(t, "plain.tar")); len(s.Items) != 4 {
		t.Errorf("%d images of a plain tar, want 4", len(s.Items))
	}
}

// patch changes the local header and the entry in the directory of a member of a zip, each at its offset if not
// negative.
func patch(t *testing.T, path, name string, local, central int, value ...byte) {
	t.Helper()
	data := readFile(t, path)
	for sign, at := range map[string]int{"PK\x03\x04": local, "PK\x01\x02": central} {
		if at < 0 {
			continue
		}
		size := map[string]int{"PK\x03\x04": 30, "PK\x01\x02": 46}[sign]
		for i := 0; ; {
			k := bytes.Index(data[i:], []byte(sign))
			if k < 0 {
				break
			}
			if i += k; bytes.HasPrefix(data[i+size:], []byte(name)) {
				copy(data[i+at:], value)
			}
			i++
		}
	}
	check(t, os.WriteFile(path, data, 0o666))
}

func TestHostileZips(t *testing.T) {
	size := func(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
	rejects := func(name string, want string, change func(path string)) {
		t.Helper()
		path := mini.Join(mini.Animals(3), mini.Files{"readme": nil}).Zip(t, "a.zip", zip.Deflate)
		change(path)
		s := open(t, source.Options{}, path)
		_, data := s.contents(t)
		var causes []string
		for i, d := range data {
			if cause, bad := strings.CutPrefix(string(d), "rejected: "); bad {
				causes = append(causes, s.Items[i].Name+": "+cause)
			}
		}
		for _, r := range s.Rejected {
			causes = append(causes, r.File+": "+r.Cause)
		}
		if len(causes) != 1 || !strings.Contains(causes[0], want) || len(s.Items) < 5 {
			t.Errorf("%s: rejected %q, want %q", name, causes, want)
		}
	}
	rejects("encrypted", "cats/b.png: encrypted", func(p string) { patch(t, p, "cats/b.png", 6, 8, 9) })
	rejects("method", "compressed by method 12", func(p string) { patch(t, p, "cats/b.png", 8, 10, 12) })
	rejects("larger claim", "it claims 500", func(p string) { patch(t, p, "cats/b.png", 22, 24, size(500)...) })
	rejects("smaller claim", "it claims 5 and",
		func(p string) { patch(t, p, "cats/b.png", 22, 24, size(5)...) })
	rejects("a huge claim", "want at most 256 MiB", func(p string) { patch(t, p, "cats/b.png", 22, 24, size(300<<20)...) })
	rejects("checksum", "checksum", func(p string) { patch(t, p, "cats/b.png", 14, 16, 1, 2, 3, 4) })
	rejects("a link", "a link", func(p string) {
		patch(t, p, "cats/b.png", -1, 5, 3)                 // made by Unix
		patch(t, p, "cats/b.png", -1, 38, 0, 0, 0xff, 0xa1) // its mode
	})

	bad := func(want string, change func(path string)) {
		t.Helper()
		path := mini.Animals(3).Zip(t, "a.zip", zip.Store)
		change(path)
		lacks(t, failure(source.Options{}, path), "a.zip", want)
	}
	bad("overlap", func(p string) { patch(t, p, "cats/b.png", 18, 20, append(size(200), size(200)...)...) })
	bad("follow", func(p string) { patch(t, p, "cats/b.png", 18, 20, append(size(1<<30), size(1<<30)...)...) })
	bad("damaged archive", func(p string) { check(t, os.Truncate(p, 300)) })
	bad("two members overlap", func(p string) {
		for _, name := range []string{"cats/a.png", "cats/b.png"} {
			patch(t, p, name, 18, 20, make([]byte, 8)...) // of no bytes
		}
		at := bytes.Index(readFile(t, p), []byte("cats/a.png")) - 30 // its own header
		patch(t, p, "cats/b.png", -1, 42, size(uint32(at))...)
	})
	bad("not a valid zip", func(p string) { check(t, os.WriteFile(p, []byte("PK\x03\x04 and so on"), 0o666)) })
	bad("claims to unpack to more than", func(p string) {
		for _, name := range []string{"cats/a", "cats/b", "cats/c", "dogs/a", "dogs/b", "dogs/c"} {
			patch(t, p, name, 8, 10, 8) // deflated
			patch(t, p, name, 22, 24, size(1<<30)...)
		}
	})
	up := mini.Files{"../cats/x.png": nil, "cats/a.png": plainPNG(8, 1), "dogs\\b.png": plainPNG(8, 2),
		"cats/inner.zip": {1}}.Zip(t, "b.zip", zip.Store)
	s := open(t, source.Options{}, up)
	sameRejected(t, s.Rejected, map[string]string{"../cats/x.png": "path leads out",
		"cats/inner.zip": "an archive in a .zip"})
	if len(s.Items) != 2 || len(s.Classes) != 2 {
		t.Errorf("items %v", s.Items)
	}
}

func TestUnusableSources(t *testing.T) {
	cut := mini.Animals(2).Tar(t, "cut.tar.gz")
	data := readFile(t, cut)
	check(t, os.WriteFile(cut, data[:len(data)/2], 0o666))
	animals := mini.Animals(2).Folder(t)
	for name, c := range map[string]struct {
		format string
		paths  []string
		want   []string
	}{
		"missing": {"", []string{filepath.Join(t.TempDir(), "nowhere")},
			[]string{"nowhere", "does not exist"}},
		"none":              {"", nil, []string{"no source"}},
		"an unknown format": {"jpeg", []string{t.TempDir()}, []string{`"jpeg"`, "ilsvrc2012, cifar, idx"}},
		"empty":             {"", []string{mini.Files{}.Folder(t)}, []string{"source", "no images"}},
		"flat": {"", []string{mini.Files{"a.jpg": nil, "b.jpg": nil}.Folder(t)},
			[]string{"2 images", "none in a class folder", "CLASS/IMAGE", ".csv of the images' labels"}},
		"only empty folders": {"", []string{mini.Files{"cats/": nil, "dogs/": nil}.Folder(t)},
			[]string{"no images that are recognised", "want class folders"}},
		"only other formats": {"", []string{mini.Files{"cats/a.avif": nil}.Folder(t)},
			[]string{"cats/a.avif", "convert"}},
		"an empty class": {"", []string{mini.Join(mini.Animals(2), mini.Files{"birds/": nil}).Folder(t)},
			[]string{"class birds has no image"}},
		"an empty class, tar": {"", []string{mini.Join(mini.Animals(2), mini.Files{"birds/": nil}).Tar(t, "a.tar")},
			[]string{"class birds has no image"}},
		"an empty class, zip": {"", []string{mini.Join(mini.Animals(2), mini.Files{"birds/": nil}).Zip(t, "a.zip",
			zip.Store)}, []string{"class birds has no image"}},
		"a class only in val": {"", []string{mini.Join(mini.Animals(2).Below("train"), mini.Animals(2).Below("val"),
			mini.Files{"val/birds/a.png": nil}).Folder(t)}, []string{"class birds", "val/birds/a.png", "no training image"}},
		"a cut archive": {"", []string{cut}, []string{"cut.tar.gz", "unexpected EOF"}},
		"a cut one in a folder": {"", []string{mini.Files{"cats.tar": {1, 2, 3}}.Folder(t)},
			[]string{"cats.tar", "complete"}},
		"not an archive": {"", []string{mini.Write(t, "notes.md", bytes.Repeat([]byte("text "), 300))},
			[]string{"notes.md", "want a folder, .tar, .tar.gz or .zip"}},
		"the second is at fault": {"", []string{mini.Animals(1).Tar(t, "train.tar"),
			mini.Write(t, "val.tar", []byte("no archive"))}, []string{"val.tar: want a folder, .tar"}},
		"a line break in name": {"", []string{mini.Join(mini.Animals(1), mini.Files{"a\nb/a.png": nil}).Folder(t)},
			[]string{`"a\nb"`, "line break"}},
		"not ILSVRC2012": {"ilsvrc2012", []string{mini.Animals(1).Folder(t)},
			[]string{"not of the format ilsvrc2012", "n01440764"}},
		"not CIFAR": {"cifar", []string{mini.Animals(1).Folder(t)},
			[]string{"not of the format cifar", "data_batch_1.bin"}},
		"not IDX": {"idx", []string{mini.Animals(1).Folder(t)},
			[]string{"not of the format idx", "train-images-idx3-ubyte"}},
		"twice": {"", []string{cut, filepath.Join(filepath.Dir(cut), ".", "cut.tar.gz")},
			[]string{"cut.tar.gz is given twice"}},
		"a folder and its own": {"", []string{animals, filepath.Join(animals, "cats")},
			[]string{animals + " and " + filepath.Join(animals, "cats") + ": one lies within the other"}},
		"not packed": {"packed", []string{mini.Animals(1).Folder(t)}, []string{"set.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			lacks(t, failure(source.Options{Format: c.format}, c.paths...), c.want...)
		})
	}
}

func TestReadBeforeList(t *testing.T) {
	s, err := source.Open([]string{mini.Animals(1).Folder(t)}, source.Options{})
	check(t, err)
	defer s.Close()
	lacks(t, s.Read(context.Background(), nil, nil), "before List")
}

// A fingerprint is the same for the same source, and another when anything of it changes.
func TestFingerprint(t *testing.T) {
	f := mini.Join(flat("", ".png"), mini.Files{"labels.csv": []byte("a,x\nb,y\nc,x\nd,y\ne,x\n")})
	dir := f.Folder(t)
	first := open(t, source.Options{}, dir).Fingerprint
	if again := open(t, source.Options{}, dir).Fingerprint; again != first || len(first) != 64 {
		t.Errorf("fingerprints %s, then %s", first, again)
	}
	seen := map[string]string{first: "nothing"}
	for _, c := range []struct {
		what   string
		change func()
	}{
		{"a label", func() {
			check(t, os.WriteFile(filepath.Join(dir, "labels.csv"), []byte("a,y\nb,y\nc,x\nd,y\ne,x\n"), 0o666))
		}},
		{"a size", func() { check(t, os.WriteFile(filepath.Join(dir, "a.png"), []byte("x"), 0o666)) }},
		{"a time", func() {
			info, err := os.Stat(filepath.Join(dir, "b.png"))
			check(t, err)
			check(t, os.Chtimes(filepath.Join(dir, "b.png"), info.ModTime(), info.ModTime().Add(1e9)))
		}},
		{"a name", func() { check(t, os.Rename(filepath.Join(dir, "c.png"), filepath.Join(dir, "C.png"))) }},
		{"a file less", func() { check(t, os.Remove(filepath.Join(dir, "d.png"))) }},
	} {
		c.change()
		now := open(t, source.Options{}, dir).Fingerprint
		if what, same := seen[now]; same {
			t.Errorf("after %s changed, the fingerprint is as after %s", c.what, what)
		}
		seen[now] = c.what
	}
	archive := mini.Animals(1).Tar(t, "a.tar")
	first = open(t, source.Options{}, archive).Fingerprint
	info, err := os.Stat(archive)
	check(t, err)
	check(t, os.Chtimes(archive, info.ModTime(), info.ModTime().Add(1e9)))
	if open(t, source.Options{}, archive).Fingerprint == first {
		t.Error("the time of an archive changed, but not the fingerprint")
	}
}

// A zip of more than 65535 members has a directory of the 64-bit kind.
func TestZip64(t *testing.T) {
	const n = 66_000
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for k := range n {
		_, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("class%d/%d.jpg", k%2, k)})
		check(t, err)
	}
	check(t, w.Close())
	s := open(t, source.Options{}, mini.Write(t, "many.zip", b.Bytes()))
	var told []int
	_, err := s.List(context.Background(), func(found int) { told = append(told, found) })
	check(t, err)
	if len(told) != n/4096+1 || told[0] != 4096 || told[1] != 8192 || told[len(told)-1] != n {
		t.Errorf("told of %v", told)
	}
	if len(s.Items) != n || len(s.Classes) != 2 || len(s.Rejected) != 0 {
		t.Errorf("%d items of %d classes, %d rejected; want %d of 2", len(s.Items), len(s.Classes), len(s.Rejected), n)
	}
}
