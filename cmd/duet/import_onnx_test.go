package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"duet"
	"duet/alexnet/convert"
	"duet/alexnet/convert/onnx"
)

// edited is an ONNX model that is changed before it is imported.
type edited struct{ *onnx.Model }

func (m edited) node(name string) *onnx.Node {
	return &m.Graph.Nodes[m.at(name)]
}

func (m edited) at(name string) int {
	return slices.IndexFunc(m.Graph.Nodes, func(n onnx.Node) bool { return n.Name == name })
}

func (m edited) tensor(name string) *onnx.Tensor {
	at := slices.IndexFunc(m.Graph.Initializers, func(t onnx.Tensor) bool { return t.Name == name })
	return &m.Graph.Initializers[at]
}

// set gives a node an attribute.
func (m edited) set(name, attribute string, value any) {
	n := m.node(name)
	n.Attributes = slices.DeleteFunc(slices.Clone(n.Attributes), func(a onnx.Attribute) bool {
		return a.Name == attribute
	})
	if value != nil {
		n.Attributes = append(n.Attributes, onnx.Attribute{Name: attribute, Value: value})
	}
}

// remove takes nodes out: what took the output of one takes its input.
func (m edited) remove(names ...string) {
	for _, name := range names {
		n := *m.node(name)
		m.Graph.Nodes = slices.Delete(m.Graph.Nodes, m.at(name), m.at(name)+1)
		for i := range m.Graph.Nodes {
			for j, in := range m.Graph.Nodes[i].Inputs {
				if in == n.Outputs[0] {
					m.Graph.Nodes[i].Inputs[j] = n.Inputs[0]
				}
			}
		}
	}
}

// insert puts a node before another one.
func (m edited) insert(before, op string, constants []onnx.Tensor, attributes ...onnx.Attribute) {
	n := onnx.Node{Op: op, Name: "new", Inputs: []string{m.node(before).Inputs[0]}, Outputs: []string{"new"},
		Attributes: attributes}
	for _, t := range constants {
		n.Inputs = append(n.Inputs, t.Name)
		m.Graph.Initializers = append(m.Graph.Initializers, t)
	}
	m.node(before).Inputs[0] = "new"
	m.Graph.Nodes = slices.Insert(m.Graph.Nodes, m.at(before), n)
}

// padded puts zeros around the maps that a node takes.
func (m edited) padded(before string, top, left, bottom, right int64) {
	m.insert(before, "Pad", []onnx.Tensor{{Name: "zeros", Type: onnx.Int64, Shape: []int{8},
		Ints: []int64{0, 0, top, left, 0, 0, bottom, right}}})
}

