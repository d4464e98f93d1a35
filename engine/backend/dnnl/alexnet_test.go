//go:build dnnl

package dnnl_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"duet/engine/backend"
	"duet/engine/backend/dnnl"
)

// each runs a test in every precision that this machine has.
func each(t *testing.T, test func(t *testing.T, precision string)) {
	for _, precision := range machine(t).Precisions {
		t.Run(precision, func(t *testing.T) { test(t, precision) })
	}
}

func run(t testing.TB, d backend.Device, p backend.Program) {
	t.Helper()
	p.Start()
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
}

// No kernel of the network may be oneDNN's reference code, and where the full one reorders is known: the ends of the
// fully connected part, and copies of the small weights of convolutions after their update.
func TestNetworkIsFast(t *testing.T) {
	each(t, func(t *testing.T, precision string) {
		d := open(t, 0, backend.Options{Precision: precision})
		defer d.Close()
		for _, a := range []*alexnet{newAlexnet(t, full, 32, true), newAlexnet(t, full, 32, false),
			newAlexnet(t, small, 8, true)} {
			a.prepare(d)
			for _, s := range a.steps {
				name := s.kernel.String()
				if strings.Contains(name, "ref:") {
					t.Errorf("%s runs %s", s.label, name)
				}
				// Older processors share fewer formats.
				if a.size != full || !strings.Contains(machine(t).Description, " with avx") {
					continue
				}
				known := strings.HasPrefix(s.label, "pool5 ") || strings.HasPrefix(s.label, "conv") &&
					strings.HasSuffix(s.label, " sgd")
				if strings.Contains(name, "reorder") && !known {
					t.Errorf("%s runs %s", s.label, name)
				}
			}
		}
	})
}

// What is uploaded to the sections of a parameter comes back from its master, bit for bit.
func TestParametersRoundTrip(t *testing.T) {
	each(t, func(t *testing.T, precision string) {
		d := open(t, 0, backend.Options{Precision: precision})
		defer d.Close()
		a := newAlexnet(t, small, 2, true)
		a.load(d, backend.LoadOptions{})
		for _, w := range a.parameters {
			if got := a.download(d, w); !slices.Equal(got, a.values[w].data().([]float32)) {
				t.Errorf("parameter of %v as %v: another value came back", a.values[w].typ, a.values[w].layout)
			}
		}
	})
}

// A plan for evaluation takes the parameters as a training plan placed them, at another batch.
func TestEvaluationWithTrainingLayouts(t *testing.T) {
	each(t, func(t *testing.T, precision string) {
		d := open(t, 0, backend.Options{Precision: precision})
		defer d.Close()
		for _, s := range []size{small, full} {
			training := newAlexnet(t, s, 16, true)
			training.load(d, backend.LoadOptions{})
			for _, batch := range []int{1, 3, 32} {
				own, shared := newAlexnet(t, s, batch, false), newAlexnet(t, s, batch, false)
				for i, w := range shared.parameters {
					from, to := &training.values[training.parameters[i]], &shared.values[w]
					to.layout, to.buffer = from.layout, from.buffer
					own.values[own.parameters[i]].data = func() any { return training.download(d, training.parameters[i]) }
				}
				run(t, d, own.load(d, backend.LoadOptions{}))
				run(t, d, shared.load(d, backend.LoadOptions{}))
				close(t, fmt.Sprintf("logits of %d images", batch), shared.download(d, shared.logits), own.download(d, own.logits),
					precision)
				own.free(d)
				for i := range shared.parameters {
					shared.values[shared.parameters[i]].buffer = backend.Buffer{}
				}
				shared.free(d)
			}
			training.free(d)
		}
	})
}

// agreement is how far two ways of computing logits may be apart, relative to the largest: the order of sums in fp32,
// the rounding of eight layers' activations in bf16.
var agreement = map[string]float64{"fp32": 1e-5, "bf16": 0.03}

