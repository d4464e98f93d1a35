package plan_test

import (
	"gorgonia.org/gorgonia"

	"duet/engine/op"
)

type nodeT = op.Node

// oneInput is a graph with one leaf.
func oneInput() (*gorgonia.ExprGraph, *op.Node) {
	g := gorgonia.NewGraph()
	return g, op.Leaf(g, "x", scalar, false)
}
