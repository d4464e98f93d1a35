package export

import (
	"fmt"

	"duet/alexnet/convert/onnx"
	"duet/engine/model"
	"duet/engine/op"
)

// The graph's ends.
const (
	imagesName = "images"        // uint8 [batch, Height, Width, 3]: red, green, blue
	probsName  = "probabilities" // float [batch, classes]
	batchName  = "batch"
)

// nodes makes an ONNX graph of the engine's.
type nodes struct {
	network *Network
	graph   *model.Graph
	out     onnx.Graph
	names   map[string]bool     // that are taken
	values  map[*op.Node]string // what an operation gives
	weight  map[*op.Node]string // parameters
}

func newNodes(n *Network, g *model.Graph) (*nodes, error) {
	b := &nodes{network: n, graph: g, names: map[string]bool{imagesName: true, probsName: true, batchName: true},
		values: map[*op.Node]string{}, weight: map[*op.Node]string{}}
	for _, p := range g.Params {
		data, err := n.weights(p)
		if err != nil {
			return nil, err
		}
		row := p.Len() / p.Shape[0]
		for i, part := range p.Parts {
			name := p.Name
			if len(p.Parts) > 1 { // one a tower
				name = fmt.Sprintf("%s/%d", p.Name, i)
			}
			shape := append([]int{part.Rows}, p.Shape[1:]...)
			b.weight[part.Node] = b.parameter(name, shape, data[:part.Rows*row])
			data = data[part.Rows*row:]
		}
	}
	return b, nil
}

// name is a name that nothing else has: the wanted one, or that with a number.
func (b *nodes) name(wanted string) string {
	name := wanted
	for i := 2; b.names[name]; i++ {
		name = fmt.Sprintf("%s_%d", wanted, i)
	}
	b.names[name] = true
	return name
}

// parameter adds an initializer of learned numbers.
func (b *nodes) parameter(name string, shape []int, data []float32) string {
	name = b.name(name)
	t := onnx.Tensor{Name: name, Type: onnx.Float, Shape: shape, Data: data}
	if !b.network.Half {
		b.out.Initializers = append(b.out.Initializers, t)
		return name
	}
	t.Type, t.Name = onnx.Float16, b.name(name+".float16")
	b.out.Initializers = append(b.out.Initializers, t)
	b.out.Nodes = append(b.out.Nodes, onnx.Node{Op: "Cast", Name: t.Name, Inputs: []string{t.Name},
		Outputs: []string{name}, Attributes: []onnx.Attribute{{Name: "to", Value: int64(onnx.Float)}}})
	return name
}

// floats and ints add constants.
func (b *nodes) floats(name string, shape []int, data ...float32) string {
	t := onnx.Tensor{Name: b.name(name), Type: onnx.Float, Shape: shape, Data: data}
	b.out.Initializers = append(b.out.Initializers, t)
	return t.Name
}

func (b *nodes) ints(name string, data ...int64) string {
	t := onnx.Tensor{Name: b.name(name), Type: onnx.Int64, Shape: []int{len(data)}, Ints: data}
	b.out.Initializers = append(b.out.Initializers, t)
	return t.Name
}

// attributes in the order of a file.
func ints(name string, x ...int) onnx.Attribute {
	all := make([]int64, len(x))
	for i, v := range x {
		all[i] = int64(v)
	}
	return onnx.Attribute{Name: name, Value: all}
}

func number(name string, x int) onnx.Attribute { return onnx.Attribute{Name: name, Value: int64(x)} }

// add adds a node of one output, which is called as the node is.
func (b *nodes) add(kind, name string, inputs []string, attributes ...onnx.Attribute) string {
	name = b.name(name)
	b.out.Nodes = append(b.out.Nodes, onnx.Node{Op: kind, Name: name, Inputs: inputs, Outputs: []string{name},
		Attributes: attributes})
	return name
}

// rectified adds a rectifier where there is one.
func (b *nodes) rectified(relu bool, layer, x string) string {
	if !relu {
		return x
	}
	return b.add("Relu", layer+"/relu", []string{x})
}

