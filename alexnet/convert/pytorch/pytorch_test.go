package pytorch_test

import (
	"archive/zip"
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "duet/alexnet/convert/pickle/compose"
	"duet/alexnet/convert/pytorch"
	"duet/engine/checkpoint"
)

var inf = float32(math.Inf(1))

// types and views are what testdata/make.py writes.
var types = []checkpoint.Tensor{
	{Name: "float32", Shape: []int{2, 3}, Data: []float32{0.1, -2.5, inf, float32(math.Copysign(0, -1)), 1e-40, 3}},
	{Name: "float64", Shape: []int{2}, Data: []float32{0.1, inf}},
	{Name: "float16", Shape: []int{3}, Data: []float32{0.0999755859375, 65504, -5.9604645e-8}},
	{Name: "bfloat16", Shape: []int{2}, Data: []float32{0.10009765625, -3.0040553e38}},
	{Name: "int64", Shape: []int{2}, Data: []float32{-1, 1 << 40}},
	{Name: "int32", Shape: []int{2}, Data: []float32{-1, 1 << 31}},
	{Name: "int16", Shape: []int{2}, Data: []float32{-1, 300}},
	{Name: "int8", Shape: []int{2}, Data: []float32{-128, 127}},
	{Name: "uint8", Shape: []int{2}, Data: []float32{0, 255}},
	{Name: "bool", Shape: []int{2}, Data: []float32{1, 0}},
}

var views = []checkpoint.Tensor{
	{Name: "base", Shape: []int{3, 4}, Data: []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
	{Name: "transposed", Shape: []int{4, 3}, Data: []float32{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}},
	{Name: "steps", Shape: []int{2, 2}, Data: []float32{1, 3, 9, 11}},
	{Name: "part", Shape: []int{2, 2}, Data: []float32{6, 7, 10, 11}},
	{Name: "scalar", Shape: []int{}, Data: []float32{7}},
	{Name: "empty", Shape: []int{0, 3}, Data: []float32{}},
	{Name: "parameter", Shape: []int{2}, Data: []float32{1, 1}},
	{Name: "uint16", Shape: []int{2}, Data: []float32{0, 65535}},
}

// same compares bit for bit, with the names' order.
func same(t *testing.T, what string, got, want []checkpoint.Tensor) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d tensors, want %d", what, len(got), len(want))
		return
	}
	for i, w := range want {
		g := got[i]
		equal := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }
		if g.Name != w.Name || !slices.Equal(g.Shape, w.Shape) || !slices.EqualFunc(g.Data, w.Data, equal) {
			t.Errorf("%s: %s %v %v\nwant %s %v %v", what, g.Name, g.Shape, g.Data, w.Name, w.Shape, w.Data)
		}
	}
}

// TestFiles reads what PyTorch has written.
func TestFiles(t *testing.T) {
	full := func(name string, shape ...int) checkpoint.Tensor {
		data := make([]float32, 1, 2)
		data[0] = 2
		if slices.Contains(shape, 2) {
			data = append(data, 2)
		}
		return checkpoint.Tensor{Name: name, Shape: shape, Data: data}
	}
	for _, c := range []struct {
		file string
		want []checkpoint.Tensor
	}{
		{"types.zip.pth", types},
		{"types.stream.pth", types},
		{"views.zip.pth", views},
		{"views.stream.pth", views},
		{"checkpoint.pth", []checkpoint.Tensor{
			full("0.weight", 1, 2), full("0.bias", 1), full("1.weight", 1), full("1.bias", 1),
			full("1.running_mean", 1), full("1.running_var", 1), full("1.num_batches_tracked"),
		}},
	} {
		got, err := pytorch.Read(filepath.Join("testdata", c.file))
		if err != nil {
			t.Error(err)
			continue
		}
		same(t, c.file, got, c.want)
	}
}

// storage is the persistent id of one, and tensor a view of it.
func storage(class, key string, elements int64, more ...string) string {
	return Persistent(Tuple(append([]string{Str("storage"), Global("torch", class), Str(key), Str("cpu"), Int(elements)},
		more...)...))
}

func tensor(storage string, offset int64, sizes, strides string) string {
	return Call(Global("torch._utils", "_rebuild_tensor_v2"), storage, Int(offset), sizes, strides, False, Ordered)
}

// floats is a tensor of a whole storage.
func floats(key string, n int64) string {
	return tensor(storage("FloatStorage", key, n), 0, Ints(n), Ints(1))
}

// member is one of an archive; compressed if method says so.
type member struct {
	name, data string
	method     uint16
}

