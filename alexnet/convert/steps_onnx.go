package convert

import (
	"fmt"
	"slices"
	"strings"

	"duet/alexnet/convert/onnx"
	"duet/internal/wire"
)

// walk is what is known on the way from a graph's input to its output.
type walk struct {
	*onnxGraph
	dims  []int64  // of the image, where they are known: [batch, channels, height, width] when the first layer begins
	begun bool     // with the first layer
	pad   *padding // whose result the next node takes
	split int      // maps of the images that a Reshape has made of towers; 0: none
}

// walked finds the steps of a graph: those on the way from its input to its output, in this order.
func (g *onnxGraph) walked(graph *onnx.Graph) {
	w := &walk{onnxGraph: g}
	nodes, begin := g.way(graph)
	for _, v := range graph.Fed() {
		if v.Name == begin && len(v.Dims) == 4 {
			for _, d := range v.Dims {
				w.dims = append(w.dims, d.Size)
			}
		}
	}
	for i, n := range nodes {
		s, does := w.step(n, i == len(nodes)-1)
		if !does {
			continue
		}
		if s.kind == isConv || s.kind == isAvgPool {
			s.pad, w.pad = w.pad, nil
		}
		w.flush()
		if !w.begun && len(w.dims) == 4 {
			g.source.side = [2]int{int(w.dims[2]), int(w.dims[3])}
		}
		w.begun = true
		g.source.steps = append(g.source.steps, s)
	}
	w.flush()
}

// flush makes a step of its own of a padding that no convolution or average has taken.
func (w *walk) flush() {
	if w.pad != nil {
		w.source.steps = append(w.source.steps, step{kind: "?Pad", layer: -1, who: w.pad.who})
		w.pad = nil
	}
}

// way are the nodes that lead to a graph's first output, each taking what the one before gives, and the value with
// which it begins.
func (g *onnxGraph) way(graph *onnx.Graph) (nodes []*onnx.Node, begin string) {
	by := map[string]*onnx.Node{}
	for i := range graph.Nodes {
		for _, out := range graph.Nodes[i].Outputs {
			by[out] = &graph.Nodes[i]
		}
	}
	if len(graph.Outputs) > 0 {
		begin = graph.Outputs[0].Name
	}
	for len(nodes) < len(graph.Nodes) { // a file may go round in circles
		n := by[begin]
		if n == nil || len(n.Inputs) == 0 {
			break
		}
		nodes = append(nodes, n)
		begin = n.Inputs[max(slices.IndexFunc(n.Inputs, g.computed), 0)]
	}
	slices.Reverse(nodes)
	return nodes, begin
}

// computed tells whether a value is no constant.
func (g *onnxGraph) computed(name string) bool { return name != "" && g.constants[name] == nil }

// preparing are the operators with which a file may make of an image what the first layer sees, and idle those that do
// nothing in a test: Squeeze to features, after the first layer.
var (
	preparing = []string{"Add", "Div", "Mul", "Slice", "Sub", "Transpose"}
	idle      = []string{"Cast", "Dropout", "Identity", "Squeeze"}
)

// step is what a node does, if it does anything.
func (w *walk) step(n *onnx.Node, last bool) (s step, does bool) {
	s = step{kind: "?" + n.Op, layer: w.layers[n] - 1, who: named(n)}
	if n.Domain != "" && n.Domain != "ai.onnx" {
		return s, true
	}
	switch {
	case w.biases[n], slices.Contains(idle, n.Op) && (w.begun || n.Op != "Squeeze"), last && softmax(n),
		!w.begun && slices.Contains(preparing, n.Op) && w.prepares(n):
		return s, false
	}
	switch n.Op {
	case "Conv":
		if s.layer >= 0 {
			s.kind = isConv
			s.windowed(n, w.source.Layers[s.layer].Weight.Shape[2:])
		}
	case "Gemm", "MatMul":
		if s.layer >= 0 {
			s.kind = isLinear
		}
	case "Relu":
		s.kind = isReLU
	case "Tanh":
		s.kind = isTanh
	case "LRN":
		s.kind, s.maps = isLRN, w.split
		s.normalising(n)
	case "MaxPool":
		s.kind = isMaxPool
		s.windowed(n, nil)
	case "AveragePool": // one of one place each does nothing: exporters write it for an adaptive one
		s.kind = isAvgPool
		s.windowed(n, nil)
		return s, s.wrong != "" || s.kernel != one || s.strides != one || s.before != [2]int{} || s.after != [2]int{}
	case "Mul", "Div":
		s.scaling(n, w)
	case "Flatten":
		return s, number(n, "axis", int64(1)) != 1
	case "Reshape":
		return s, !w.reshapes(w.input(n, 1))
	case "Pad":
		return s, !w.pads(n)
	}
	return s, true
}

