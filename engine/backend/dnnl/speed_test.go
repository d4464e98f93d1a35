//go:build dnnl

package dnnl_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"duet/engine/backend"
)

// BenchmarkAlexnet is a training step of the full network on one device. With -v it prints what every kernel takes. On
// a machine that others use, -cpu 1 makes the processor time of a step a fair measure.
func BenchmarkAlexnet(b *testing.B) {
	for _, precision := range machine(b).Precisions {
		for _, batch := range []int{32, 128} {
			b.Run(fmt.Sprintf("%s/batch=%d", precision, batch), func(b *testing.B) { benchmarkAlexnet(b, precision, batch) })
		}
	}
}

func benchmarkAlexnet(b *testing.B, precision string, batch int) {
	d := open(b, 0, backend.Options{Precision: precision})
	defer d.Close()
	a := newAlexnet(b, full, batch, true)
	defer a.free(d)
	p := a.load(d, backend.LoadOptions{Profile: true})
	run := func() time.Duration {
		start := time.Now()
		p.Start()
		if err := d.Sync(); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	run() // the first touch of everything
	var whole []time.Duration
	kernels := make([][]time.Duration, len(a.steps))
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		whole = append(whole, run())
		for i, t := range p.Times() {
			kernels[i] = append(kernels[i], t)
		}
	}
	b.ReportMetric((processorTime(b)-before).Seconds()*1e3/float64(len(whole)), "cpu-ms/step")
	median := middle(whole)
	b.ReportMetric(float64(batch)/median.Seconds(), "images/s")
	b.ReportMetric(float64(batch)/slices.Min(whole).Seconds(), "best-images/s")
	if testing.Verbose() {
		a.report(kernels)
	}
}

// report prints the shortest time of every kernel, as others may be using the machine, and the share of what is not a
// primitive of oneDNN's.
func (a *alexnet) report(kernels [][]time.Duration) {
	var all, loops time.Duration
	for i, s := range a.steps {
		t := slices.Min(kernels[i])
		all += t
		name := s.kernel.String()
		if !strings.Contains(name, ":") { // which every name of a primitive's has
			loops += t
		}
		fmt.Printf("%-28s %8.2f ms %8.1f GFLOP/s  %s\n", s.label, t.Seconds()*1e3, a.flops(s)/t.Seconds()*1e-9, name)
	}
	fmt.Printf("%-28s %8.2f ms, of it %.1f %% not primitives\n", "all kernels", all.Seconds()*1e3,
		100*loops.Seconds()/all.Seconds())
}

func processorTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func middle(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}
