package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"duet/engine/checkpoint"
)

// sample is a small checkpoint with every kind of content; its numbers are a function of step.
func sample(step uint64) *checkpoint.File {
	numbers := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(i) - float32(step)/8
		}
		return x
	}
	return &checkpoint.File{
		Meta: checkpoint.Meta{
			Config: "[train]\nrate = 0.01 # <html> & \"quotes\", ü\n", Step: step, Epoch: float64(step) / 3,
			BestError: 0.1 + 0.2, BestStep: step / 2, Seed: math.MaxUint64,
			Extra: map[string]string{"classes": `["cat","dog"]`, "plateau": "left=2"},
		},
		Tensors: []checkpoint.Tensor{
			{Name: "conv1.weight", Shape: []int{2, 3, 5, 5}, Data: numbers(150)},
			{Name: "conv1.bias", Shape: []int{2}, Data: []float32{float32(math.Inf(-1)), math.SmallestNonzeroFloat32}},
			{Name: "momentum.conv1.bias", Shape: []int{2}, Data: numbers(2)},
			{Name: "empty", Shape: []int{0, 4}, Data: []float32{}},
			{Name: "scalar", Shape: []int{}, Data: numbers(1)},
		},
	}
}

func save(t *testing.T, f *checkpoint.File) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.safetensors")
	if err := checkpoint.Save(path, f); err != nil {
		t.Fatal(err)
	}
	return path
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sorted is what Load gives for f: tensors by name, and the format.
func sorted(f *checkpoint.File) *checkpoint.File {
	f.Meta.Format = checkpoint.Format
	slices.SortFunc(f.Tensors, func(a, b checkpoint.Tensor) int { return strings.Compare(a.Name, b.Name) })
	return f
}

func TestRoundTrip(t *testing.T) {
	path := save(t, sample(7))
	got, err := checkpoint.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := sorted(sample(7)); !reflect.DeepEqual(got, want) {
		t.Errorf("Load gives\n%+v, saved was\n%+v", got, want)
	}
	meta, err := checkpoint.ReadMeta(path)
	if err != nil || !reflect.DeepEqual(meta, got.Meta) {
		t.Errorf("ReadMeta gives %+v, %v; Load %+v", meta, err, got.Meta)
	}
	tensors, err := checkpoint.LoadTensors(path)
	if err != nil || !reflect.DeepEqual(tensors, got.Tensors) {
		t.Errorf("LoadTensors gives %+v, %v; Load %+v", tensors, err, got.Tensors)
	}
	if x, ok := got.Tensor("conv1.bias"); !ok || x.Shape[0] != 2 {
		t.Errorf("Tensor(conv1.bias) = %+v, %v", x, ok)
	}
	if _, ok := got.Tensor("conv9.bias"); ok {
		t.Error("Tensor(conv9.bias) found something")
	}
}

func TestNaNSurvives(t *testing.T) {
	f := sample(0)
	f.Meta.BestError = math.NaN()
	payload := math.Float32frombits(0x7fc12345)
	f.Tensors[4].Data[0] = payload
	got, err := checkpoint.Load(save(t, f))
	if err != nil {
		t.Fatal(err)
	}
	if got.Meta.HasBest() {
		t.Errorf("BestError NaN came back as %v", got.Meta.BestError)
	}
	if x, _ := got.Tensor("scalar"); math.Float32bits(x.Data[0]) != 0x7fc12345 {
		t.Errorf("NaN came back as %#x", math.Float32bits(x.Data[0]))
	}
}

// TestPlainReader reads a checkpoint as ten lines of another language would, from the description in the package
// comment.
func TestPlainReader(t *testing.T) {
	raw := readFile(t, save(t, sample(3)))
	n := binary.LittleEndian.Uint64(raw)
	if n%8 != 0 {
		t.Errorf("data begins at %d, not a multiple of 8", n+8)
	}
	var header map[string]struct {
		Dtype   string
		Shape   []int
		Offsets []int `json:"data_offsets"`
	}
	if err := json.Unmarshal(raw[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	delete(header, "__metadata__")
	if got := slices.Sorted(maps.Keys(header)); !slices.Equal(got,
		[]string{"conv1.bias", "conv1.weight", "empty", "momentum.conv1.bias", "scalar"}) {
		t.Errorf("names %v", got)
	}
	w := header["conv1.weight"]
	data := make([]float32, (w.Offsets[1]-w.Offsets[0])/4)
	if err := binary.Read(bytes.NewReader(raw[8+n:][w.Offsets[0]:]), binary.LittleEndian, data); err != nil {
		t.Fatal(err)
	}
	if want := sample(3).Tensors[0]; w.Dtype != "F32" || !slices.Equal(w.Shape, want.Shape) ||
		!slices.Equal(data, want.Data) {
		t.Errorf("conv1.weight reads as %+v %v", w, data)
	}
}

func TestSameBytes(t *testing.T) {
	f := sample(5)
	a := readFile(t, save(t, f))
	slices.Reverse(f.Tensors)
	if b := readFile(t, save(t, f)); !bytes.Equal(a, b) {
		t.Error("the same content in another order makes another file")
	}
	if b := readFile(t, save(t, sample(6))); bytes.Equal(a, b) {
		t.Error("other content makes the same file")
	}
}

func TestSaveRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(f *checkpoint.File)
		want   string
	}{
		{"short data", func(f *checkpoint.File) { f.Tensors[0].Data = f.Tensors[0].Data[1:] },
			"shape [2 3 5 5] needs 150 numbers, there are 149"},
		{"negative size", func(f *checkpoint.File) { f.Tensors[0].Shape[1] = -3 }, "shape [2 -3 5 5] has a negative size"},
		{"huge size", func(f *checkpoint.File) { f.Tensors[3].Shape = []int{math.MaxInt, math.MaxInt} },
			"or too many elements"},
		{"same name", func(f *checkpoint.File) { f.Tensors[2].Name = "conv1.bias" }, "two tensors are called conv1.bias"},
		{"reserved name", func(f *checkpoint.File) { f.Tensors[2].Name = "__metadata__" }, `tensor name "__metadata__"`},
		{"no name", func(f *checkpoint.File) { f.Tensors[2].Name = "" }, `tensor name ""`},
		{"reserved key", func(f *checkpoint.File) { f.Meta.Extra["duet.step"] = "1" },
			`keys that begin with "duet." are reserved`},
		{"bad UTF-8", func(f *checkpoint.File) { f.Meta.Config = "\xff" }, "not UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := save(t, sample(1))
			f := sample(2)
			c.change(f)
			checkRefused(t, path, checkpoint.Save(path, f), c.want)
		})
	}
}

