// Package model runs a network on its devices. A network implements the interface Network; of it a Model makes plans
// for training and for testing, brings weights in and out, and evaluates.
package model

import (
	"gorgonia.org/gorgonia"

	"duet/engine/op"
	"duet/engine/plan"
	"duet/internal/rng"
)

// Network is what can be trained.
type Network interface {
	// Title is the network's name.
	Title() string
	// MaxDevices is among how many devices it can be divided: its towers.
	MaxDevices() int
	// Classes is how many it tells apart; 0: as many as the data has.
	Classes() int
	// Build makes the network's graph for a placement and a purpose. What the network cannot be is an *invalid.Error of
	// a key in its table.
	Build(o Options) (*Graph, error)
}

// Options are what a graph depends on beside the network.
type Options struct {
	Batch   int
	Devices int  // 1, or 2 for a network of two towers
	Train   bool // with dropout and gradients; else dropout is what it is at test time
	Classes int  // of the data
	Height  int  // of the stored images
	Width   int
	Crop    int        // side of the network's input
	Warp    bool       // images are seen through op.Warp, at training alone
	Scale   [3]float64 // of red, green and blue after mean subtraction
	Mean    []int      // shape of the mean: [3, H, W] or [3, 1, 1]
	Wide    bool       // float64, for gradient checks

	Smoothing float64 // of the loss, see op.SoftmaxLoss
	Weighted  bool    // the loss weighs the classes
}

// Graph is a network's expression graph with its ends.
type Graph struct {
	*gorgonia.ExprGraph
	Inputs []plan.Input
	Params []Param
	Image  *op.Node // [batch, 3, Crop, Crop]: what the first device sees
	Probs  *op.Node // [batch, classes]
	Loss   *op.Node // scalar: mean cross entropy
	Errors *op.Node // [2]: top-1 and top-5 error of the batch
}

// The names of the inputs.
const (
	Images   = "images"   // uint8 [batch, H, W, 3]
	Draws    = "draws"    // float [batch, 6], see op.Augment, or [batch, 11], see op.Warp
	Mean     = "mean"     // float [3, H, W] or [3, 1, 1]
	Labels   = "labels"   // int32 [batch]
	Weights  = "weights"  // float [classes], of the loss; only where it weighs them
	Counters = "counters" // uint32 [4], see op.Dropout; only where a layer drops
)

// Param is a parameter of the whole network.
type Param struct {
	Name  string // as PyTorch users expect: "conv2.weight"
	Shape []int  // of the whole network's: [256, 48, 5, 5]
	Parts []Part // in the order of the rows: one, or one a tower
	Rate  float64
	Decay float64
	Fill  Fill
	// Frozen parameters do not learn: they have no gradients, and what is before the first that learns is not
	// differentiated.
	Frozen bool
}

// Fill gives a parameter of the whole network its initial values.
type Fill func(values []float32, random rng.Stream)

// Part is some rows (the first axis) of a parameter, on one device.
type Part struct {
	Node *op.Node
	Grad *op.Node // nil unless Options.Train, and of frozen parameters
	Rows int
}

// Len is the number of elements.
func (p Param) Len() int { return op.Type{Shape: p.Shape}.Len() }

// Initial draws the initial values of a parameter of the whole network. Value i depends on the seed, on the parameter's
// name and on i alone, so that every placement starts from the same network: Fill gets the stream of
// rng.New(seed, rng.Init, rng.StreamOf(name), 0).
func (p Param) Initial(seed uint64) []float32 {
	values := make([]float32, p.Len())
	p.Fill(values, rng.New(seed, rng.Init, rng.StreamOf(p.Name), 0))
	return values
}

// ParameterCount is the number of learned numbers of the network.
func (g *Graph) ParameterCount() int {
	n := 0
	for _, p := range g.Params {
		n += p.Len()
	}
	return n
}
