// Package export writes trained networks as other programs read them: ONNX models, safetensors, PyTorch modules.
//
// What a network computes is taken from the graph that the engine runs, as it lies on one device, so that there is
// nothing here to know of towers and exchanges: what they come to is groups, halves and what joins them.
package export

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"duet/engine/checkpoint"
	"duet/engine/model"
	"duet/engine/op"
	"duet/internal/half"
)

// A Network is a trained network that is to be exported.
type Network struct {
	Setup   model.Setup
	Input   model.Input
	File    *checkpoint.File // its weights
	Version string           // of the program, for the metadata
	Half    bool             // weights as float16: see Round
	Names   string           // of the weights in a safetensors file: OwnNames, which "" is too, or TorchvisionNames
}

// Result says what was written.
type Result struct {
	Parameters int     // learned numbers
	Images     int     // that the file's network was tried on
	Difference float64 // the largest one of a probability from the engine's
}

// graph builds the network's graph for one image on one device.
func (n *Network) graph(training bool) (*model.Graph, error) {
	s := n.Setup
	s.Batch, s.Devices.Towers, s.Devices.Precision = 1, make([]string, 1), "fp32"
	return s.Graph(n.Input, training)
}

// operations are the operations that the scores are made of, each after what it takes. Their order is the same every
// time.
func operations(g *model.Graph) (all []*op.Node) {
	seen := map[*op.Node]bool{}
	var visit func(n *op.Node)
	visit = func(n *op.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, from := range g.Operands(n) {
			visit(from)
		}
		if _, is := n.Op().(*op.Applied); is {
			all = append(all, n)
		}
	}
	for _, scores := range g.Operands(g.Probs) {
		visit(scores)
	}
	return all
}

// Round makes the weights what float16 has of them. A finite one that it cannot hold is an error.
func (n *Network) Round() error {
	g, err := n.graph(false)
	if err != nil {
		return err
	}
	for _, p := range g.Params {
		t, err := n.weights(p)
		if err != nil {
			return err
		}
		for i, x := range t {
			y := half.To32(half.From32(x))
			if math.IsInf(float64(y), 0) && !math.IsInf(float64(x), 0) {
				return tooLarge(p.Name, x)
			}
			t[i] = y
		}
	}
	return nil
}

// weights are a parameter's numbers.
func (n *Network) weights(p model.Param) ([]float32, error) {
	t, found := n.File.Tensor(p.Name)
	if !found || len(t.Data) != p.Len() {
		return nil, fmt.Errorf("tensor %s has %d numbers, want %d of shape %v", p.Name, len(t.Data), p.Len(), p.Shape)
	}
	return t.Data, nil
}

// Free says that nothing is in the place of what is to be written; else its error is an fs.ErrExist.
func Free(path string) error {
	switch _, err := os.Lstat(path); {
	case err == nil:
		return &exists{path}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

type exists struct{ path string }

func (e *exists) Error() string {
	return e.path + " exists: give another name, or remove it first"
}
func (e *exists) Unwrap() error { return fs.ErrExist }
