package alexnet

import (
	"cmp"
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"

	"duet/engine/op"
	"duet/internal/invalid"
)

// Options are what a graph depends on beside the network.
type Options struct {
	Batch   int
	Devices int  // 1, or 2 for a network of two towers
	Train   bool // with dropout and gradients; else dropout is what it is at test time
	Classes int  // of the data
	Height  int  // of the stored images
	Width   int
	Crop    int     // side of the network's input
	Scale   float64 // of the input after mean subtraction
	Mean    []int   // shape of the mean: [3, H, W] or [3, 1, 1]
	Wide    bool    // float64, for gradient checks
}

// Graph is a network's expression graph with its ends.
type Graph struct {
	*gorgonia.ExprGraph
	Inputs []Input
	Params []Param
	Image  *op.Node // [batch, 3, Crop, Crop]: the first device's, augmented
	Probs  *op.Node // [batch, classes]
	Loss   *op.Node // scalar: mean cross entropy
	Errors *op.Node // [2]: top-1 and top-5 error of the batch
}

// The names of the inputs.
const (
	Images   = "images"   // uint8 [batch, H, W, 3]
	Draws    = "draws"    // float [batch, 6], see op.Augment
	Mean     = "mean"     // float [3, H, W] or [3, 1, 1]
	Labels   = "labels"   // int32 [batch]
	Counters = "counters" // uint32 [4], see op.Dropout; only where a layer drops
)

// Input is a leaf that the caller feeds, with one node on every device that reads it.
type Input struct {
	Name  string
	Type  op.Type
	Nodes []*op.Node
}

// Param is a parameter of the whole network.
type Param struct {
	Name  string // as PyTorch users expect: "conv2.weight"
	Shape []int  // of the whole network's: [256, 48, 5, 5]
	Parts []Part // in the order of the rows: one, or one a tower
	Rate  float64
	Decay float64
	init  initialiser
}

// Part is some rows (the first axis) of a parameter, on one device.
type Part struct {
	Node *op.Node
	Grad *op.Node // nil unless Options.Train
	Rows int
}

// Len is the number of elements.
func (p Param) Len() int { return op.Type{Shape: p.Shape}.Len() }

// ParameterCount is the number of learned numbers of the network.
func (g *Graph) ParameterCount() int {
	n := 0
	for _, p := range g.Params {
		n += p.Len()
	}
	return n
}

// Build makes the graph of a network. A layer that is impossible after those before it, such as a kernel that is larger
// than its input, is an *invalid.Error of its key in the network's table.
func Build(c Config, o Options) (*Graph, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if o.Devices != 1 && !(o.Devices == 2 && c.Towers == 2) {
		return nil, fmt.Errorf("network %s: %d towers on %d devices, want one device, or one for each tower", c.Name, c.Towers, o.Devices)
	}
	b := newBuilder(c, o)
	x := b.input()
	if b.Err != nil {
		return nil, fmt.Errorf("network %s: %w", c.Name, b.Err)
	}
	for i := range c.Layers {
		var err error
		if x, err = b.layer(i, x); cmp.Or(err, b.Err) != nil {
			return nil, impossible(i, c.Layers[i], cmp.Or(err, b.Err))
		}
	}
	if b.ends(x); b.Err != nil {
		return nil, fmt.Errorf("network %s: %w", c.Name, b.Err)
	}
	g := b.whole()
	if o.Train {
		return g, g.differentiate()
	}
	return g, nil
}

// Sight makes the graph of nothing but what a network sees, Image. Of the options it needs those of images alone.
func Sight(o Options) (*Graph, error) {
	b := newBuilder(Config{}, o)
	if b.input(); b.Err != nil {
		return nil, b.Err
	}
	return b.whole(), nil
}

func newBuilder(c Config, o Options) *builder {
	return &builder{config: c, options: o, graph: &Graph{ExprGraph: gorgonia.NewGraph()}, inputs: map[string]*Input{}}
}

// whole is the graph with the inputs that were asked for.
func (b *builder) whole() *Graph {
	for _, name := range []string{Images, Draws, Mean, Labels, Counters} {
		if in := b.inputs[name]; in != nil {
			b.graph.Inputs = append(b.graph.Inputs, *in)
		}
	}
	return b.graph
}

// impossible says which key of layer i an error of its construction concerns.
func impossible(i int, l Layer, err error) error {
	at := fmt.Sprintf("layers[%d]", i)
	var known *invalid.Error
	switch {
	case errors.As(err, &known):
		return invalid.Under(at, err)
	case l.Kernel > 0: // nothing else of a convolution or a pooling can fail to fit
		at += ".kernel"
	}
	return invalid.Key(at, "%v", err)
}

// differentiate lets gorgonia build the gradients of the loss. gorgonia panics where it should return an error.
func (g *Graph) differentiate() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("gradients: %v", r)
		}
	}()
	var parts []*Part
	var nodes gorgonia.Nodes
	for i := range g.Params {
		for j := range g.Params[i].Parts {
			part := &g.Params[i].Parts[j]
			parts, nodes = append(parts, part), append(nodes, part.Node)
		}
	}
	grads, err := gorgonia.Grad(g.Loss, nodes...)
	if err != nil {
		return fmt.Errorf("gradients: %w", err)
	}
	for i, part := range parts {
		part.Grad = grads[i]
	}
	return nil
}

// ends adds the loss, the probabilities and the errors on the first device.
func (b *builder) ends(x maps) {
	g, first := b.graph, op.Place{Layer: "loss"}
	labels := b.feed(Labels, op.Type{DType: op.Int32, Shape: []int{b.options.Batch}}, 0)
	logits := x.parts[0]
	g.Loss = b.Apply(op.SoftmaxLoss{}, first, logits, labels)
	g.Errors = b.Apply(op.TopErrors{}, first, logits, labels)
	g.Probs = b.Apply(op.Softmax{}, first, logits)
}
