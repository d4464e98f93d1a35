package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"gorgonia.org/gorgonia"

	"duet/dataloader"
	"duet/dataloader/packed"
	"duet/engine/op"
	"duet/engine/plan"
)

// A Front is what of a network gives the same for an image in every step: what frozen layers make of images, up to the
// first layer that learns or drops features.
type Front struct {
	plan  *plan.Plan
	parts []part
}

// Widths are how many numbers of an image each part has.
func (f *Front) Widths() (all []int) {
	for _, p := range f.parts {
		all = append(all, op.Type{Shape: p.shape}.Len())
	}
	return all
}

// Cut are the nodes in which the front of a network ends. Where no frozen layer is in it, the error names the layer
// that it would end before.
func (g *Graph) Cut() (cut []*op.Node, err error) {
	sorted, err := gorgonia.Sort(g.ExprGraph) // root first
	if err != nil {
		return nil, err
	}
	slices.Reverse(sorted)
	same, frozen := g.same(sorted)
	var take func(n *op.Node)
	take = func(n *op.Node) {
		a, computed := n.Op().(*op.Applied)
		if !computed || slices.Contains(cut, n) {
			return
		}
		switch a.Op.(type) {
		case op.Send, op.Concat: // what the devices have before they exchange it is half as much
			for _, from := range g.Operands(n) {
				take(from)
			}
		default:
			cut = append(cut, n)
		}
	}
	for _, n := range sorted {
		a, computed := n.Op().(*op.Applied)
		if !computed || same[n] {
			continue
		}
		for _, from := range g.Operands(n) {
			before := len(cut)
			if same[from] {
				take(from)
			}
			for _, end := range cut[before:] {
				if !frozen[end] {
					return nil, fmt.Errorf("no frozen layer comes before %s", a.Layer)
				}
			}
		}
	}
	if len(cut) == 0 {
		return nil, errors.New("no layer learns")
	}
	return cut, nil
}

// same says of which nodes the values for an image are those of every step, and which of them a frozen parameter is in.
func (g *Graph) same(sorted []*op.Node) (same, frozen map[*op.Node]bool) {
	same, frozen = map[*op.Node]bool{}, map[*op.Node]bool{}
	for _, in := range g.Inputs {
		for _, n := range in.Nodes {
			same[n] = in.Name == Images || in.Name == Draws || in.Name == Mean
		}
	}
	for _, p := range g.Params {
		for _, part := range p.Parts {
			same[part.Node], frozen[part.Node] = p.Frozen, p.Frozen
		}
	}
	for _, n := range sorted {
		if _, computed := n.Op().(*op.Applied); !computed {
			continue
		}
		same[n] = true
		for _, from := range g.Operands(n) {
			same[n], frozen[n] = same[n] && same[from], frozen[n] || frozen[from]
		}
	}
	return same, frozen
}

// divide compiles what comes before the cut of a graph as a front, whose outputs become inputs of the spec.
func (m *Model) divide(spec *plan.Spec, g *Graph) (*Front, error) {
	cut, err := g.Cut()
	if err != nil {
		return nil, fmt.Errorf("train.cache_features: %w", err)
	}
	f, front := &Front{}, *spec
	front.Name, front.Outputs, front.Updates = spec.Name+" front", nil, nil
	for i, n := range cut {
		p := part{featuresName(i), n, n.Op().(*op.Applied).Out().Shape[1:], nil}
		p.values = make([]float32, m.Batch*op.Type{Shape: p.shape}.Len())
		f.parts = append(f.parts, p)
		front.Outputs = append(front.Outputs, plan.Output{Name: p.output, Node: n})
	}
	if f.plan, err = plan.Compile(front, m.state); err != nil {
		return nil, err
	}
	for _, p := range f.parts {
		a := p.node.Op().(*op.Applied)
		in := plan.Input{Name: p.output, Type: a.Out(), Nodes: make([]*op.Node, len(m.Devices)),
			Layout: f.plan.Layout(p.output)}
		in.Nodes[a.Device] = p.node
		spec.Inputs = append(slices.Clip(spec.Inputs), in)
	}
	return f, f.plan.Upload(Mean, m.Input.Mean)
}

// featuresName is the name of a part of the front's output.
func featuresName(i int) string { return fmt.Sprintf("features/%d", i) }

// Fronts are those of the model's training and testing; nil where it is given images.
func (m *Model) Fronts() (training, testing *Front) { return m.fronts["train"], m.fronts["test"] }

// Compute has a front give the features of each image of a set, in as many views as there is room for.
func (m *Model) Compute(ctx context.Context, f *Front, set *packed.Set, into *dataloader.Features,
	progress func(done, total int)) (err error) {
	loader := dataloader.NewEvalLoader(set, m.setup.Data, m.Batch, into.Views(), 0, m.Allocate)
	defer func() {
		if e := loader.Close(); err == nil { // after a failure it only says again what the device said
			err = e
		}
	}()
	row := make([]float32, 0, into.Bytes()/4)
	for {
		b, err := loader.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := m.feed(f.plan, b, 0, 0); err != nil {
			return err
		}
		f.plan.Run()
		for _, p := range f.parts {
			if err := f.plan.Download(p.output, p.values); err != nil {
				return err
			}
		}
		for i, image := range b.Index[:b.Valid] {
			row = row[:0]
			for _, p := range f.parts {
				n := len(p.values) / m.Batch
				row = append(row, p.values[i*n:(i+1)*n]...)
			}
			if err := into.Put(int(image), b.View, row); err != nil {
				return err
			}
		}
		progress(int(b.Epoch*float64(set.Len())+0.5), set.Len())
		if err := loader.Release(b); err != nil {
			return err
		}
	}
}

// AllocateFor is Allocate for a loader of features, or of images where there are none.
func (m *Model) AllocateFor(f *dataloader.Features) dataloader.Allocate {
	if f == nil {
		return m.Allocate
	}
	return func(images, bytes, draws int) (dataloader.Memory, error) {
		host, err := m.Allocate(images, bytes, draws)
		if err != nil {
			return nil, err
		}
		x := host.(*memory)
		x.divide(images, f.Parts())
		return x, nil
	}
}

// CloseFronts frees what only Compute needs.
func (m *Model) CloseFronts() error {
	var errs []error
	for name, f := range m.fronts {
		m.bytes -= f.plan.Bytes()
		errs = append(errs, f.plan.Close())
		delete(m.fronts, name)
	}
	return errors.Join(errs...)
}
