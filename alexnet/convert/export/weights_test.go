package export_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/alexnet/convert/export"
	"duet/internal/half"
)

// stored is a safetensors file as a reader of no more than its definition has it.
type stored struct {
	meta    map[string]string
	dtypes  map[string]string
	shapes  map[string][]int
	numbers map[string][]float32
}

func readStored(t *testing.T, path string) (s stored) {
	t.Helper()
	b, err := os.ReadFile(path)
	check(t, err)
	size := binary.LittleEndian.Uint64(b)
	header, data := b[8:8+size], b[8+size:]
	if (8+size)%8 != 0 {
		t.Errorf("the data begins at byte %d", 8+size)
	}
	var all map[string]json.RawMessage
	check(t, json.Unmarshal(header, &all))
	s = stored{map[string]string{}, map[string]string{}, map[string][]int{}, map[string][]float32{}}
	taken := 0
	for name, text := range all {
		if name == "__metadata__" {
			check(t, json.Unmarshal(text, &s.meta))
			continue
		}
		var e struct {
			DType   string
			Shape   []int
			Offsets [2]int `json:"data_offsets"`
		}
		check(t, json.Unmarshal(text, &e))
		s.dtypes[name], s.shapes[name] = e.DType, e.Shape
		own := data[e.Offsets[0]:e.Offsets[1]]
		taken += len(own)
		for len(own) > 0 {
			if e.DType == "F16" {
				s.numbers[name] = append(s.numbers[name], half.To32(binary.LittleEndian.Uint16(own)))
				own = own[2:]
			} else {
				s.numbers[name] = append(s.numbers[name], math.Float32frombits(binary.LittleEndian.Uint32(own)))
				own = own[4:]
			}
		}
	}
	if taken != len(data) {
		t.Errorf("tensors have %d of %d bytes", taken, len(data))
	}
	return s
}

// TestSafetensors: every weight and the mean are there as they are, or rounded to float16.
func TestSafetensors(t *testing.T) {
	n := network(t, "smoke", 5, input(24, 4))
	n.Input.Names = []string{"one", "", "", "four"}
	for _, n.Half = range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "x.safetensors")
		r, err := n.Safetensors(t.Context(), path)
		check(t, err)
		s := readStored(t, path)
		total := 0
		for _, x := range n.File.Tensors {
			total += len(x.Data)
			if !slices.Equal(s.shapes[x.Name], x.Shape) || len(s.numbers[x.Name]) != len(x.Data) {
				t.Fatalf("%s is %v, want %v", x.Name, s.shapes[x.Name], x.Shape)
			}
			for i, v := range x.Data {
				if n.Half {
					v = half.To32(half.From32(v))
				}
				if s.numbers[x.Name][i] != v {
					t.Fatalf("%s has %v, want %v", x.Name, s.numbers[x.Name][i], v)
				}
			}
		}
		if len(s.dtypes) != len(n.File.Tensors)+1 || s.dtypes["input.mean"] != "F32" ||
			!slices.Equal(s.numbers["input.mean"], n.Input.Mean) || r.Parameters != total {
			t.Errorf("%d parameters, %v, mean %v", r.Parameters, s.dtypes, s.numbers["input.mean"])
		}
		if s.meta["format"] != "pt" || s.meta["classes"] != `["a","b","c","d"]` ||
			s.meta["names"] != `["one","","","four"]` || s.meta["duet.version"] != "of a test" {
			t.Errorf("metadata %v", s.meta)
		}
	}
}

// TestTorchvision: the weights of the preset have torchvision's names; other networks have none of them.
func TestTorchvision(t *testing.T) {
	n := network(t, "torchvision", 0, input(256, 10))
	n.Names, n.Half = export.TorchvisionNames, true
	path := filepath.Join(t.TempDir(), "x.safetensors")
	_, err := n.Safetensors(t.Context(), path)
	check(t, err)
	b, err := os.ReadFile(path)
	check(t, err)
	var header map[string]struct{ Shape []int }
	text := b[8 : 8+binary.LittleEndian.Uint64(b)]
	check(t, json.Unmarshal(text, &header))
	for name, want := range map[string][]int{"features.0.weight": {64, 3, 11, 11}, "features.0.bias": {64},
		"features.10.weight": {256, 256, 3, 3}, "classifier.1.weight": {4096, 9216}, "classifier.4.bias": {4096},
		"classifier.6.weight": {10, 4096}} {
		if !slices.Equal(header[name].Shape, want) {
			t.Errorf("%s is %v, want %v", name, header[name].Shape, want)
		}
	}
	if len(header) != 17 {
		t.Errorf("%d names: %s", len(header), text)
	}
	for preset, change := range map[string]string{"torchvision": "network.layers.pool2.kernel=2",
		"alexnet": "network.name=other"} {
		n := network(t, preset, 0, input(256, 10), change)
		n.Names = export.TorchvisionNames
		if _, err := n.Safetensors(t.Context(), path+".2"); err == nil || !strings.Contains(err.Error(), "torchvision") {
			t.Errorf("%s with %s: %v", preset, change, err)
		}
	}
}

