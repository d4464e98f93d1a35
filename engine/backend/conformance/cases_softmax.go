package conformance

import (
	"fmt"
	"math"

	"duet/engine/op"
)

func softmaxCases() []testCase {
	cases := []testCase{{
		name: "softmax by hand",
		build: func(n *network) {
			z := n.leaf("z", op.Floats(2, 2), []float64{0, 0, 3, 0})
			l := n.leaf("labels", labelType(2), []int32{1, 0})
			n.apply("p", op.Softmax{}, z)
			n.apply("loss", op.SoftmaxLoss{}, z, l)
			n.apply("dz", op.SoftmaxLossGrad{}, z, l, n.leaf("dloss", op.Floats(), []float64{1}))
		},
		want: map[string]any{
			"p":    []float64{0.5, 0.5, 1 / (1 + math.Exp(-3)), 1 / (1 + math.Exp(3))},
			"loss": []float64{(math.Ln2 + math.Log1p(math.Exp(-3))) / 2},
			"dz":   []float64{0.25, -0.25, -0.5 / (1 + math.Exp(3)), 0.5 / (1 + math.Exp(3))},
		},
	}, {
		name: "softmax and relu of one leaf", // which is read as logits and as an activation
		build: func(n *network) {
			z := n.random("z", 3, 7)
			n.apply("p", op.Softmax{}, z)
			n.apply("y", op.ReLU{}, z)
		},
	}, {
		name: "softmax of numbers whose exponentials overflow",
		build: func(n *network) {
			z := n.leaf("z", op.Floats(1, 3), []float64{1000, 1000, -1000})
			l := n.leaf("labels", labelType(1), []int32{1})
			n.apply("p", op.Softmax{}, z)
			n.apply("loss", op.SoftmaxLoss{}, z, l)
			n.apply("dz", op.SoftmaxLossGrad{}, z, l, n.leaf("dloss", op.Floats(), []float64{2}))
		},
		want: map[string]any{"p": []float64{0.5, 0.5, 0}, "loss": []float64{math.Ln2}, "dz": []float64{1, -1, 0}},
	}, {
		name: "top_errors by hand",
		build: func(n *network) {
			z := n.leaf("z", op.Floats(4, 7), []float64{
				9, 8, 7, 6, 5, 4, 3, // label 0: first
				9, 8, 7, 6, 5, 4, 3, // label 4: fifth
				9, 8, 7, 6, 5, 4, 3, // label 5: sixth
				1, 1, 1, 1, 1, 1, 1, // label 1: second of equals
			})
			n.apply("errors", op.TopErrors{}, z, n.leaf("labels", labelType(4), []int32{0, 4, 5, 1}))
		},
		want: map[string]any{"errors": []float64{0.75, 0.25}},
	}, {
		name: "top_errors of five classes",
		build: func(n *network) {
			z := n.leaf("z", op.Floats(1, 5), []float64{5, 4, 3, 2, 1})
			n.apply("errors", op.TopErrors{}, z, n.leaf("labels", labelType(1), []int32{4}))
		},
		want: map[string]any{"errors": []float64{1, 0}},
	}}
	// Half of what is asked for is the label's, a quarter each class's; the second class counts thrice.
	for _, weighted := range []bool{false, true} {
		o := op.SoftmaxLoss{Smoothing: 0.5, Weighted: weighted}
		loss, dz := math.Ln2, []float64{0.25, -0.25}
		if weighted {
			loss, dz = (2.25+0.25)*math.Ln2, []float64{1.25 - 0.25, 1.25 - 2.25}
		}
		cases = append(cases, testCase{name: fmt.Sprintf("softmax by hand, %+v", o), build: func(n *network) {
			z, l := n.leaf("z", op.Floats(1, 2), []float64{0, 0}), n.leaf("labels", labelType(1), []int32{1})
			grad := []id{z, l, n.leaf("dloss", op.Floats(), []float64{1})}
			in := []id{z, l}
			if weighted {
				w := n.fine("w", op.Floats(2), []float64{1, 3})
				in, grad = append(in, w), append(grad, w)
			}
			n.apply("loss", o, in...)
			n.apply("dz", op.SoftmaxLossGrad{Loss: o}, grad...)
		}, want: map[string]any{"loss": []float64{loss}, "dz": dz}})
	}
	for _, c := range [][2]int{{1, 1}, {1, 2}, {2, 10}, {5, 17}, {3, 1000}, {32, 10}} {
		cases = append(cases, testCase{name: fmt.Sprintf("softmax %v", c), build: func(n *network) {
			z := n.random("z", c[0], c[1])
			l := n.leaf("labels", labelType(c[0]), labels(c[1], c[0]))
			n.apply("p", op.Softmax{}, z)
			n.apply("loss", op.SoftmaxLoss{}, z, l)
			n.apply("dz", op.SoftmaxLossGrad{}, z, l, n.leaf("dloss", op.Floats(), []float64{1}))
			n.apply("errors", op.TopErrors{}, z, l)
			w := spread("w", 1, c[1])
			for i := range w {
				w[i] = 1.25 + w[i]
			}
			o := op.SoftmaxLoss{Smoothing: 0.1, Weighted: true}
			of := n.fine("w", op.Floats(c[1]), w)
			n.apply("weighted", o, z, l, of)
			n.apply("dweighted", op.SoftmaxLossGrad{Loss: o}, z, l, n.leaf("dloss2", op.Floats(), []float64{1}), of)
		}})
	}
	for _, c := range [][2]int{{5, 17}, {3, 1000}} { // scores in the precision of activations
		cases = append(cases, testCase{name: fmt.Sprintf("softmax of what a layer gives %v", c), build: func(n *network) {
			z := n.apply("z", op.Scale{Factor: 4}, n.random("x", c[0], c[1]))
			l := n.leaf("labels", labelType(c[0]), labels(c[1], c[0]))
			n.apply("p", op.Softmax{}, z)
			n.apply("loss", op.SoftmaxLoss{}, z, l)
			n.apply("dz", op.SoftmaxLossGrad{}, z, l, n.leaf("dloss", op.Floats(), []float64{1}))
			n.apply("errors", op.TopErrors{}, z, l)
		}})
	}
	return cases
}

func labelType(batch int) op.Type { return op.Type{DType: op.Int32, Shape: []int{batch}} }
