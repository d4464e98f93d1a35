package model

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"gonum.org/v1/gonum/graph"
	"gorgonia.org/gorgonia"

	"duet/engine/op"
)

// Layer is what a layer of a network is, whatever the placement: all numbers are of both towers together.
type Layer struct {
	Name        string  `json:"layer"`
	Output      []int   `json:"output"` // shape of what it gives for an image: [maps, height, width] or [features]
	Parameters  int     `json:"parameters"`
	Share       float64 `json:"share"`             // of all parameters, in parts of 1
	FLOPs       float64 `json:"flops"`             // forward, for an image: additions and multiplications
	Activations int64   `json:"activations_bytes"` // of what it gives for a batch
	Weights     int64   `json:"weights_bytes"`     // of its parameters
}

// Layers describes the layers of a network, first to last, from the input to the scores of the classes.
func (s Setup) Layers(in Input) ([]Layer, error) {
	one := s
	one.Batch, one.Devices.Towers = 1, s.Devices.Towers[:1] // whole maps, of one image
	g, err := one.Graph(in, true)                           // where no layer is left out
	if err != nil {
		return nil, err
	}
	nodes, err := g.Forward()
	if err != nil {
		return nil, err
	}
	activation, weight := ElementBytes(s.Devices.Precision)
	params := map[*op.Node]bool{}
	for _, p := range g.Params {
		for _, part := range p.Parts {
			params[part.Node] = true
		}
	}
	all, at := []Layer(nil), map[string]int{}
	for _, n := range nodes {
		a, is := n.Op().(*op.Applied)
		if !is {
			continue
		}
		i, seen := at[a.Layer]
		if !seen {
			i, at[a.Layer] = len(all), len(all)
			all = append(all, Layer{Name: a.Layer})
		}
		l := &all[i]
		l.FLOPs += op.FLOPs(a.Op, a.In(), a.Out())
		l.Output = a.Out().Shape[1:] // its last operation's
		l.Activations = int64(a.Out().Len()) * int64(s.Batch) * activation
		for k, from := range g.Operands(n) {
			if params[from] {
				l.Parameters += a.In()[k].Len()
			}
		}
	}
	for i := range all {
		all[i].Share = float64(all[i].Parameters) / float64(g.ParameterCount())
		all[i].Weights = int64(all[i].Parameters) * weight
	}
	return all, nil
}

// ElementBytes are the bytes of a number of what layers give, and of a parameter, of which there is a copy of full
// precision whatever the layers compute in.
func ElementBytes(precision string) (activation, parameter int64) {
	switch precision {
	case "bf16":
		return 2, 4
	case "fp64":
		return 8, 8
	}
	return 4, 4
}

// Forward are the nodes that the scores are made of, inputs first; the scores are what the probabilities are made of.
func (g *Graph) Forward() ([]*op.Node, error) {
	sorted, err := gorgonia.Sort(g.ExprGraph) // root first
	if err != nil {
		return nil, err
	}
	needed, nodes := map[*op.Node]bool{}, []*op.Node(nil)
	for _, n := range g.Operands(g.Probs) {
		needed[n] = true
	}
	for _, n := range sorted {
		if !needed[n] {
			continue
		}
		nodes = append(nodes, n)
		for _, from := range g.Operands(n) {
			needed[from] = true
		}
	}
	slices.Reverse(nodes)
	return nodes, nil
}

// Operands are what a node is made of, in order.
func (g *Graph) Operands(n *op.Node) []*op.Node {
	var all []*op.Node
	for _, from := range graph.NodesOf(g.From(n.ID())) {
		all = append(all, from.(*op.Node))
	}
	return all
}

// WriteLayers prints layers as a table, with their sum.
func WriteLayers(w io.Writer, layers []Layer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "layer\toutput\tparameters\tshare\tMFLOP an image\tactivations\tweights")
	all := Layer{Name: "all"}
	row := func(l Layer, output string) {
		fmt.Fprintf(t, "%s\t%s\t%d\t%.1f %%\t%.1f\t%d\t%d\n", l.Name, output, l.Parameters, 100*l.Share, l.FLOPs/1e6,
			l.Activations, l.Weights)
	}
	for _, l := range layers {
		row(l, fmt.Sprint(l.Output))
		all.Parameters += l.Parameters
		all.Share += l.Share
		all.FLOPs += l.FLOPs
		all.Activations += l.Activations
		all.Weights += l.Weights
	}
	row(all, "")
	return t.Flush()
}
