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
	for _, c := range [][2]int{{1, 1}, {1, 2}, {2, 10}, {5, 17}, {3, 1000}, {32, 10}} {
		cases = append(cases, testCase{name: fmt.Sprintf("softmax %v", c), build: func(n *network) {
			z := n.random("z", c[0], c[1])
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
