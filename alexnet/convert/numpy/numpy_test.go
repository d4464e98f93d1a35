package numpy_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/alexnet/convert/numpy"
	. "duet/alexnet/convert/pickle/compose"
	"duet/engine/checkpoint"
)

// What testdata/make.py writes: arrays of every type, and some in every order.
var (
	types = func() (all []checkpoint.Tensor) {
		for _, name := range []string{"<f2", ">f4", "<f8", "<i1", ">i2", "<i4", ">i8", "|u1", "<u2", ">u4", "<u8"} {
			all = append(all, checkpoint.Tensor{Name: name, Shape: []int{2, 3}, Data: []float32{0, 1, 2, 3, 4, 5}})
		}
		nan, inf, minus := float32(math.NaN()), float32(math.Inf(1)), float32(math.Copysign(0, -1))
		return append(all, checkpoint.Tensor{Name: "bool", Shape: []int{2, 3}, Data: []float32{0, 0, 0, 1, 1, 1}},
			checkpoint.Tensor{Name: "special", Shape: []int{4}, Data: []float32{nan, inf, minus, 1e-40}})
	}()
	moved = checkpoint.Tensor{Name: "moved", Shape: []int{4, 2, 3}, Data: []float32{0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17,
		21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23}}
	order = []checkpoint.Tensor{
		{Name: "fortran", Shape: []int{2, 3}, Data: []float32{0, 1, 2, 3, 4, 5}},
		{Name: "steps", Shape: []int{2, 2}, Data: []float32{1, 3, 11, 13}},
		moved,
		{Name: "scalar", Shape: []int{}, Data: []float32{7}},
		{Name: "empty", Shape: []int{0, 3}, Data: []float32{}},
	}
)

// under puts tensors into a dict.
func under(dict string, tensors ...checkpoint.Tensor) []checkpoint.Tensor {
	all := slices.Clone(tensors)
	for i := range all {
		all[i].Name = dict + "/" + all[i].Name
	}
	return all
}

// same compares bit for bit, but for the bits of NaN, with the names' order.
func same(t *testing.T, what string, got, want []checkpoint.Tensor) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d tensors, want %d", what, len(got), len(want))
		return
	}
	for i, w := range want {
		g := got[i]
		equal := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b }
		if g.Name != w.Name || !slices.Equal(g.Shape, w.Shape) || !slices.EqualFunc(g.Data, w.Data, equal) {
			t.Errorf("%s: %s %v %v\nwant %s %v %v", what, g.Name, g.Shape, g.Data, w.Name, w.Shape, w.Data)
		}
	}
}

// TestFiles reads what NumPy has written.
func TestFiles(t *testing.T) {
	layer := moved
	layer.Name = "kernel"
	pickled := slices.Concat(under("layer/types", types...), under("layer", layer), under("order", order...),
		[]checkpoint.Tensor{{Name: "rate", Shape: []int{}, Data: []float32{0.5}}})
	alone := moved
	alone.Name = ""
	for _, c := range []struct {
		files string
		want  []checkpoint.Tensor
	}{
		{"v?.[1-5].pickle", pickled},
		{"v?.0.pickle", under("order", order...)},
		{"v?.npz", order},
		{"v?.deflated.npz", types},
		{"v?.npy", []checkpoint.Tensor{alone}},
	} {
		files, err := filepath.Glob(filepath.Join("testdata", c.files))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %d files, %v", c.files, len(files), err)
		}
		for _, file := range files {
			got, err := numpy.Read(file)
			if err != nil {
				t.Error(err)
				continue
			}
			same(t, file, got, c.want)
		}
	}
}

// npy is a file of version 1 of a header and data.
func npy(header, data string) string {
	return "\x93NUMPY\x01\x00" + string(binary.LittleEndian.AppendUint16(nil, uint16(len(header)))) + header + data
}

// describe is a header as NumPy writes it.
func describe(descr, fortran, shape string) string {
	return "{'descr': " + descr + ", 'fortran_order': " + fortran + ", 'shape': " + shape + ", }        \n"
}