// TestModule: layers are called as Python can call them, in the module as in its weights.
func TestModule(t *testing.T) {
	n := network(t, "smoke", 1, input(24, 4), "network.layers.conv1.name=my conv", "network.layers.conv2.name=1. more",
		"network.layers.conv3.name=forward", "network.layers.pool1.name=my_conv_1", "network.layers.fc4.name=bfloat16",
		"network.layers.fc5.name=input")
	path := filepath.Join(t.TempDir(), "x")
	_, err := n.PyTorch(t.Context(), path)
	check(t, err)
	text, err := os.ReadFile(filepath.Join(path, export.ModuleFile))
	check(t, err)
	for _, line := range []string{"self.my_conv_1 = nn.Conv2d(3, 8, 5, stride=2, padding=2)",
		"self.my_conv_1_1 = nn.MaxPool2d(3, 2)", "self.layer1__more = nn.Conv2d(8, 16, 3, padding=1, groups=2)",
		"self.forward_1 = nn.Conv2d(16, 16, 3, padding=1)", "self.bfloat16_1 = nn.Linear(256, 32)",
		"self.norm1 = TowerLRN(3, alpha=0.01, beta=0.75, k=1, towers=2)", "self.drop4 = Dropout(0.1)",
		"x = x[:, :, 2:22, 2:22]  # the centre", "x = F.relu(self.forward_1(x))"} {
		if !strings.Contains(string(text), "        "+line+"\n") {
			t.Errorf("there is no line %q in\n%s", line, text)
		}
	}
	s := readStored(t, filepath.Join(path, export.WeightsFile))
	for _, name := range []string{"my_conv_1.weight", "forward_1.bias", "bfloat16_1.weight", "input_1.bias",
		"input.mean"} {
		if s.shapes[name] == nil {
			t.Errorf("there is no %s among %v", name, s.shapes)
		}
	}
}

// TestPoolingsOfModule: average poolings as PyTorch takes them.
func TestPoolingsOfModule(t *testing.T) {
	for _, c := range []struct {
		keys []string
		want string
	}{
		{nil, "self.pool1 = nn.AvgPool2d(3, 2)"},
		{[]string{"pad=1"}, "self.pool1 = nn.AvgPool2d(3, 2, padding=1, count_include_pad=False)"},
		{[]string{"pad=1", "ceil_mode=true", "count_include_pad=true"},
			"self.pool1 = nn.AvgPool2d(3, 2, padding=1, ceil_mode=True)"},
		{[]string{"pad=2"}, "self.pool1 = PaddedAverage(3, 2, pads=(2, 2, 2, 2), counted=0)"},
		{[]string{"kernel=5", "pad=3", "ceil_mode=true", "count_include_pad=true"},
			"self.pool1 = PaddedAverage(5, 2, pads=(3, 4, 3, 4), counted=3)"},
	} {
		sets := []string{"network.layers.pool1.type=avgpool", "network.layers.norm1.type=tanh"}
		for _, key := range c.keys {
			sets = append(sets, "network.layers.pool1."+key)
		}
		path := filepath.Join(t.TempDir(), "x")
		_, err := network(t, "smoke", 1, input(24, 4), sets...).PyTorch(t.Context(), path)
		check(t, err)
		text, err := os.ReadFile(filepath.Join(path, export.ModuleFile))
		check(t, err)
		for _, line := range []string{c.want, "x = torch.tanh(x)"} {
			if !strings.Contains(string(text), "        "+line+"\n") {
				t.Errorf("%v: there is no line %q in\n%s", c.keys, line, text)
			}
		}
		if strings.Contains(string(text), "class PaddedAverage") != strings.Contains(c.want, "PaddedAverage") {
			t.Errorf("%v: %s", c.keys, text)
		}
	}
}