// TestImportedGraphs: what an ONNX graph computes is held against the configuration's layers, and a difference names
// the layer, the node, and what both have. The graph is that of smoke as duet exports it, changed in one place.
func TestImportedGraphs(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("run", sets("train.max_steps=1")...)...)
	p.works("export", "onnx", "runs/run", "--out", "net.onnx")
	config, err := duet.Load("smoke", "data.mean=none")
	p.check(err)
	for _, c := range []struct {
		name string
		edit func(m edited)
		says []string // nothing: it is the same network
	}{
		{"as it is", func(edited) {}, nil},
		{"strides", func(m edited) { m.set("conv1", "strides", []int64{2, 1}) },
			[]string{`conv1: node "conv1" (Conv) has strides [2 1], the configuration stride = 2`}},
		{"strides that are not said", func(m edited) { m.set("conv2", "strides", nil) }, nil},
		{"strides that are none", func(m edited) { m.set("conv2", "strides", []int64{0, 1}) },
			[]string{`conv2: node "conv2" (Conv) has strides [0 1], want 2 numbers of at least 1`}},
		{"a kernel that the weights are not of", func(m edited) { m.set("conv2", "kernel_shape", []int64{5, 5}) },
			[]string{`conv2: node "conv2" (Conv) has kernel_shape [5 5] and weights of [3 3]`}},
		{"dilations", func(m edited) { m.set("conv2", "dilations", []int64{2, 2}) },
			[]string{`conv2: node "conv2" (Conv) has dilations [2 2], the configuration 1`}},
		{"pads before", func(m edited) { m.set("conv1", "pads", []int64{1, 2, 2, 2}) },
			[]string{`conv1: node "conv1" (Conv) has pads [1 2 2 2] and gives 10x10 of 20x20, the configuration pad = 2 and ` +
				`gives 10x10`}},
		{"pads after that no window reaches", func(m edited) { m.set("conv1", "pads", []int64{2, 2, 1, 1}) }, nil},
		{"pads after", func(m edited) { m.set("conv2", "pads", []int64{1, 1, 1, 2}) },
			[]string{`conv2: node "conv2" (Conv) has pads [1 1 1 2] and gives 4x5 of 4x4, the configuration pad = 1 and gives ` +
				`4x4`}},
		{"pads by a name that come to the same", func(m edited) {
			m.set("conv2", "auto_pad", "SAME_UPPER")
			m.set("conv1", "auto_pad", "SAME_LOWER") // 2 before and 1 after, as 3 are needed
			m.set("pool1", "auto_pad", "VALID")
		}, nil},
		{"pads by a name", func(m edited) { m.set("conv1", "auto_pad", "SAME_UPPER") },
			[]string{`conv1: node "conv1" (Conv) has auto_pad SAME_UPPER, which is pads [1 1 2 2] and gives 10x10 of 20x20, ` +
				`the configuration pad = 2`}},
		{"pads by another name", func(m edited) { m.set("conv1", "auto_pad", "SAME") },
			[]string{`conv1: node "conv1" (Conv) has auto_pad "SAME"`}},
		{"pads by a node", func(m edited) {
			m.padded("conv2", 1, 1, 1, 1)
			m.set("conv2", "pads", nil)
		}, nil},
		{"pads by a node, and more", func(m edited) { m.padded("conv2", 0, 0, 1, 0) },
			[]string{`conv2: node "conv2" (Conv) has with node "new" (Pad) pads [1 1 2 1] and gives 5x4 of 4x4`}},
		{"pads by a node before a pooling", func(m edited) { m.padded("pool1", 0, 0, 1, 1) },
			[]string{`before conv2 (conv): the file has node "conv1/relu" (Relu), node "norm1" (LRN), node "new" (Pad), ` +
				`node "pool1" (MaxPool), the configuration the rectifier of conv1, norm1 (lrn), pool1 (maxpool)`}},
		{"a border that makes the image", func(m edited) {
			m.tensor("input/crop/end").Ints = []int64{20, 19}
			m.tensor("input/crop/first").Ints = []int64{2, 2}
			m.padded("conv1", 1, 1, 1, 2)
		}, nil},
		{"another image", func(m edited) { m.tensor("input/crop/end").Ints[0]-- },
			[]string{`input: node "conv1" (Conv) sees 19x20 pixels, the configuration's first layer 20x20`}},
		{"an image of any height", func(m edited) {
			m.remove("input/float", "input/crop", "input/maps")
			m.Graph.Inputs[0].Dims = []onnx.Dim{{Size: 1}, {Size: 3}, {Size: -1}, {Size: 20}}
		}, nil},
		{"an image of any height and another width", func(m edited) {
			m.remove("input/float", "input/crop", "input/maps")
			m.Graph.Inputs[0].Dims = []onnx.Dim{{Size: 1}, {Size: 3}, {Size: -1}, {Size: 21}}
		}, []string{`input: node "conv1" (Conv) sees ?x21 pixels`}},
		{"groups", func(m edited) { m.set("conv2", "group", int64(1)) },
			[]string{`conv2: node "conv2" (Conv) has group = 1, the configuration 2, by its towers`}},
		{"a normalisation's size", func(m edited) { m.set("norm1", "size", int64(5)) },
			[]string{`norm1: node "norm1" (LRN) has size 5, the configuration n = 3`,
				`alpha 0.01, which it divides by 5, the configuration alpha = 0.01, alpha_over_n = true`}},
		{"its alpha", func(m edited) { m.set("norm1", "alpha", nil) },
			[]string{`norm1: node "norm1" (LRN) has alpha 0.0001, which it divides by 3, the configuration alpha = 0.01`}},
		{"its beta", func(m edited) { m.set("norm1", "beta", float32(0.5)) },
			[]string{`norm1: node "norm1" (LRN) has beta 0.5, the configuration beta = 0.75`}},
		{"its bias", func(m edited) { m.set("norm1", "bias", float32(2)) },
			[]string{`norm1: node "norm1" (LRN) has bias 2, the configuration k = 1`}},
		{"defaults", func(m edited) {
			m.set("norm1", "beta", nil)
			m.set("norm1", "bias", nil)
		}, nil},
		{"across the towers", func(m edited) {
			m.remove("norm1/split")
			m.remove("norm1/joined")
		}, []string{`norm1: node "norm1" (LRN) has windows within 8 maps, the configuration within 4 of 8 (across = false)`}},
		{"a pooling's kernel", func(m edited) { m.set("pool1", "kernel_shape", []int64{2, 2}) },
			[]string{`pool1: node "pool1" (MaxPool) has kernel_shape [2 2], the configuration kernel = 3`}},
		{"a pooling without one", func(m edited) { m.set("pool1", "kernel_shape", nil) },
			[]string{`pool1: node "pool1" (MaxPool) has kernel_shape [1 1], the configuration kernel = 3`}},
		{"a pooling's rounding", func(m edited) { m.set("pool1", "ceil_mode", int64(1)) },
			[]string{`pool1: node "pool1" (MaxPool) has pads [0 0 0 0], ceil_mode true and gives 5x5 of 10x10, the ` +
				`configuration pad = 0, ceil_mode = false and gives 4x4`}},
		{"a factor", func(m edited) { m.tensor("drop4/factor").Data[0] = 0.5 },
			[]string{`drop4: node "drop4" (Mul) has a factor of 0.5, the configuration 0.9`}},
		{"a factor that is divided by", func(m edited) {
			m.node("drop4").Op, m.tensor("drop4/factor").Data[0] = "Div", 1/0.9
		}, nil},
		{"no factor", func(m edited) { m.remove("drop4") },
			[]string{`before fc5 (linear): the file has node "fc4/relu" (Relu), the configuration the rectifier of fc4, drop4 ` +
				`(times 0.9)`}},
		{"another order", func(m edited) {
			pool := *m.node("pool1")
			m.remove("pool1")
			m.insert("norm1/split", "MaxPool", nil, pool.Attributes...)
		}, []string{`before conv2 (conv): the file has node "conv1/relu" (Relu), node "new" (MaxPool), node "norm1" (LRN), ` +
			`the configuration the rectifier of conv1, norm1 (lrn), pool1 (maxpool)`}},
		{"no rectifier", func(m edited) { m.remove("conv3/relu") },
			[]string{`before fc4 (linear): the file has nothing, the configuration the rectifier of conv3`}},
		{"another rectifier", func(m edited) { m.node("conv2/relu").Op = "LeakyRelu" },
			[]string{`before conv3 (conv): the file has node "conv2/relu" (LeakyRelu), the configuration the rectifier of ` +
				`conv2`}},
		{"somebody's own operator", func(m edited) { m.node("conv2/relu").Domain = "some.body" },
			[]string{`before conv3 (conv): the file has node "conv2/relu" (Relu)`}},
		{"more after the last layer", func(m edited) { m.insert("probabilities", "Sigmoid", nil) },
			[]string{`before the end: the file has node "new" (Sigmoid), the configuration nothing`}},
		{"probabilities across the batch", func(m edited) { m.set("probabilities", "axis", int64(0)) },
			[]string{`before the end: the file has node "probabilities" (Softmax), the configuration nothing`}},
		{"scores", func(m edited) {
			m.Graph.Nodes = m.Graph.Nodes[:len(m.Graph.Nodes)-1]
			m.Graph.Outputs[0].Name = "fc5"
		}, nil},
		{"what does nothing", func(m edited) {
			m.insert("conv3", "Dropout", nil)
			m.node("conv3").Inputs[0], m.node("new").Outputs[0], m.node("new").Name = "other", "other", "other"
			m.insert("fc4/flatten", "AveragePool", nil, onnx.Attribute{Name: "kernel_shape", Value: []int64{1, 1}},
				onnx.Attribute{Name: "ceil_mode", Value: int64(1)}, onnx.Attribute{Name: "count_include_pad", Value: int64(1)})
		}, nil},
		{"an average", func(m edited) {
			m.insert("fc4/flatten", "AveragePool", nil, onnx.Attribute{Name: "kernel_shape", Value: []int64{3, 3}})
		}, []string{`node "new" (AveragePool), the configuration the rectifier of conv3`}},
		{"a linear layer of transposed weights", func(m edited) {
			w := m.tensor("fc5.weight")
			rows, columns, data := w.Shape[0], w.Shape[1], slices.Clone(w.Data)
			for i, x := range data {
				w.Data[i%columns*rows+i/columns] = x
			}
			w.Shape = []int{columns, rows}
			m.set("fc5", "transB", nil)
		}, nil},
		{"a linear layer of a transposed batch", func(m edited) { m.set("fc5", "transA", int64(1)) },
			[]string{`fc5: a Gemm with transA = 1, want 0`}},
		{"a linear layer as a convolution", func(m edited) {
			m.remove("fc4/flatten")
			m.convolution("fc4", 16, 4, 4)
		}, nil},
		{"a linear layer as a convolution with pads", func(m edited) {
			m.remove("fc4/flatten")
			m.convolution("fc4", 16, 4, 4)
			m.set("fc4", "pads", []int64{1, 0, 1, 0})
		}, []string{`fc4: node "fc4" (Conv) has 4x4, pads [1 0 1 0], the configuration a linear layer of 4x4 places`}},
		{"a linear layer as a convolution of a part", func(m edited) {
			m.remove("fc4/flatten")
			m.convolution("fc4", 64, 2, 2)
		}, []string{`fc4: node "fc4" (Conv) has 2x2, pads [0 0 0 0], the configuration a linear layer of 4x4 places`}},
		{"a convolution of two axes", func(m edited) {
			m.node("fc5").Op = "Conv"
			m.set("fc5", "transB", nil)
		}, []string{`nothing fits fc5.weight`, `before the end: the file has node "fc4/relu" (Relu), node "drop4" (Mul), ` +
			`node "fc5" (Conv), the configuration`}},
		{"a linear layer of four axes", func(m edited) { m.node("conv3").Op = "Gemm"; m.set("conv3", "transB", int64(1)) },
			[]string{`nothing fits conv3.weight`}},
		{"a layer beside the way", func(m edited) { m.node("fc4/flatten").Inputs[0] = "conv2/relu" },
			[]string{`conv3: conv3 is not on the way from the file's input to its output`}},
		{"a graph that goes round", func(m edited) { m.node("conv1").Inputs[0] = "fc5" },
			[]string{`before conv1 (conv): the file has node`}},
		{"a graph of no output", func(m edited) { m.Graph.Outputs = nil },
			[]string{`conv1: conv1 is not on the way`, `fc5: fc5 is not on the way`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &place{t, p.dir}
			read, err := onnx.Read(p.path("net.onnx"))
			p.check(err)
			m := edited{read}
			c.edit(m)
			p.save(m)
			x, err := duet.Import(p.path("edited.onnx"), config, duet.ImportOptions{})
			if c.says == nil {
				p.check(err)
				if x.Match.Unlike != nil {
					t.Errorf("%q", x.Match.Unlike)
				}
				return
			}
			for _, says := range c.says {
				if err == nil || !strings.Contains(err.Error(), says) {
					t.Errorf("%v, want %q in it", err, says)
				}
			}
		})
	}
	p.partly(config)
}

