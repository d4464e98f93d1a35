// Package plan compiles an expression graph into an ordered, memory-planned list of steps for one or more devices, and
// runs it.
//
// Compile prunes what no output needs, merges companions into their primaries' steps, asks the devices for layouts and
// kernels, orders the steps, gives every tensor a place in its device's arena by its lifetime, and inserts the fewest
// waits between devices that keep every read behind its write and every overwrite behind the reads before it. After
// that a run costs no decision and no allocation: the devices are started and work concurrently.
package plan

import (
	"gorgonia.org/gorgonia"

	"duet/engine/backend"
	"duet/engine/op"
)

// Spec is what to compile.
type Spec struct {
	Name    string // for messages: "train", "test"
	Graph   *gorgonia.ExprGraph
	Inputs  []Input
	Params  []Param
	Outputs []Output
	Updates []Update

	// Prepared is told how many of the steps' kernels are prepared, which may take long where they are measured or
	// compiled; its error ends that. It may be nil.
	Prepared func(done, total int) error
}

// Input is a leaf that is uploaded before a run; or any other node, and then what it is made of is not computed.
type Input struct {
	Name   string
	Type   op.Type
	Nodes  []*op.Node     // one for every device that reads it; nil entries are skipped
	Layout backend.Layout // of an input that another plan gives, so that its readers compute as in one plan; else nil
}

// Param is a leaf whose value lives in a State, from run to run and from plan to plan.
type Param struct {
	Name string // unique, such as "conv1.weight/0"
	Node *op.Node
}

// Output is a value that can be downloaded after a run.
type Output struct {
	Name string
	Node *op.Node
}

// Update changes a parameter in place, after everything else has read it. Op is given what its roles ask for: the
// parameter, its velocity and its average (kept in the State as "momentum." and "ema." + Param), the gradient, the
// input Rate. Of several updates of a parameter each comes after those before it.
type Update struct {
	Op    op.Updater
	Param string
	Grad  *op.Node
}

// Rate is the input of updates, the learning rate: float [1].
const Rate = "rate"

// Momentum is the name of a parameter's velocity in a State.
func Momentum(param string) string { return op.VelocityPrefix + param }

// Average is the name of a parameter's moving average in a State.
func Average(param string) string { return op.AveragePrefix + param }

// Peak is the name of the output, float [1], that holds the largest magnitude in a parameter's gradient.
func Peak(param string) string { return op.PeakPrefix + param }
