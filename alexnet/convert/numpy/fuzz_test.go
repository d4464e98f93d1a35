package numpy_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"testing"

	"duet/alexnet/convert/foreign"
	"duet/alexnet/convert/numpy"
	. "duet/alexnet/convert/pickle/compose"
)

// FuzzNumPy feeds arbitrary files, and arbitrary members of an archive that is else sound. They must not crash the
// reader, nor give more numbers than package foreign allows, nor take memory that the file's size does not justify.
func FuzzNumPy(f *testing.F) {
	files, err := filepath.Glob("testdata/v*")
	if err != nil || len(files) == 0 {
		f.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content, false)
	}
	u1, f2 := dtype("u1", "|"), dtype("f2", ">")
	f.Add([]byte(Pickle(Dict(Str("a"), array(u1, Ints(3), False, Bytes(bytes3))))), false)
	f.Add([]byte(Pickle(Dict(Str("a"), Put(array(f2, Ints(1, 2), True, Bytes("abcd")), 0), Str("b"), Get(0)))), false)
	for _, zipped := range []bool{false, true} {
		f.Add([]byte(npy(describe("'|u1'", "False", "(3,)"), bytes3)), zipped)
		f.Add([]byte(npy(describe("'<f2'", "True", "(2, 2)"), "abcdefgh")), zipped)
	}
	f.Fuzz(func(t *testing.T, content []byte, zipped bool) {
		file := string(content)
		if zipped {
			file = archive(t, zip.Store, "a.npy", file)
		}
		path := filepath.Join(t.TempDir(), "arrays")
		if err := os.WriteFile(path, []byte(file), 0o666); err != nil {
			t.Fatal(err)
		}
		numbers := 0
		used := allocated(func() {
			tensors, err := numpy.Read(path)
			if err != nil {
				oneLine(t, path, err)
			}
			for _, x := range tensors {
				count := 1
				for _, n := range x.Shape {
					count *= n
				}
				if count != len(x.Data) {
					t.Errorf("%s: shape %v, but %d numbers", x.Name, x.Shape, len(x.Data))
				}
				numbers += count
			}
		})
		if limit := foreign.ElementsPerByte * len(file); numbers > limit {
			t.Errorf("%d numbers of a file of %d bytes, want at most %d", numbers, len(file), limit)
		}
		if limit := uint64(memoryPerByte*len(file) + 2<<20); used > limit {
			t.Errorf("%d bytes allocated for %d, want at most %d", used, len(file), limit)
		}
	})
}