// TestImportedAverages: tangents and averages are held against the configuration's too, and what duet exports of them
// is the same network.
func TestImportedAverages(t *testing.T) {
	p := newPlace(t)
	counted := []string{"network.layers.conv2.activation=tanh", "network.layers.pool1.type=avgpool",
		"network.layers.pool1.pad=1", "network.layers.pool1.count_include_pad=true"}
	p.works(trainArgs("run", sets(append(counted, "train.max_steps=1")...)...)...)
	p.works("export", "onnx", "runs/run", "--out", "net.onnx")
	for _, c := range []struct {
		name string
		sets []string
		edit func(m edited)
		says string
	}{
		{"as it is", counted, func(edited) {}, ""},
		{"rectified", counted[1:], func(edited) {},
			`before conv3 (conv): the file has node "conv2/tanh" (Tanh), the configuration the rectifier of conv2`},
		{"the places inside alone", counted[:3], func(edited) {},
			`pool1: node "pool1" (AveragePool) has pads [1 1 1 1], count_include_pad true, the configuration pad = 1, ` +
				`count_include_pad = false`},
		{"no pads to count", counted, func(m edited) { m.set("pool1", "count_include_pad", nil) },
			`pool1: node "pool1" (AveragePool) has pads [1 1 1 1], count_include_pad false, the configuration pad = 1, ` +
				`count_include_pad = true`},
		{"zeros of a node", counted, func(m edited) {
			m.padded("pool1", 1, 1, 1, 1)
			m.set("pool1", "pads", nil)
			m.set("pool1", "count_include_pad", nil)
		}, ""},
		{"more zeros than pads", counted, func(m edited) { m.set("pool1", "pads", []int64{1, 1, 2, 2}) },
			`pool1: node "pool1" (AveragePool) has pads [1 1 2 2]`},
		{"the maximum", []string{"network.layers.conv2.activation=tanh", "network.layers.pool1.pad=1"}, func(edited) {},
			`before conv2 (conv): the file has `},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &place{t, p.dir}
			read, err := onnx.Read(p.path("net.onnx"))
			p.check(err)
			m := edited{read}
			c.edit(m)
			p.save(m)
			config, err := duet.Load("smoke", append(slices.Clone(c.sets), "data.mean=none")...)
			p.check(err)
			_, err = duet.Import(p.path("edited.onnx"), config, duet.ImportOptions{})
			if c.says == "" {
				p.check(err)
			} else if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q in it", err, c.says)
			}
		})
	}
}

