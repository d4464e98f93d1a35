package model

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"duet/engine/op"
	"duet/engine/plan"
)

// Builder makes a graph: a network begins with Image on every device, goes on with Apply and Param, and ends with
// Finish.
// Its error is that of the first operation that could not be applied.
type Builder struct {
	op.Chain
	Options Options
	name    string
	graph   *Graph
	inputs  map[string]*plan.Input
}

// NewBuilder begins a graph.
func NewBuilder(name string, o Options) *Builder {
	return &Builder{Options: o, name: name, graph: &Graph{ExprGraph: gorgonia.NewGraph()},
		inputs: map[string]*plan.Input{}}
}

// Feed is the leaf of an input on a device, made when it is first asked for.
func (b *Builder) Feed(name string, t op.Type, device int) *op.Node {
	in := b.inputs[name]
	if in == nil {
		in = &plan.Input{Name: name, Type: t, Nodes: make([]*op.Node, b.Options.Devices)}
		b.inputs[name] = in
	}
	if in.Nodes[device] == nil {
		in.Nodes[device] = op.Leaf(b.graph.ExprGraph, fmt.Sprintf("%s/%d", name, device), t, b.Options.Wide)
	}
	return in.Nodes[device]
}

// Image is what a network sees on a device: the batch's images, augmented, [batch, 3, Crop, Crop].
func (b *Builder) Image(device int) *op.Node {
	o := b.Options
	var scale [3]float32
	for c, x := range o.Scale {
		scale[c] = float32(x)
	}
	var sight op.Op = op.Augment{Crop: o.Crop, Scale: scale}
	draws := op.Draws
	if o.Warp {
		sight, draws = op.Warp{Crop: o.Crop, Scale: scale}, op.WarpDraws
	}
	n := b.Apply(sight, op.Place{Device: device, Layer: "input"},
		b.Feed(Images, op.Type{DType: op.Uint8, Shape: []int{o.Batch, o.Height, o.Width, 3}}, device),
		b.Feed(Draws, op.Floats(o.Batch, draws), device),
		b.Feed(Mean, op.Floats(o.Mean...), device))
	if device == 0 {
		b.graph.Image = n
	}
	return n
}

// Param adds a parameter, whose rows are divided evenly among parts: part i has the leaf NAME/i.
func (b *Builder) Param(p Param, parts int) Param {
	for i := range parts {
		part := append([]int{p.Shape[0] / parts}, p.Shape[1:]...)
		node := op.Leaf(b.graph.ExprGraph, fmt.Sprintf("%s/%d", p.Name, i), op.Floats(part...), b.Options.Wide)
		p.Parts = append(p.Parts, Part{Node: node, Rows: part[0]})
	}
	b.graph.Params = append(b.graph.Params, p)
	return p
}

// Finish adds the loss, the probabilities and the errors of scores [batch, classes] on the first device, and gradients
// where they are asked for.
func (b *Builder) Finish(scores *op.Node) (*Graph, error) {
	g, place := b.graph, op.Place{Layer: "loss"}
	labels := b.Feed(Labels, op.Type{DType: op.Int32, Shape: []int{b.Options.Batch}}, 0)
	loss, of := op.SoftmaxLoss{Smoothing: float32(b.Options.Smoothing), Weighted: b.Options.Weighted},
		[]*op.Node{scores, labels}
	if loss.Weighted && b.Err == nil {
		of = append(of, b.Feed(Weights, op.Floats(scores.Shape()[1]), 0))
	}
	g.Loss = b.Apply(loss, place, of...)
	g.Errors = b.Apply(op.TopErrors{}, place, scores, labels)
	g.Probs = b.Apply(op.Softmax{}, place, scores)
	b.declare()
	if b.Err == nil && b.Options.Train {
		b.Err = g.differentiate()
	}
	if b.Err != nil {
		return nil, fmt.Errorf("network %s: %w", b.name, b.Err)
	}
	return g, nil
}

// Sight makes the graph of nothing but what a network sees. Of the options it needs those of images alone.
func Sight(o Options) (*Graph, error) {
	b := NewBuilder("sight", o)
	b.Image(0)
	b.declare()
	return b.graph, b.Err
}

// declare lists the inputs that were asked for.
func (b *Builder) declare() {
	for _, name := range []string{Images, Draws, Mean, Labels, Weights, Counters} {
		if in := b.inputs[name]; in != nil {
			b.graph.Inputs = append(b.graph.Inputs, *in)
		}
	}
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
		if g.Params[i].Frozen {
			continue
		}
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
