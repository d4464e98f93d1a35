package pytorch_test

import (
	"os"
	"path/filepath"
	"testing"

	"duet/alexnet/convert/foreign"
	. "duet/alexnet/convert/pickle/compose"
	"duet/alexnet/convert/pytorch"
)

// FuzzPyTorch feeds arbitrary files, and as arbitrary pickles in an archive and in a stream that are else sound. They
// must not crash the reader, nor give more numbers than package foreign allows, nor take memory that the file's size
// does not justify.
func FuzzPyTorch(f *testing.F) {
	files, err := filepath.Glob("testdata/*.pth")
	if err != nil || len(files) == 0 {
		f.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content, byte(0))
	}
	x := Put(floats("0", 3), 0)
	for form := byte(1); form <= 2; form++ {
		f.Add([]byte(Pickle(Dict(Str("a"), x, Str("b"), Get(0)))), form)
		f.Add([]byte(Pickle(Dict(Str("net"), Dict(Str("a"), x), Str("epoch"), Int(1)))), form)
		f.Add([]byte(Pickle(Dict(Str("a"), tensor(storage("HalfStorage", "0", 6), 1, Ints(2, 2), Ints(1, 2))))), form)
		f.Add([]byte(Pickle(Dict(Str("a"), tensor(storage("ByteStorage", "0", 12), 0, Ints(0, 5), Ints(9, 9))))), form)
	}
	f.Fuzz(func(t *testing.T, content []byte, form byte) {
		file := string(content)
		switch form {
		case 1:
			file = archive(t, member{name: "a/data.pkl", data: file}, member{name: "a/data/0", data: three})
		case 2:
			file = stream("", 0, "")[:15] + Pickle(Int(1001)) + Pickle(None) + file + Pickle(List(Str("0"))) + U64(3) + three
		}
		path := filepath.Join(t.TempDir(), "weights")
		if err := os.WriteFile(path, []byte(file), 0o666); err != nil {
			t.Fatal(err)
		}
		numbers := 0
		used := allocated(func() {
			tensors, err := pytorch.Read(path)
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
