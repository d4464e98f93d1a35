package prepare_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/packed"
	"duet/dataloader/prepare"
)

// files is a source in memory: content by path. A path that ends in a slash is an empty folder.
type files map[string][]byte

// folder writes the files below a new folder.
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

// tar writes the files into an archive of that name, in an order that is not that of the names.
func (f files) tar(t testing.TB, name string, more ...tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	names := slices.Sorted(maps.Keys(f))
	slices.Reverse(names)
	for _, n := range names {
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
	data := b.Bytes()
	if filepath.Ext(name) == ".gz" {
		data = zipped(data)
	}
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, data, 0o666))
	return path
}

func zipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data) // a buffer takes everything
	z.Close()
	return b.Bytes()
}

// plainPNG is a PNG of one colour.
func plainPNG(w, h int, c color.Color) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, c)
		}
	}
	return encodePNG(m)
}

func encodePNG(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func encodeJPEG(m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// grey is a grey level that identifies an image in a test.
func grey(v uint8) color.Color { return color.Gray{Y: v} }

// animals is a source of two classes; image k of cats is grey 10+k, of dogs 100+k.
func animals(each int) files {
	f := files{}
	for k := range each {
		name := string(rune('a'+k)) + ".png"
		f["cats/"+name] = plainPNG(8, 8, grey(uint8(10+k)))
		f["dogs/"+name] = plainPNG(8, 8, grey(uint8(100+k)))
	}
	return f
}

// below puts every file into a folder.
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

// run packs a source into a new folder.
func run(t testing.TB, source string, o prepare.Options) (string, prepare.Summary) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "set")
	summary, err := prepare.Run(context.Background(), []string{source}, out, o)
	check(t, err)
	return out, summary
}

// open opens a split until the end of the test.
func open(t testing.TB, dir, split string) *packed.Set {
	t.Helper()
	s, err := packed.Open(dir, split)
	check(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// firstBytes are the first red values of a set's images.
func firstBytes(s *packed.Set) []byte {
	b := make([]byte, s.Len())
	for i := range b {
		b[i] = s.Stored(i)[0]
	}
	return b
}

// contents are all files of a folder by their path.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir)] = string(data)
		return err
	}))
	return all
}

// noise is an opaque image of pseudo-random pixels.
func noise(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	state := uint32(w*1000 + h)
	for i := range m.Pix {
		state = state*1664525 + 1013904223
		m.Pix[i] = uint8(state >> 24)
		if i%4 == 3 {
			m.Pix[i] = 255
		}
	}
	return m
}
