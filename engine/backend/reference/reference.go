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
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"

	"duet/engine/backend"
	"duet/engine/op"
)

func init() {
	backend.Register(backend.Backend{Name: "reference", Open: Open, List: list})
	op.Evaluate = Evaluate
}

// Open opens device number index. Any number of devices can be opened.
func Open(index int, o backend.Options) (backend.Device, error) {
	d := &device{name: fmt.Sprintf("reference:%d", index)}
	switch o.Precision {
	case "", "fp32":
	case "fp64":
		d.wide = true
	default:
		return nil, fmt.Errorf("%s: precision %q, want fp32 or fp64", d.name, o.Precision)
	}
	threads := o.Threads
	if threads <= 0 {
		threads = max(1, runtime.GOMAXPROCS(0)/max(1, o.Devices))
	}
	d.start(threads)
	return d, nil
}

func list() ([]backend.Info, error) {
	return []backend.Info{describe("reference:0", runtime.GOMAXPROCS(0))}, nil
}

func describe(name string, threads int) backend.Info {
	total, free := hostMemory()
	return backend.Info{
		Name:        name,
		Description: fmt.Sprintf("pure Go on %s, float64 accumulation", runtime.GOARCH),
		TotalBytes:  total,
		FreeBytes:   free,
		Units:       threads,
		Precisions:  []string{"fp32", "fp64"},
	}
}

// hostMemory is the host's memory in bytes where Linux tells it, else zeros.
func hostMemory() (total, available int64) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var kib int64
		switch name, value, _ := strings.Cut(s.Text(), ":"); name {
		case "MemTotal":
			fmt.Sscan(value, &kib)
			total = kib << 10
		case "MemAvailable":
			fmt.Sscan(value, &kib)
			available = kib << 10
		}
	}
	return total, available
}