func archive(t testing.TB, members ...member) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		f, err := w.CreateHeader(&zip.FileHeader{Name: m.name, Method: m.method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(m.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// file is an archive of a pickle and one storage "0".
func file(t testing.TB, value, zero string) string {
	t.Helper()
	return archive(t, member{name: "a/data.pkl", data: Pickle(value)}, member{name: "a/data/0", data: zero})
}

// stream is a file of the old format with one storage "0".
func stream(value string, elements uint64, zero string) string {
	return "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + Pickle("M\xe9\x03") + Pickle(EmptyDict) +
		Pickle(value) + Pickle(List(Str("0"))) + U64(elements) + zero
}

// read writes a file and reads it.
func read(t testing.TB, content string) ([]checkpoint.Tensor, string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weights")
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	x, err := pytorch.Read(path)
	return x, path, err
}

const three = "\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40" // 1, 2, 3

// TestStateDict: what is chosen, and its names.
func TestStateDict(t *testing.T) {
	x := floats("0", 3)
	flat := Dict(Str("b"), x, Str("a"), x)
	for _, c := range []struct{ name, value, want string }{
		{"flat", flat, "b a"},
		{"flat, named as a part", Dict(Str("state_dict"), x), "state_dict"},
		{"state_dict", Dict(Str("epoch"), Int(1), Str("net"), Ordered, Str("state_dict"), flat), "b a"},
		{"model", Dict(Str("net"), EmptyDict, Str("model"), flat), "b a"},
		{"a model's name", Dict(Str("model"), Str("alexnet"), Str("net"), flat), "b a"},
		{"model_state_dict", Dict(Str("model_state_dict"), flat), "b a"},
		{"net", Dict(Str("net"), flat, Str("acc"), Int(90)), "b a"},
		{"DataParallel", Dict(Str("module.b"), x, Str("module.module.a"), x), "b module.a"},
		{"not all of them", Dict(Str("module.b"), x, Str("moduleza"), x), "module.b moduleza"},
		{"parameter", Dict(Str("a"), Call(Global("torch._utils", "_rebuild_parameter"), x, True, Ordered)), "a"},
		{"unused of other types", Dict(Str("net"), flat, Str("c"), tensor(storage("ComplexFloatStorage", "0", 1),
			0, Ints(1), Ints(1))), ""},
	} {
		for kind, content := range map[string]string{
			"zip":    file(t, c.value, three),
			"stream": stream(strings.ReplaceAll(c.value, "tQ", "NtQ"), 3, three), // with the id's sixth part
		} {
			got, _, err := read(t, content)
			if c.want == "" {
				if err == nil || !strings.Contains(err.Error(), "storage 0: ") {
					t.Errorf("%s, %s: %v, want two types of one storage refused", kind, c.name, err)
				}
				continue
			}
			var names []string
			for _, x := range got {
				names = append(names, x.Name)
				if !slices.Equal(x.Data, []float32{1, 2, 3}) {
					t.Errorf("%s, %s: %v", kind, c.name, x)
				}
			}
			if err != nil || strings.Join(names, " ") != c.want {
				t.Errorf("%s, %s: %v, %v, want %s", kind, c.name, names, err, c.want)
			}
		}
	}
}

// TestArchives: folders of any name and none, big endian, deflated.
func TestArchives(t *testing.T) {
	pickled := Pickle(Dict(Str("a"), tensor(storage("FloatStorage", "k", 3), 1, Ints(2), Ints(1))))
	big := "\x3f\x80\x00\x00\x40\x00\x00\x00\x40\x40\x00\x00"
	for _, c := range []struct {
		name    string
		members []member
	}{
		{"no folder", []member{{name: "data/k", data: three}, {name: "data.pkl", data: pickled}}},
		{"a folder", []member{{name: "my net/data.pkl", data: pickled}, {name: "my net/data/k", data: three}}},
		{"deflated", []member{{name: "x/data.pkl", data: pickled, method: zip.Deflate},
			{name: "x/data/k", data: three, method: zip.Deflate}}},
		{"little endian", []member{{name: "x/data.pkl", data: pickled}, {name: "x/data/k", data: three},
			{name: "x/byteorder", data: "little"}}},
		{"big endian", []member{{name: "x/data.pkl", data: pickled}, {name: "x/data/k", data: big},
			{name: "x/byteorder", data: "big"}}},
	} {
		got, _, err := read(t, archive(t, c.members...))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		same(t, c.name, got, []checkpoint.Tensor{{Name: "a", Shape: []int{2}, Data: []float32{2, 3}}})
	}
}