// apply adds what an operation of the engine's is in ONNX.
func (b *nodes) apply(n *op.Node) error {
	a := n.Op().(*op.Applied)
	var in []string
	for _, from := range b.graph.Operands(n) {
		name := b.weight[from]
		if name == "" {
			name = b.values[from]
		}
		in = append(in, name)
	}
	var y string
	switch o := a.Op.(type) {
	case op.Augment:
		y = b.input(o)
	case op.Conv2D:
		y = b.rectified(o.ReLU, a.Layer, b.add("Conv", a.Layer, in, ints("kernel_shape", o.Kernel, o.Kernel),
			ints("strides", o.Stride, o.Stride), ints("pads", o.Pad, o.Pad, o.Pad, o.Pad), number("group", o.Groups)))
	case op.Linear:
		y = b.rectified(o.ReLU, a.Layer, b.add("Gemm", a.Layer, in, number("transB", 1)))
	case op.ReLU:
		y = b.add("Relu", a.Layer, in)
	case op.Tanh:
		y = b.add("Tanh", b.following(n, a.Layer, "/tanh"), in)
	case op.LRN:
		y = b.normalised(o, a, in[0])
	case op.MaxPool:
		y = b.pooled("MaxPool", o, a, in)
	case op.AvgPool:
		y = b.averaged(o, a, in)
	case op.Flatten:
		y = b.add("Flatten", a.Layer+"/flatten", in, number("axis", 1))
	case op.Scale:
		y = b.add("Mul", a.Layer, []string{in[0], b.floats(a.Layer+"/factor", []int{}, o.Factor)})
	case op.Slice:
		y = b.sliced(a.Layer+"/tower", in[0], []int{1}, []int{o.First}, []int{o.End})
	case op.Concat:
		y = b.add("Concat", a.Layer+"/towers", in, number("axis", 1))
	default:
		return fmt.Errorf("layer %s: there is nothing in ONNX for %s", a.Layer, a.Name())
	}
	b.values[n] = y
	return nil
}

// sliced takes some of the extents of axes.
func (b *nodes) sliced(name, x string, axes, first, end []int) string {
	list := func(name string, x []int) string {
		return b.ints(name, ints("", x...).Value.([]int64)...)
	}
	return b.add("Slice", name, []string{x, list(name+"/first", first), list(name+"/end", end), list(name+"/axes", axes)})
}

// normalised adds a normalisation. The towers become images of the batch, so that no window crosses a tower's edge:
// ONNX's own LRN knows no groups. Its alpha is divided by the window's size always.
func (b *nodes) normalised(o op.LRN, a *op.Applied, x string) string {
	shape := a.Out().Shape
	window := o.Window(shape[1])
	lrn := []onnx.Attribute{{Name: "alpha", Value: float32(o.Coefficient() * float64(window))},
		{Name: "beta", Value: o.Beta}, {Name: "bias", Value: o.K}, number("size", window)}
	if o.Groups == 1 {
		return b.add("LRN", a.Layer, []string{x}, lrn...)
	}
	reshaped := func(name, x string, maps int) string {
		to := b.ints(name+"/shape", -1, int64(maps), int64(shape[2]), int64(shape[3]))
		return b.add("Reshape", name, []string{x, to})
	}
	x = reshaped(a.Layer+"/split", x, shape[1]/o.Groups)
	x = b.add("LRN", a.Layer, []string{x}, lrn...)
	return reshaped(a.Layer+"/joined", x, shape[1])
}

// following is the name of an operation that is a layer of its own, or, with an end, follows another one of its layer.
func (b *nodes) following(n *op.Node, layer, end string) string {
	if a, is := b.graph.Operands(n)[0].Op().(*op.Applied); is && a.Layer == layer {
		return layer + end
	}
	return layer
}

// pooled adds a pooling. ONNX's ceil_mode has been read in two ways where the last window would begin beyond the
// input, so there are explicit pads at the end in its place.
func (b *nodes) pooled(kind string, o op.MaxPool, a *op.Applied, in []string, more ...onnx.Attribute) string {
	bottom, right := padEnds(o, a)
	return b.add(kind, a.Layer, in, append([]onnx.Attribute{ints("kernel_shape", o.Kernel, o.Kernel),
		ints("strides", o.Stride, o.Stride), ints("pads", o.Pad, o.Pad, bottom, right)}, more...)...)
}

// averaged adds an average pooling. Where the padding counts and a window reaches beyond it, the padding becomes zeros
// of the input: of the pads at the end, ONNX counts all or none.
func (b *nodes) averaged(o op.AvgPool, a *op.Applied, in []string) string {
	windows := op.MaxPool{Kernel: o.Kernel, Stride: o.Stride, Pad: o.Pad, Ceil: o.Ceil}
	bottom, right := padEnds(windows, a)
	switch {
	case !o.CountPad || o.Pad == 0:
		return b.pooled("AveragePool", windows, a, in)
	case bottom <= o.Pad && right <= o.Pad:
		return b.pooled("AveragePool", windows, a, in, number("count_include_pad", 1))
	}
	p := int64(o.Pad)
	padded := b.add("Pad", a.Layer+"/padded", []string{in[0], b.ints(a.Layer+"/pads", 0, 0, p, p, 0, 0, p, p)})
	return b.add("AveragePool", a.Layer, []string{padded}, ints("kernel_shape", o.Kernel, o.Kernel),
		ints("strides", o.Stride, o.Stride), ints("pads", 0, 0, max(0, bottom-o.Pad), max(0, right-o.Pad)))
}

// padEnds are by how much to pad below and on the right, so that as many windows as there are outputs fit, rounded
// down.
func padEnds(o op.MaxPool, a *op.Applied) (bottom, right int) {
	if !o.Ceil {
		return o.Pad, o.Pad
	}
	in, out := a.In()[0].Shape, a.Out().Shape
	end := func(axis int) int { return max(0, (out[axis]-1)*o.Stride+o.Kernel-in[axis]-o.Pad) }
	return end(2), end(3)
}
