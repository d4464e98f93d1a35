package export_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet"
	"duet/alexnet/convert/export"
	"duet/alexnet/convert/onnx"
	"duet/engine/checkpoint"
	"duet/engine/model"
)

// network is that of a preset, with its initial weights, or, where there is no seed, with weights of 0.
func network(t *testing.T, preset string, seed uint64, in model.Input, overrides ...string) *export.Network {
	t.Helper()
	c, err := duet.Load(preset, overrides...)
	check(t, err)
	setup := c.Setup()
	setup.Devices.Towers, setup.Batch = []string{"reference:0"}, 1
	g, err := setup.Graph(in, false)
	check(t, err)
	f := &checkpoint.File{}
	for _, p := range g.Params {
		data := make([]float32, p.Len())
		if seed != 0 {
			data = p.Initial(seed)
		}
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: data})
	}
	return &export.Network{Setup: setup, Input: in, File: f, Version: "of a test"}
}

// input is of square images.
func input(side, classes int) model.Input {
	in := model.Input{Height: side, Width: side, MeanShape: []int{3, 1, 1}, Mean: []float32{120, 110, 100}}
	for i := range classes {
		in.Classes = append(in.Classes, string(rune('a'+i)))
	}
	return in
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// engine is the reference backend with a network's weights.
func engine(t *testing.T, n *export.Network) export.Engine {
	t.Helper()
	m, err := model.New(t.Context(), n.Setup, n.Input, model.ForTesting, model.Hooks{})
	check(t, err)
	t.Cleanup(func() { check(t, m.Close()) })
	f := &checkpoint.File{Tensors: append([]checkpoint.Tensor{{Name: model.InputMean, Shape: n.Input.MeanShape,
		Data: n.Input.Mean}}, n.File.Tensors...)}
	for _, x := range n.File.Tensors {
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: "momentum." + x.Name, Shape: x.Shape, Data: x.Data})
	}
	check(t, m.Restore(f))
	return func(ctx context.Context, images [][]byte) (all [][]float64, err error) {
		seen, err := m.Predict(ctx, images, 1)
		for _, one := range seen {
			all = append(all, one.Probs)
		}
		return all, err
	}
}

// nodes are the types of a model's nodes, a number before what is there more than once in a row.
func nodes(m *onnx.Model) string {
	var all []string
	for _, n := range m.Graph.Nodes {
		all = append(all, n.Op)
	}
	return strings.Join(all, " ")
}

// TestNodes: the presets are these graphs.
func TestNodes(t *testing.T) {
	const (
		normal  = "Reshape LRN Reshape "
		alexnet = "Conv Relu " + normal + "MaxPool Conv Relu " + normal + "MaxPool Conv Relu Conv Relu Conv Relu MaxPool " +
			"Flatten Gemm Relu Mul Gemm Relu Mul Gemm Softmax"
	)
	for preset, want := range map[string]struct {
		side  int
		nodes string
	}{
		"alexnet": {256, "Cast Slice Transpose Sub " + alexnet},
		"smoke": {24, "Cast Slice Transpose Sub Mul Conv Relu " + normal + "MaxPool Conv Relu Conv Relu Flatten Gemm " +
			"Relu Mul Gemm Softmax"},
		"quick": {40, "Cast Slice Transpose Sub Mul Conv Relu " + normal + "MaxPool Conv Relu " + normal +
			"MaxPool Conv Relu MaxPool Flatten Gemm Relu Gemm Softmax"},
		"cifar10": {32, "Cast Transpose Sub Mul Conv Relu " + normal + "MaxPool Conv Relu " + normal +
			"MaxPool Conv Relu Conv Relu MaxPool Flatten Gemm Relu Mul Gemm Softmax"},
		"torchvision": {256, "Cast Slice Transpose Sub Mul Conv Relu MaxPool Conv Relu MaxPool Conv Relu Conv Relu Conv " +
			"Relu MaxPool Flatten Gemm Relu Gemm Relu Gemm Softmax"}, // inverted dropout is nothing in a test
		"caffe": {256, "Cast Slice Transpose Sub Conv Relu LRN MaxPool Conv Relu LRN MaxPool Conv Relu Conv Relu Conv Relu " +
			"MaxPool Flatten Gemm Relu Gemm Relu Gemm Softmax"}, // normalised across the towers
	} {
		t.Run(preset, func(t *testing.T) {
			m, err := network(t, preset, 0, input(want.side, 4)).Model()
			check(t, err)
			if got := nodes(m); got != want.nodes {
				t.Errorf("got  %s\nwant %s", got, want.nodes)
			}
			again, err := network(t, preset, 0, input(want.side, 4)).Model()
			check(t, err)
			if nodes(again) != nodes(m) {
				t.Error("not the same graph twice")
			}
		})
	}
}

