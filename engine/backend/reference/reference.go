// Package reference is the backend that every other one is measured against: pure Go, plain row-major layouts, sums in
// float64. It is registered as "reference"; reference:0, reference:1 and so on are devices that share the host.
//
// Its precisions are "fp32", which stores float32 and accumulates float64, and "fp64", which is float64 throughout and
// serves gradient checks and expected values. Results do not depend on the number of threads: work is split over
// outputs, and every sum is taken by one thread in one order.
//
// Each file holds the kernels of one operation; the formula is in the file of that name in engine/op. Importing the
// package also sets op.Evaluate, with which gorgonia's own TapeMachine can run our graphs.
package reference

import (
	"fmt"
	"slices"

	"duet/engine/backend"
	"duet/engine/backend/worker"
	"duet/engine/op"
)

func init() {
	backend.Register(backend.Backend{Name: "reference", Open: Open, List: list})
	op.Evaluate = Evaluate
}

var precisions = []string{"fp32", "fp64"}

// Open opens device number index. Any number of devices can be opened.
func Open(index int, o backend.Options) (backend.Device, error) {
	d := &device{wide: o.Precision == "fp64"}
	if o.Precision != "" && !slices.Contains(precisions, o.Precision) {
		return nil, fmt.Errorf("reference:%d: precision %q, want fp32 or fp64", index, o.Precision)
	}
	d.Host = worker.NewHost("reference", index, worker.New(nil), worker.GoMemory)
	d.team = newTeam(worker.Threads(o))
	return d, nil
}

func list() ([]backend.Info, error) {
	return []backend.Info{describe("reference:0", worker.Threads(backend.Options{}))}, nil
}

func describe(name string, threads int) backend.Info {
	return worker.Describe(name, threads, "pure Go, float64 accumulation", precisions)
}