var one = [2]int{1, 1}

// named is a node in an error.
func named(n *onnx.Node) string {
	name := n.Name
	if name == "" && len(n.Outputs) > 0 {
		name = n.Outputs[0]
	}
	return fmt.Sprintf("node %s (%s)", wire.Quote(name), strings.Trim(wire.Quote(n.Op), `"`))
}

// softmax tells whether a node makes probabilities, or their logarithms, of an image's scores.
func softmax(n *onnx.Node) bool {
	axis := number(n, "axis", int64(-1))
	return (n.Op == "Softmax" || n.Op == "LogSoftmax") && (axis == 1 || axis == -1)
}

// scaling reads a multiplication by one number.
func (s *step) scaling(n *onnx.Node, w *walk) {
	for i := range n.Inputs {
		if x := w.input(n, i); x != nil && len(x.Data) == 1 && (i == 1 || n.Op == "Mul") {
			s.kind, s.factor = isScale, float64(x.Data[0])
			if n.Op == "Div" {
				s.factor = 1 / s.factor
			}
			w.used[x.Name] = true
		}
	}
}

// prepares tells whether a node before the first layer changes the image's numbers, its axes or what of it is seen, by
// constants.
func (w *walk) prepares(n *onnx.Node) bool {
	constants := []*onnx.Tensor{}
	for i, name := range n.Inputs {
		if x := w.input(n, i); x != nil {
			constants = append(constants, x)
		} else if i > 0 && w.computed(n.Inputs[0]) && name != "" {
			return false
		}
	}
	switch n.Op {
	case "Transpose":
		perm, _ := n.Attribute("perm").([]int64)
		if len(perm) != 4 || len(w.dims) != 4 || slices.Min(perm) < 0 || slices.Max(perm) > 3 {
			w.dims = nil
			break
		}
		w.dims = []int64{w.dims[perm[0]], w.dims[perm[1]], w.dims[perm[2]], w.dims[perm[3]]}
	case "Slice":
		if len(constants) != 3 || !w.slices(constants[0].Ints, constants[1].Ints, constants[2].Ints) {
			return false
		}
	}
	for _, x := range constants {
		w.used[x.Name] = true
	}
	if n.Op != "Transpose" {
		w.source.prepared = append(w.source.prepared, named(n))
	}
	return true
}

// slices takes a part of the image.
func (w *walk) slices(first, end, axes []int64) bool {
	if len(first) != len(axes) || len(end) != len(axes) {
		return false
	}
	for i, axis := range axes {
		if first[i] < 0 || end[i] < first[i] || axis < 0 || axis > 3 {
			return false
		}
		if len(w.dims) == 4 && w.dims[axis] >= 0 {
			w.dims[axis] = max(min(end[i], w.dims[axis])-first[i], 0)
		}
	}
	return true
}

// reshapes tells whether a Reshape makes features of maps, or images of the batch of towers, or of these again towers.
// A shape that is computed makes features.
func (w *walk) reshapes(to *onnx.Tensor) bool {
	switch {
	case w.split == 0 && (to == nil || len(to.Ints) == 2):
		return true
	case to == nil || len(to.Ints) != 4 || to.Ints[1] < 1 || to.Ints[1] > mostSide:
		return false
	case w.split != 0:
		w.split = 0
	default:
		w.split = int(to.Ints[1])
	}
	return true
}

// pads keeps what a Pad adds around maps for the convolution after it.
func (w *walk) pads(n *onnx.Node) bool {
	list, _ := n.Attribute("pads").([]int64) // before opset 11
	if x := w.input(n, 1); x != nil {
		list = x.Ints
	}
	value := number(n, "value", float32(0))
	if x := w.input(n, 2); x != nil && len(x.Data) == 1 {
		value = x.Data[0]
	}
	if w.pad != nil || len(list) != 8 || number(n, "mode", "constant") != "constant" || value != 0 {
		return false
	}
	for i, p := range list {
		if p < 0 || p > mostSide || i%4 < 2 && p != 0 {
			return false
		}
	}
	w.pad = &padding{named(n), [2]int{int(list[2]), int(list[3])}, [2]int{int(list[6]), int(list[7])}}
	return true
}