// archive is a zip archive of names and contents, which take turns.
func archive(t testing.TB, method uint16, members ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: members[i], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(members[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// dtype is one in a pickle, with its byte order.
func dtype(name, order string) string {
	return Build(Call(Global("numpy", "dtype"), Str(name), False, True),
		Tuple(Int(3), Str(order), None, None, None, Int(-1), Int(-1), Int(0)))
}

// array is one in a pickle.
func array(dtype, shape, fortran, data string) string {
	return Build(Call(Global("numpy.core.multiarray", "_reconstruct"), Global("numpy", "ndarray"), Ints(0), Bytes("b")),
		Tuple(Int(1), shape, dtype, fortran, data))
}

// read writes a file and reads it.
func read(t testing.TB, content string) ([]checkpoint.Tensor, string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "arrays")
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	x, err := numpy.Read(path)
	return x, path, err
}

const bytes3 = "\x01\x02\x03"

// TestForms reads what NumPy does not write any more, or seldom.
func TestForms(t *testing.T) {
	u1, i2 := dtype("u1", "|"), dtype("i2", ">")
	one := func(name string, data ...float32) []checkpoint.Tensor {
		return []checkpoint.Tensor{{Name: name, Shape: []int{len(data)}, Data: data}}
	}
	long := strings.Replace(npy(describe("'|u1'", "False", "(3,)"), bytes3), "\x01\x00", "\x02\x00", 1)
	long = long[:10] + "\x00\x00" + long[10:]
	buffer := func(order ...string) string {
		return Pickle(Dict(Str("a"), Call(Global("numpy.core.numeric", "_frombuffer"), append([]string{Bytes(bytes3), u1,
			Ints(3)}, order...)...)))
	}
	for _, c := range []struct {
		name, file string
		want       []checkpoint.Tensor
	}{
		{"version 2", long, one("", 1, 2, 3)},
		{"version 3", strings.Replace(long, "\x02\x00", "\x03\x00", 1), one("", 1, 2, 3)},
		{"of Python 2", npy(describe("'|u1'", "False", "(3L,)"), bytes3), one("", 1, 2, 3)},
		{"in another order", npy(`{"shape":(3,),"descr":"u1","fortran_order":True}`, bytes3), one("", 1, 2, 3)},
		{"big endian", npy(describe("'>i2'", "False", "(2,)"), "\x00\x01\xff\xff"), one("", 1, -1)},
		{"an array alone", Pickle(array(i2, Ints(2), False, Bytes("\x00\x01\xff\xff"))), one("", 1, -1)},
		{"bytes of Python 2", Pickle(Dict(Str("a"), array(u1, Ints(3), False, "U\x03"+bytes3))), one("a", 1, 2, 3)},
		{"no order of bytes", Pickle(Dict(Str("a"), array(Call(Global("numpy", "dtype"), Str("u1")), Ints(3), False,
			Bytes(bytes3)))), one("a", 1, 2, 3)},
		{"a buffer", buffer(Str("C")), one("a", 1, 2, 3)},
		{"a buffer of Fortran", buffer(Str("F")), one("a", 1, 2, 3)},
		{"a buffer with axes", buffer(Str("K"), Ints(0)), one("a", 1, 2, 3)},
		{"protocol 0", "(dS'a'\n" + array(u1, Ints(3), False, "U\x03"+bytes3) + "s.", one("a", 1, 2, 3)},
		{"an empty dict", Pickle(EmptyDict), nil},
		{"shared", Pickle(Dict(Str("a"), Put(array(u1, Ints(1), False, Bytes("\x05")), 0), Str("b"),
			Dict(Str("c"), Get(0)))), []checkpoint.Tensor{{Name: "a", Shape: []int{1}, Data: []float32{5}},
			{Name: "b/c", Shape: []int{1}, Data: []float32{5}}}},
		{"an empty name", archive(t, zip.Store, ".npy", npy(describe("'u1'", "False", "(3,)"), bytes3)), one("", 1, 2, 3)},
	} {
		got, _, err := read(t, c.file)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		same(t, c.name, got, c.want)
	}
}