// convolution makes a convolution of a linear layer.
func (m edited) convolution(name string, inputs, height, width int) {
	n, w := m.node(name), m.tensor(name+".weight")
	n.Op, n.Attributes = "Conv", nil
	w.Shape = []int{w.Shape[0], inputs, height, width}
}

func (p *place) save(m edited) {
	p.Helper()
	f, err := os.Create(p.path("edited.onnx"))
	p.check(err)
	p.check(errors.Join(m.Write(f), f.Close()))
}

// partly: with --partial the weights are taken, and what is not alike is said; a layer whose shape differs is told with
// the reason.
func (p *place) partly(config *duet.Config) {
	p.Helper()
	read, err := onnx.Read(p.path("net.onnx"))
	p.check(err)
	m := edited{read}
	m.set("pool1", "strides", []int64{3, 3})
	p.save(m)
	args := []string{"import", "edited.onnx", "--as", "smoke", "--set", "data.mean=none", "--out", "partly.safetensors"}
	p.refused(exitFailed, []string{"edited.onnx: pool1: node", "strides [3 3]", "--partial"}, args...)
	said := p.works(append(args, "--partial")...).stdout
	for _, line := range []string{
		"differs: pool1: node \"pool1\" (MaxPool) has strides [3 3], the configuration stride = 2\n",
		"input: left to [data] of the configuration, not compared: node \"input/crop\" (Slice), node \"input/centred\" (Sub)",
		"partly.safetensors: 5 layers of ONNX\n"} {
		if !strings.Contains(said, line) {
			p.Errorf("said %q, want %q", said, line)
		}
	}
	read, err = onnx.Read(p.path("net.onnx"))
	p.check(err)
	p.save(edited{read})
	other, err := duet.Load("smoke", "data.mean=none", "network.layers.pool1.stride=1")
	p.check(err)
	_, err = duet.Import(p.path("edited.onnx"), other, duet.ImportOptions{})
	var misfit *convert.Misfit
	if !errors.As(err, &misfit) || len(misfit.Missing) != 2 || len(misfit.Unlike) != 1 ||
		!strings.Contains(misfit.Unlike[0], "pool1: ") {
		p.Errorf("%v", err)
	}
}
