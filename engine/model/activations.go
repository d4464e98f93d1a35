package model

import (
	"fmt"
	"slices"
	"strings"

	"duet/engine/op"
	"duet/engine/plan"
)

// Activation describes what a layer gives for an image.
type Activation struct {
	Layer     string
	Operation string // the last one of the layer, such as "conv2d"
	Shape     []int  // [maps, height, width] or [features], of the whole network
	Towers    int    // that share the first axis, in equal parts, one after the other
	parts     []part
}

// part is an output of the test plan: the share of a device.
type part struct {
	output string
	node   *op.Node
	shape  []int     // without the batch
	values []float32 // of a batch, as they are downloaded
}

// Len is the number of activations of an image.
func (a Activation) Len() int { return op.Type{Shape: a.Shape}.Len() }

// Activations describes what the layers give in a test, first to last. A layer that is only there in training,
// such as an inverted dropout, is not among them.
func (s Setup) Activations(in Input) ([]Activation, error) {
	g, err := s.Describe(in, false)
	if err != nil {
		return nil, err
	}
	all, err := g.activations()
	for i := range all {
		all[i].Towers, all[i].parts = len(all[i].parts), nil
	}
	return all, err
}

// activations are the last operations of each layer, one a device.
func (g *Graph) activations() (all []Activation, err error) {
	nodes, err := g.Forward()
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for _, n := range nodes {
		a, is := n.Op().(*op.Applied)
		if !is {
			continue
		}
		if _, sends := a.Op.(op.Send); sends || a.Op.Roles()[0] == op.Image {
			continue
		}
		i, seen := at[a.Layer]
		if !seen {
			i, at[a.Layer] = len(all), len(all)
			all = append(all, Activation{Layer: a.Layer})
		}
		all[i].Operation = a.Op.Name()
		all[i].put(part{fmt.Sprintf("%s on %d", a.Layer, a.Device), n, a.Out().Shape[1:], nil})
	}
	for i := range all {
		all[i].Shape = slices.Clone(all[i].parts[0].shape)
		for _, p := range all[i].parts[1:] {
			all[i].Shape[0] += p.shape[0]
		}
	}
	return all, nil
}

// put takes a device's output, in the place of what it gave before in the same layer.
func (a *Activation) put(p part) {
	i := slices.IndexFunc(a.parts, func(has part) bool { return has.output == p.output })
	if i < 0 {
		a.parts = append(a.parts, p)
	} else {
		a.parts[i] = p
	}
}

// ErrNoLayer says that a network has no layer of a name, or that it gives nothing in a test.
type ErrNoLayer struct {
	Layer string
	Known []string
}

func (e *ErrNoLayer) Error() string {
	return fmt.Sprintf("no layer %q gives activations: want one of %s", e.Layer, strings.Join(e.Known, ", "))
}

// FindLayer is which of the activations are a layer's, or an *ErrNoLayer.
func FindLayer(all []Activation, name string) (int, error) {
	missing := &ErrNoLayer{Layer: name}
	for i, a := range all {
		if a.Layer == name {
			return i, nil
		}
		missing.Known = append(missing.Known, a.Layer)
	}
	return 0, missing
}

// kept are the activations that Setup.Keep names, with towers as the setup says.
func (s Setup) kept(in Input, g *Graph) (kept []Activation, err error) {
	if len(s.Keep) == 0 {
		return nil, nil
	}
	described, err := s.Activations(in)
	if err != nil {
		return nil, err
	}
	all, err := g.activations()
	if err != nil {
		return nil, err
	}
	for _, name := range s.Keep {
		i, err := FindLayer(all, name)
		if err != nil {
			return nil, err
		}
		all[i].Towers = described[i].Towers
		kept = append(kept, all[i])
	}
	return kept, nil
}

// outputs are what the test plan gives beside the probabilities.
func outputs(kept []Activation) (all []plan.Output) {
	for _, a := range kept {
		for _, p := range a.parts {
			all = append(all, plan.Output{Name: p.output, Node: p.node})
		}
	}
	return all
}

// activations adds what a kept layer gave in the last test, in equal shares of so many, to the rows of a batch's
// images.
func (m *Model) activations(a Activation, rows []float32, shares int) error {
	whole, before := a.Len(), 0
	for k := range a.parts {
		p := &a.parts[k]
		size := op.Type{Shape: p.shape}.Len()
		if p.values == nil {
			p.values = make([]float32, m.Batch*size)
		}
		if err := m.testing.Download(p.output, p.values); err != nil {
			return err
		}
		for i := range m.Batch {
			row := rows[i*whole+before:]
			for j, v := range p.values[i*size : (i+1)*size] {
				row[j] += v / float32(shares)
			}
		}
		before += size
	}
	return nil
}