// TestPoolings: average poolings of every kind, and tangents, compute what the engine does.
func TestPoolings(t *testing.T) {
	for _, c := range []struct {
		kernel, stride, pad string
		ceil, countPad      string
		nodes               string // in the place of MaxPool
	}{
		{"3", "2", "0", "false", "false", "AveragePool"},
		{"3", "2", "0", "true", "true", "AveragePool"},
		{"3", "2", "1", "false", "false", "AveragePool"},
		{"3", "2", "1", "false", "true", "AveragePool"},
		{"3", "3", "1", "true", "true", "AveragePool"},     // of windows that end with the padding
		{"3", "2", "1", "true", "true", "Pad AveragePool"}, // and that reach beyond it
		{"5", "2", "3", "true", "true", "Pad AveragePool"},
		{"5", "2", "3", "true", "false", "AveragePool"},
	} {
		n := network(t, "smoke", 1, input(24, 4), "network.layers.pool1.type=avgpool",
			"network.layers.pool1.kernel="+c.kernel, "network.layers.pool1.stride="+c.stride,
			"network.layers.pool1.pad="+c.pad, "network.layers.pool1.ceil_mode="+c.ceil,
			"network.layers.pool1.count_include_pad="+c.countPad, "network.layers.norm1.type=tanh")
		_, err := n.ONNX(t.Context(), filepath.Join(t.TempDir(), "x.onnx"), engine(t, n))
		if err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		m, err := n.Model()
		check(t, err)
		if want := "Conv Relu Tanh " + c.nodes + " Conv"; !strings.Contains(nodes(m), want) {
			t.Errorf("%+v: %s, want %s", c, nodes(m), want)
		}
	}
}

// TestTangents: what follows convolutions and linear layers, those of two towers on one device too.
func TestTangents(t *testing.T) {
	n := network(t, "smoke", 1, input(24, 4), "network.layers.conv1.activation=tanh",
		"network.layers.conv2.activation=none", "network.layers.conv3.activation=tanh",
		"network.layers.fc4.activation=tanh", "network.layers.fc4.exchange=false")
	_, err := n.ONNX(t.Context(), filepath.Join(t.TempDir(), "x.onnx"), engine(t, n))
	check(t, err)
	m, err := n.Model()
	check(t, err)
	if got, want := nodes(m), "Conv Tanh Reshape LRN Reshape MaxPool Conv Conv Tanh Slice"; !strings.Contains(got, want) ||
		strings.Contains(got, "Relu") || strings.Count(got, "Tanh") != 4 {
		t.Errorf("%s, want %s and two more tangents", got, want)
	}
	path := filepath.Join(t.TempDir(), "x")
	_, err = n.PyTorch(t.Context(), path)
	check(t, err)
	text, err := os.ReadFile(filepath.Join(path, export.ModuleFile))
	check(t, err)
	for _, want := range []string{"x = self.conv1(x)\n        x = torch.tanh(x)\n",
		"x = self.conv2(x)\n        x = self.conv3(x)\n", "self.fc4 = TwoLinear(256, 32)\n",
		"x = self.fc4(x)\n        x = torch.tanh(x)\n"} {
		if !strings.Contains(string(text), "        "+want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
}

// TestTaken: layers may be called as the graph's own values are.
func TestTaken(t *testing.T) {
	n := network(t, "smoke", 1, input(24, 4), "network.layers.norm1.name=images", "network.layers.conv2.name=batch",
		"network.layers.conv3.name=probabilities", "network.layers.pool1.name=conv1.weight")
	path := filepath.Join(t.TempDir(), "x.onnx")
	_, err := n.ONNX(t.Context(), path, engine(t, n))
	check(t, err)
	m, err := onnx.Read(path)
	check(t, err)
	names := map[string]bool{"images": true}
	for i := range m.Graph.Initializers {
		names[m.Graph.Initializers[i].Name] = true
	}
	for _, node := range m.Graph.Nodes {
		if names[node.Outputs[0]] {
			t.Errorf("%s is there twice", node.Outputs[0])
		}
		names[node.Outputs[0]] = true
	}
}

// TestNothingLeft: a file that is not what the engine computes, an engine that fails and an interruption leave nothing,
// and what is there is not replaced.
func TestNothingLeft(t *testing.T) {
	n := network(t, "smoke", 1, input(24, 4))
	right := engine(t, n)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	broken := errors.New("broken")
	within := func(ctx context.Context, images [][]byte) ([][]float64, error) {
		all, err := right(t.Context(), images)
		stop()
		return all, err
	}
	wrong := func(ctx context.Context, images [][]byte) ([][]float64, error) {
		all, err := right(ctx, images)
		all[3][1] += 2e-4
		return all, err
	}
	dir := t.TempDir()
	for what, c := range map[string]struct {
		ctx    context.Context
		engine export.Engine
		want   string
	}{
		"wrong":       {t.Context(), wrong, "image 3 of its own check has class 1 with probability"},
		"broken":      {t.Context(), func(context.Context, [][]byte) ([][]float64, error) { return nil, broken }, "broken"},
		"interrupted": {stopped, within, "context canceled"},
	} {
		_, err := n.ONNX(c.ctx, filepath.Join(dir, "x.onnx"), c.engine)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", what, err, c.want)
		}
	}
	_, err := n.Safetensors(stopped, filepath.Join(dir, "x.safetensors"))
	_, also := n.PyTorch(stopped, filepath.Join(dir, "x"))
	if !errors.Is(err, context.Canceled) || !errors.Is(also, context.Canceled) {
		t.Errorf("interrupted: %v, %v", err, also)
	}
	left, err := os.ReadDir(dir)
	check(t, err)
	if len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	_, err = n.PyTorch(t.Context(), filepath.Join(dir, "x"))
	check(t, err)
	if _, err := n.PyTorch(t.Context(), filepath.Join(dir, "x")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
}
