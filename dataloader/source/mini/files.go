package mini

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"image"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Files is a source in memory for tests: content by path. A path that ends in a slash is an empty folder.
type Files map[string][]byte

// Folder writes the files below a new folder.
func (f Files) Folder(t testing.TB) string {
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

// Names are the paths in an order that is not that of the names.
func (f Files) Names() []string {
	names := slices.Sorted(maps.Keys(f))
	slices.Reverse(names)
	return names
}

// Tarred are the files as a tar, with further headers after them.
func (f Files) Tarred(t testing.TB, more ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, n := range f.Names() {
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

// Tar writes the files into an archive of that name, zipped when it ends in .gz.
func (f Files) Tar(t testing.TB, name string, more ...tar.Header) string {
	t.Helper()
	data := f.Tarred(t, more...)
	if filepath.Ext(name) == ".gz" {
		data = Gzipped(data)
	}
	return Write(t, name, data)
}

// Zip writes the files into a .zip of that name, with a method of package archive/zip.
func (f Files) Zip(t testing.TB, name string, method uint16) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, n := range f.Names() {
		m, err := w.CreateHeader(&zip.FileHeader{Name: n, Method: method})
		check(t, err)
		if n[len(n)-1] != '/' {
			_, err := m.Write(f[n])
			check(t, err)
		}
	}
	check(t, w.Close())
	return Write(t, name, b.Bytes())
}

// Below puts every file into a folder.
func (f Files) Below(folder string) Files {
	moved := Files{}
	for name, data := range f {
		moved[folder+"/"+name] = data
	}
	return moved
}

// Join is the files of all parts.
func Join(parts ...Files) Files {
	all := Files{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

// Animals is a source of two classes of 8x8 images; number k of cats is grey 10+k, of dogs 100+k.
func Animals(each int) Files {
	f := Files{}
	for k := range each {
		name := string(rune('a'+k)) + ".png"
		f["cats/"+name] = GreyPNG(8, 8, uint8(10+k))
		f["dogs/"+name] = GreyPNG(8, 8, uint8(100+k))
	}
	return f
}

// GreyPNG is a PNG of one grey level, by which a test knows it again.
func GreyPNG(w, h int, level uint8) []byte {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = level
	}
	return encodePNG(m)
}

// Write writes a file of that name into a new folder.
func Write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, data, 0o666))
	return path
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