// checkRefused checks a Save that failed: a one-line error, the former file of step 1 intact, no other file in the
// folder.
func checkRefused(t *testing.T, path string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want one line with the path and %q", err, want)
	}
	if f, err := checkpoint.Load(path); err != nil || f.Meta.Step != 1 {
		t.Errorf("former checkpoint: %v", err)
	}
	if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 1 {
		t.Errorf("left in the folder: %v", list)
	}
}

func TestSaveWithoutFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "c.safetensors")
	if err := checkpoint.Save(path, sample(1)); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "c.safetensors"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save(filepath.Join(folder, "c.safetensors"), sample(1)); err == nil {
		t.Error("a checkpoint in the place of a folder")
	}
	if list, _ := os.ReadDir(folder); len(list) != 1 {
		t.Errorf("left in the folder: %v", list)
	}
}

func TestCheckShapes(t *testing.T) {
	f := sample(1)
	want := map[string][]int{}
	for _, x := range f.Tensors {
		want[x.Name] = x.Shape
	}
	if err := f.CheckShapes(want); err != nil {
		t.Errorf("its own shapes: %v", err)
	}
	want["conv1.weight"] = []int{2, 3, 11, 11}
	delete(want, "scalar")
	for i := range 5 {
		want[fmt.Sprintf("conv%d.bias", i+2)] = []int{8}
	}
	err := f.CheckShapes(want)
	if !errors.Is(err, checkpoint.ErrNetwork) {
		t.Fatalf("error %v", err)
	}
	const text = "5 missing: conv2.bias [8], conv3.bias [8], conv4.bias [8], ...; 1 unexpected: scalar []; " +
		"1 of another shape: conv1.weight [2 3 5 5] instead of [2 3 11 11]: checkpoint of another network"
	if err.Error() != text {
		t.Errorf("error\n%v, want\n%v", err, text)
	}
}

// TestLoadSome: what is not kept is verified all the same.
func TestLoadSome(t *testing.T) {
	f := sample(3)
	path := save(t, f)
	some, err := checkpoint.LoadSome(path, func(name string, shape []int) bool {
		return name == f.Tensors[1].Name && len(shape) == len(f.Tensors[1].Shape)
	})
	if err != nil || len(some.Tensors) != 1 || some.Meta.Step != 3 ||
		!slices.Equal(some.Tensors[0].Data, f.Tensors[1].Data) {
		t.Errorf("%+v, %v", some, err)
	}
	b := readFile(t, path)
	b[len(b)-1] ^= 1
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = checkpoint.LoadSome(path, func(string, []int) bool { return false })
	if !errors.Is(err, checkpoint.ErrDamaged) {
		t.Errorf("a damaged tensor that is not kept: %v", err)
	}
}

// TestMemory holds saving and loading to a few chunks of memory besides the tensors.
func TestMemory(t *testing.T) {
	const numbers, slack = 8 << 20, 4 << 20
	f := &checkpoint.File{Tensors: []checkpoint.Tensor{{Name: "w", Shape: []int{numbers}, Data: make([]float32, numbers)}}}
	var path string
	if got := allocated(func() { path = save(t, f) }); got > slack {
		t.Errorf("saving %d bytes allocates %d", 4*numbers, got)
	}
	if got := allocated(func() { checkpoint.Load(path) }); got > 4*numbers+slack {
		t.Errorf("loading %d bytes allocates %d", 4*numbers, got)
	}
	if got := allocated(func() { checkpoint.ReadMeta(path) }); got > slack/16 {
		t.Errorf("reading the metadata allocates %d", got)
	}
}

// allocated gives the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
