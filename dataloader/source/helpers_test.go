package source_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/source"
)

// files is a source in memory: content by path. A path that ends in a slash is an empty folder.
type files map[string][]byte

func (f files) folder(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "source")
	check(t, os.Mkdir(dir, 0o777))
	for name, data := range f {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if name[len(name)-1] == '/' {
			check(t, os.MkdirAll(path, 0o777))
			continue
		}
		check(t, os.MkdirAll(filepath.Dir(path), 0o777))
		check(t, os.WriteFile(path, data, 0o666))
	}
	return dir
}

// names are the paths in an order that is not that of the names.
func (f files) names() []string {
	names := slices.Sorted(maps.Keys(f))
	slices.Reverse(names)
	return names
}

// tarred are the files as a tar.
func (f files) tarred(t testing.TB, more ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, n := range f.names() {
		h := &tar.Header{Name: n, Size: int64(len(f[n])), Mode: 0o644, Typeflag: tar.TypeReg}
		if n[len(n)-1] == '/' {
			h.Typeflag = tar.TypeDir
		}
		check(t, w.WriteHeader(h))
		w.Write(f[n])
	}
	for _, h := range more {
		check(t, w.WriteHeader(&h))
	}
	check(t, w.Close())
	return b.Bytes()
}

// tar writes the files into an archive of that name, zipped when it ends in .gz.
func (f files) tar(t testing.TB, name string, more ...tar.Header) string {
	t.Helper()
	data := f.tarred(t, more...)
	if filepath.Ext(name) == ".gz" {
		data = gzipped(data)
	}
	return write(t, name, data)
}

func (f files) zip(t testing.TB, name string, method uint16) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, n := range f.names() {
		m, err := w.CreateHeader(&zip.FileHeader{Name: n, Method: method})
		check(t, err)
		if n[len(n)-1] != '/' {
			_, err := m.Write(f[n])
			check(t, err)
		}
	}
	check(t, w.Close())
	return write(t, name, b.Bytes())
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, data, 0o666))
	return path
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data) // a buffer takes everything
	z.Close()
	return b.Bytes()
}

// plainPNG is a square PNG of one grey level, by which a test knows it again.
func plainPNG(side int, level uint8) []byte {
	m := image.NewGray(image.Rect(0, 0, side, side))
	for i := range m.Pix {
		m.Pix[i] = level
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// animals is a source of two classes.
func animals(each int) files {
	f := files{}
	for k := range each {
		name := string(rune('a'+k)) + ".png"
		f["cats/"+name] = plainPNG(8, uint8(10+k))
		f["dogs/"+name] = plainPNG(8, uint8(100+k))
	}
	return f
}

func (f files) below(folder string) files {
	moved := files{}
	for name, data := range f {
		moved[folder+"/"+name] = data
	}
	return moved
}

func join(parts ...files) files {
	all := files{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An opened source with its listing, until the end of the test.
type opened struct {
	source.Source
	*source.Listing
}

func open(t testing.TB, o source.Options, paths ...string) opened {
	t.Helper()
	s, err := source.Open(paths, o)
	check(t, err)
	t.Cleanup(func() { s.Close() })
	l, err := s.List(context.Background(), nil)
	check(t, err)
	return opened{s, l}
}

// failure is the error of opening and listing, or of reading everything.
func failure(o source.Options, paths ...string) error {
	s, err := source.Open(paths, o)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.List(context.Background(), nil); err != nil {
		return err
	}
	return s.Read(context.Background(), nil, func(_ int, fetch source.Fetch) error {
		_, err := fetch(nil)
		return err
	})
}

// lacks reports which of the texts an error does not have.
func lacks(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
}

// contents reads every item, and holds the order: item i is "class split name" with its bytes, or its cause.
func (o opened) contents(t testing.TB) (keys []string, data [][]byte) {
	t.Helper()
	next := 0
	check(t, o.Read(context.Background(), nil, func(i int, fetch source.Fetch) error {
		if i != next {
			t.Fatalf("item %d was emitted, want %d", i, next)
		}
		next++
		it := o.Items[i]
		c, err := fetch(nil)
		keys = append(keys, fmt.Sprintf("%s %t %s", o.Classes[it.Label].ID, it.Val, it.Name))
		switch {
		case err != nil:
			data = append(data, []byte("rejected: "+err.Error()))
		case c.Image != nil:
			data = append(data, pixels(c.Image))
		default:
			data = append(data, bytes.Clone(c.Encoded))
		}
		return nil
	}))
	if next != len(o.Items) {
		t.Fatalf("%d items were emitted of %d", next, len(o.Items))
	}
	return keys, data
}

// pixels are the RGB bytes of an image.
func pixels(m image.Image) []byte {
	var b []byte
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			c := color.RGBAModel.Convert(m.At(x, y)).(color.RGBA)
			b = append(b, c.R, c.G, c.B)
		}
	}
	return b
}

func classIDs(l *source.Listing) []string {
	var ids []string
	for _, c := range l.Classes {
		ids = append(ids, c.ID)
	}
	return ids
}

func labels(l *source.Listing, val bool) []int32 {
	var all []int32
	for _, it := range l.Items {
		if it.Val == val {
			all = append(all, it.Label)
		}
	}
	return all
}

// sameRejected compares the files and parts of their causes.
func sameRejected(t *testing.T, got []source.Rejected, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d rejected, want %d: %v", len(got), len(want), got)
	}
	for _, r := range got {
		if cause, ok := want[r.File]; !ok || !strings.Contains(r.Cause, cause) {
			t.Errorf("rejected %s: %q, want %q", r.File, r.Cause, cause)
		}
	}
}