func close(t *testing.T, what string, got, want []float32, precision string) {
	t.Helper()
	scale, worst := 0.0, 0.0
	for i, w := range want {
		scale = math.Max(scale, math.Abs(float64(w)))
		if diff := math.Abs(float64(got[i] - w)); !(diff <= worst) {
			worst = diff
		}
	}
	if !(worst <= agreement[precision]*scale) {
		t.Errorf("%s: %g apart, of at most %g", what, worst, scale)
	}
}

// Training lowers the loss, gives the same bits in every run, and about the same losses for any number of threads and
// on devices that run at the same time.
func TestTraining(t *testing.T) {
	const steps = 30
	each(t, func(t *testing.T, precision string) {
		type trained struct {
			d       backend.Device
			a       *alexnet
			p       backend.Program
			losses  []float32
			weights []float32
		}
		var runs []*trained
		for i, threads := range []int{1, 2, 2, 1} {
			d := open(t, i, backend.Options{Precision: precision, Threads: threads})
			defer d.Close()
			a := newAlexnet(t, small, 8, true)
			runs = append(runs, &trained{d: d, a: a, p: a.load(d, backend.LoadOptions{})})
		}
		for range steps {
			for _, r := range runs {
				r.p.Start()
			}
			for _, r := range runs {
				r.losses = append(r.losses, r.a.download(r.d, r.a.loss)[0])
			}
		}
		for _, r := range runs {
			r.weights = r.a.download(r.d, r.a.parameters[0])
			close(t, "losses", r.losses[:5], runs[0].losses[:5], precision)
			if first, last := r.losses[0], r.losses[steps-1]; !(last < 0.8*first) {
				t.Errorf("%s: loss went from %v to %v", r.d.Name(), first, last)
			}
		}
		for _, pair := range [][2]*trained{{runs[0], runs[3]}, {runs[1], runs[2]}} {
			if !slices.Equal(pair[0].losses, pair[1].losses) || !slices.Equal(pair[0].weights, pair[1].weights) {
				t.Errorf("%s and %s of as many threads differ", pair[0].d.Name(), pair[1].d.Name())
			}
		}
	})
}

func TestStepsDoNotAllocate(t *testing.T) {
	each(t, func(t *testing.T, precision string) {
		d := open(t, 0, backend.Options{Precision: precision})
		defer d.Close()
		a := newAlexnet(t, small, 4, true)
		p := a.load(d, backend.LoadOptions{})
		host, err := d.AllocHost(4)
		if err != nil {
			t.Fatal(err)
		}
		rate, from := backend.Within[float32](host, 0, 1)
		rate[0] = 0.01
		step := func() {
			if _, err := d.Upload(a.values[a.rate].buffer, a.values[a.rate].layout, from); err != nil {
				t.Fatal(err)
			}
			run(t, d, p)
		}
		step()
		if n := testing.AllocsPerRun(20, step); n != 0 {
			t.Errorf("%v allocations a step", n)
		}
	})
}

func TestOpenRefusesPrecisions(t *testing.T) {
	if _, err := dnnl.Open(1, backend.Options{Precision: "fp64"}); err == nil || !strings.Contains(err.Error(), "dnnl:1") {
		t.Errorf("fp64: %v", err)
	}
}

// An error of oneDNN's names the operation, its shapes and the cause.
func TestErrorsNameTheOperation(t *testing.T) {
	d := open(t, 0, backend.Options{})
	defer d.Close()
	a := newAlexnet(t, small, 2, false)
	a.prepare(d)
	s := a.steps[1] // conv1
	r := backend.Request{Op: s.op, InTypes: a.types(s.in), In: a.layouts(s.in), OutTypes: a.types(s.out)}
	r.In = slices.Clone(r.In)
	r.In[1] = a.values[a.parameters[2]].layout // conv2's weight
	_, err := d.Prepare(r)
	if err == nil || !strings.Contains(err.Error(), "dnnl:0: prepare: conv2d") ||
		!strings.Contains(err.Error(), "[2 3 67 67]") {
		t.Errorf("a weight of another convolution: %v", err)
	}
}
