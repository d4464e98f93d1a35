package source_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// What begins as an archive and is damaged from its first header on says so, whatever its name.
func TestDamagedHeads(t *testing.T) {
	whole := mini.Gzipped(mini.Animals(1).Tarred(t))
	for name, data := range map[string][]byte{
		"a.tar.gz": append([]byte{0x1f, 0x8b, 9}, whole[3:]...), // another method
		"b.tgz":    whole[:5],
		"c.tar":    bytes.Repeat([]byte("no tar "), 100),
		"d.tar.gz": mini.Gzipped([]byte("no tar")),
		"empty":    nil,
	} {
		path := mini.Write(t, name, data)
		lacks(t, failure(source.Options{}, path), path)
		dir := mini.Files{name + ".tar": data}.Folder(t)
		lacks(t, failure(source.Options{}, dir), name+".tar: not the archive that its name says: is it complete?")
	}
	check(t, failure(source.Options{}, mini.Animals(2).Folder(t), // an empty list may be of anything
		mini.Write(t, "ILSVRC2012_validation_ground_truth.txt", nil)))
	lacks(t, failure(source.Options{}, mini.Animals(2).Folder(t), mini.Write(t, "meta.mat", nil)), "want one")
	for name, head := range map[string][]byte{"train-images-idx3-ubyte.gz": {0x1f, 0x8b}, "labels.csv": {0x1f, 0x8b, 8}} {
		path := mini.Write(t, name, head)
		lacks(t, failure(source.Options{}, path), path+": unexpected EOF")
	}
	zipped := mini.Write(t, "z", []byte("PK\x05\x06"+strings.Repeat("\x00", 18))) // no members
	lacks(t, failure(source.Options{}, zipped), zipped, "no images that are recognised")
}

// Members that are nothing, or nothing that is read, are passed over or named.
func TestOddMembers(t *testing.T) {
	comment := tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "of git"}}
	other := tar.Header{Name: "dogs/other.png", Typeflag: tar.TypeCont}
	f := mini.Animals(2)
	for _, name := range []string{"a.tar", "a.tar.gz"} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		check(t, w.WriteHeader(&comment))
		check(t, w.WriteHeader(&tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755}))
		check(t, w.WriteHeader(&other))
		check(t, w.Flush())
		data := append(b.Bytes(), f.Tarred(t)...)
		if name != "a.tar" {
			data = mini.Gzipped(data)
		}
		s := open(t, source.Options{}, mini.Write(t, name, data))
		sameRejected(t, s.Rejected, map[string]string{"dogs/other.png": "not a regular file (type '7')"})
		if len(s.Items) != 4 {
			t.Errorf("%s: %d images", name, len(s.Items))
		}
		_, images := s.contents(t)
		for i, it := range s.Items {
			if !bytes.Equal(images[i], f[it.Name]) {
				t.Errorf("%s: %s has other bytes", name, it.Name)
			}
		}
	}
}

// A member of a zip that is no file, or says other sizes than it has, is named; images beside it are read.
func TestOddZipMembers(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f := mini.Animals(2)
	f["./"] = nil
	for _, name := range f.Names() {
		m, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		check(t, err)
		if !strings.HasSuffix(name, "/") {
			_, err = m.Write(f[name])
			check(t, err)
		}
	}
	device := &zip.FileHeader{Name: "dogs/device.png"}
	device.SetMode(os.ModeDevice | 0o666)
	_, err := w.CreateHeader(device)
	check(t, err)
	check(t, w.Close())
	path := mini.Write(t, "a.zip", b.Bytes())
	patch(t, path, "cats/a.png", 22, 24, binary.LittleEndian.AppendUint32(nil, uint32(len(f["cats/a.png"])+1))...)
	s := open(t, source.Options{}, path)
	sameRejected(t, s.Rejected, map[string]string{"dogs/device.png": "not a regular file"})
	_, data := s.contents(t)
	for i, it := range s.Items {
		claims := strings.HasPrefix(string(data[i]), "rejected: unpacks to") // one byte more than are stored
		if len(s.Items) != 4 || claims != (it.Name == "cats/a.png") {
			t.Errorf("%s of %d images: %.40q", it.Name, len(s.Items), data[i])
		}
	}
	patch(t, path, "cats/b.png", 0, -1, 'X') // its own header is gone
	lacks(t, failure(source.Options{}, path), "damaged archive: cats/b.png: zip: not a valid zip file")
}

// Folders within each other are read to a depth of 64.
func TestDeepFolders(t *testing.T) {
	deep := strings.TrimSuffix(strings.Repeat("d/", 64), "/")
	f := mini.Join(mini.Animals(1), mini.Files{"cats/" + deep[2:] + "/in.png": plainPNG(8, 1), "dogs/" + deep +
		"/out.png": plainPNG(8, 1)})
	dir := f.Folder(t)
	s := open(t, source.Options{}, dir)
	sameRejected(t, s.Rejected, map[string]string{"dogs/" + deep: "folders nested more than 64 times"})
	if len(s.Items) != 3 {
		t.Errorf("%d images, want 3", len(s.Items))
	}
	s = open(t, source.Options{Format: "folders"}, filepath.Join(dir, "dogs"))
	sameRejected(t, s.Rejected, map[string]string{"a.png": "not in a class folder"})
	if len(s.Items) != 1 {
		t.Errorf("from further in: %d images, rejected %v", len(s.Items), s.Rejected)
	}
}

// Paths that are called by nothing that tells them apart get numbers.
func TestNamesOfPaths(t *testing.T) {
	table := mini.Write(t, "labels.csv", []byte("file,label\na.png,x\nb.png,y\n"))
	one, two := laid("a.png").Folder(t), laid("b.png").Folder(t)
	hidden := filepath.Join(t.TempDir(), ".hidden")
	check(t, os.CopyFS(hidden, os.DirFS(two)))
	for name, c := range map[string]struct {
		paths []string
		want  []string
	}{
		"alike":  {[]string{one, two, table}, []string{"source/a.png", "source2/b.png"}},
		"hidden": {[]string{one, hidden, table}, []string{"source/a.png", "source2/b.png"}},
		"tars": {[]string{laid("a.png").Tar(t, "my.tar"), laid("b.png").Tar(t, "my.tar.gz"), table},
			[]string{"my/a.png", "my2/b.png"}},
	} {
		var names []string
		for _, it := range open(t, source.Options{}, c.paths...).Items {
			names = append(names, it.Name)
		}
		if slices.Sort(names); !slices.Equal(names, c.want) {
			t.Errorf("%s: images %q, want %q", name, names, c.want)
		}
	}
	t.Chdir(one)
	for _, it := range open(t, source.Options{}, ".", two, table).Items {
		if it.Name != "source1/a.png" && it.Name != "source/b.png" {
			t.Errorf("the folder here: %s", it.Name)
		}
	}
}
