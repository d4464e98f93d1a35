package op_test

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"duet/engine/op"
)

// oracleTol is for float64 sums of some hundreds of numbers near 1, taken in other orders.
const oracleTol = 1e-11

// oracleCase is a network of convolution, rectifier, pooling, a fully connected layer and softmax.
type oracleCase struct {
	name                           string
	batch, c, h, w, maps, classes  int
	kernel, stride, pad            int
	poolKernel, poolStride, pooled int // pooled is the number of features
}

var oracleCases = []oracleCase{
	{"alexnet's pooling", 2, 3, 11, 11, 4, 6, 3, 1, 1, 3, 2, 4 * 5 * 5},
	{"five by five, stride 2", 3, 2, 13, 13, 5, 4, 5, 2, 2, 3, 2, 5 * 3 * 3},
	{"pooling without overlap", 1, 4, 8, 8, 3, 3, 1, 1, 0, 2, 2, 3 * 4 * 4},
}

// TestAgainstGorgonia computes each network twice on gorgonia's TapeMachine: of our operations, which the reference
// kernels compute, and of gorgonia's own.
func TestAgainstGorgonia(t *testing.T) {
	for _, c := range oracleCases {
		t.Run(c.name, func(t *testing.T) {
			ours, theirs := evaluate(t, c, c.ours), evaluate(t, c, c.theirs)
			names := []string{"loss", "dx", "dw", "db", "dw2", "db2"}
			for i, want := range theirs {
				if len(ours[i]) != len(want) {
					t.Fatalf("%s has %d elements, gorgonia's %d", names[i], len(ours[i]), len(want))
				}
				for k := range want {
					if !(math.Abs(ours[i][k]-want[k]) <= oracleTol*(1+math.Abs(want[k]))) {
						t.Fatalf("%s: element %d is %v, gorgonia's %v", names[i], k, ours[i][k], want[k])
					}
				}
			}
		})
	}
}

func (c oracleCase) labels() []int32 {
	labels := make([]int32, c.batch)
	for i := range labels {
		labels[i] = int32((i*2 + 1) % c.classes)
	}
	return labels
}

// leaves are x, w, b, w2 and b2; w2 is [classes, features].
func (c oracleCase) leaves(g *gorgonia.ExprGraph) []node {
	return []node{
		leaf(g, "x", c.batch, c.c, c.h, c.w), leaf(g, "w", c.maps, c.c, c.kernel, c.kernel), leaf(g, "b", c.maps),
		leaf(g, "w2", c.classes, c.pooled), leaf(g, "b2", c.classes),
	}
}

func evaluate(t *testing.T, c oracleCase, build func(*testing.T, *gorgonia.ExprGraph, []node) node) [][]float64 {
	t.Helper()
	g := gorgonia.NewGraph()
	in := c.leaves(g)
	loss := build(t, g, in)
	grads, err := gorgonia.Grad(loss, in...)
	if err != nil {
		t.Fatal(err)
	}
	nodes := append(gorgonia.Nodes{loss}, grads...)
	values := make([]gorgonia.Value, len(nodes))
	for i, n := range nodes {
		gorgonia.Read(n, &values[i])
	}
	m := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(in[1:]...))
	defer m.Close()
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	out := make([][]float64, len(values))
	for i, v := range values {
		out[i] = numbersOf(t, v)
	}
	return out
}

func (c oracleCase) ours(t *testing.T, g *gorgonia.ExprGraph, in []node) node {
	y := apply(t, op.Conv2D{Kernel: c.kernel, Stride: c.stride, Pad: c.pad, Groups: 1, ReLU: true}, in[0], in[1], in[2])
	y = apply(t, op.MaxPool{Kernel: c.poolKernel, Stride: c.poolStride}, y)
	z := apply(t, op.Linear{}, apply(t, op.Flatten{}, y), in[3], in[4])
	return apply(t, op.SoftmaxLoss{}, z, integers(g, "labels", op.Int32, c.labels(), c.batch))
}

func (c oracleCase) theirs(_ *testing.T, g *gorgonia.ExprGraph, in []node) node {
	must := gorgonia.Must
	y := must(gorgonia.Conv2d(in[0], in[1], tensor.Shape{c.kernel, c.kernel}, []int{c.pad, c.pad},
		[]int{c.stride, c.stride}, []int{1, 1}))
	bias := must(gorgonia.Reshape(in[2], tensor.Shape{1, c.maps, 1, 1}))
	y = must(gorgonia.Rectify(must(gorgonia.BroadcastAdd(y, bias, nil, []byte{0, 2, 3}))))
	y = must(gorgonia.MaxPool2D(y, tensor.Shape{c.poolKernel, c.poolKernel}, []int{0, 0},
		[]int{c.poolStride, c.poolStride}))
	flat := must(gorgonia.Reshape(y, tensor.Shape{c.batch, c.pooled}))
	z := must(gorgonia.Mul(flat, must(gorgonia.Transpose(in[3], 1, 0))))
	z = must(gorgonia.BroadcastAdd(z, must(gorgonia.Reshape(in[4], tensor.Shape{1, c.classes})), nil, []byte{0}))
	hot := make([]float64, c.batch*c.classes)
	for i, l := range c.labels() {
		hot[i*c.classes+int(l)] = 1
	}
	oneHot := gorgonia.NewMatrix(g, tensor.Float64, gorgonia.WithName("one hot"), gorgonia.WithShape(c.batch, c.classes),
		gorgonia.WithValue(tensor.New(tensor.WithShape(c.batch, c.classes), tensor.WithBacking(hot))))
	p := must(gorgonia.SoftMax(z, 1))
	sum := must(gorgonia.Sum(must(gorgonia.HadamardProd(oneHot, must(gorgonia.Log(p))))))
	return must(gorgonia.Div(must(gorgonia.Neg(sum)), gorgonia.NewConstant(float64(c.batch))))
}
