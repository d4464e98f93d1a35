// Package conformance is one suite of cases that every backend must pass.
//
// A case is a small network of operations. It runs on the device as a plan would run it, and then every operation is
// checked on its own: against the reference backend in float64, on the very inputs that the device computed and that
// were downloaded from it. So the bounds are those of one operation however long the chain, and blocked layouts flow
// from operation to operation as they do in training. Cases with known answers are checked against those too.
//
// The bounds are in tolerance.go. Nothing passes by being NaN or infinite.
package conformance

import (
	"fmt"
	"slices"
	"testing"

	"duet/engine/backend"
	"duet/engine/op"

	_ "duet/engine/backend/reference" // the expected values
)

// Options are what the suite has to know about a backend.
type Options struct {
	// Precision is what the device was opened with: "fp32" (also ""), "bf16" or "fp64".
	Precision string
	// Slow leaves out the shapes that take pure Go long.
	Slow bool
	// Lacks are the operations that it has no kernels for, as no plan insists on them: fusions, such as "lrn_max_pool". It
	// must have all others, and none of these.
	Lacks []string
	// Alone says that it has kernels of companions alone.
	Alone bool
	// Opaque are the companions whose values cannot be downloaded, such as "lrn_scale": then only the gradients that
	// use them are checked.
	Opaque []string
	// IgnoresNaN says that max_pool may pass over a NaN, as a library's kernels do.
	IgnoresNaN bool
	// Only, where it names operations, leaves out everything but the cases that have one of them: for the kernels that a
	// backend chooses among.
	Only []string
	// Prepared, where set, sees every kernel that a case prepares.
	Prepared func(backend.Kernel)
	// Fault makes a kernel without operands that fails when it runs. The checks that need one are left out without.
	Fault func(t testing.TB, d backend.Device) backend.Kernel
}

// Run runs the suite. Each call of open opens one more device of the backend; the suite closes it.
func Run(t *testing.T, open func(t testing.TB) backend.Device, o Options) {
	t.Helper()
	s := newSuite(t, open, o)
	d := s.device(t)
	t.Run("op", func(t *testing.T) { s.cases(t, d) })
	if len(o.Only) > 0 {
		return
	}
	t.Run("dropout", func(t *testing.T) { s.dropoutBits(t, d) })
	t.Run("labels", func(t *testing.T) { s.badLabels(t, d) })
	t.Run("nan", func(t *testing.T) { s.nan(t, d) })
	t.Run("first nan", func(t *testing.T) { s.firstNaN(t, d) })
	t.Run("infinite", func(t *testing.T) { s.infinite(t, d) })
	t.Run("transfer", func(t *testing.T) { s.transfers(t, d) })
	t.Run("host memory", func(t *testing.T) { s.hostMemory(t, d) })
	t.Run("refusals", func(t *testing.T) { s.refusals(t, d) })
	t.Run("program", func(t *testing.T) { s.programs(t, d) })
	t.Run("two devices", func(t *testing.T) { s.twoDevices(t) })
	t.Run("close", s.closing)
	if o.Fault != nil {
		t.Run("fault", s.faults)
	}
}

// Together runs what two devices, opened in turn, do with each other.
func Together(t *testing.T, open func(t testing.TB) backend.Device, o Options) {
	t.Helper()
	newSuite(t, open, o).twoDevices(t)
}

func newSuite(t *testing.T, open func(t testing.TB) backend.Device, o Options) *suite {
	s := &suite{open: open, Options: o}
	switch o.Precision {
	case "", "fp32":
		s.unit, s.stored = unit32, unit32
	case "bf16":
		s.unit, s.stored = unit32, unitBF16
	case "fp64":
		s.unit, s.stored = unit64, unit64
	default:
		t.Fatalf("conformance: precision %q", o.Precision)
	}
	return s
}

type suite struct {
	Options
	open   func(t testing.TB) backend.Device
	unit   float64 // rounding of the accumulation
	stored float64 // rounding of a stored activation
}

// device opens a device for the length of a test.
func (s *suite) device(t testing.TB) backend.Device {
	t.Helper()
	d := s.open(t)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

// testCase builds a network.
type testCase struct {
	name  string
	build func(n *network)
	slow  bool           // takes pure Go long
	want  map[string]any // known values by name: []float64, []uint8
}

func allCases() []testCase {
	return slices.Concat(convCases(), linearCases(), lrnCases(), poolCases(), avgPoolCases(), lrnMaxPoolCases(),
		elementwiseCases(), exchangeCases(), softmaxCases(), sgdCases(), emaCases(), augmentCases(), warpCases(),
		companionCases(), rectifiedCases(),
		chainCases())
}

// Operations are those of the cases.
func Operations(t testing.TB) (all []op.Op) {
	t.Helper()
	for _, c := range allCases() {
		n := &network{t: t}
		if c.slow {
			continue
		}
		c.build(n)
		for _, st := range n.steps {
			if all = append(all, st.op); st.companion != nil {
				all = append(all, st.companion)
			}
		}
	}
	return all
}

func (s *suite) cases(t *testing.T, d backend.Device) {
	for _, c := range allCases() {
		if c.slow && s.Slow || !s.wanted(t, c) {
			continue
		}
		t.Run(c.name, func(t *testing.T) { s.check(t, d, c) })
	}
}

// wanted says whether Only names an operation of a case, if it names any.
func (s *suite) wanted(t *testing.T, c testCase) bool {
	if len(s.Only) == 0 {
		return true
	}
	n := &network{t: t, bf16: s.stored == unitBF16}
	c.build(n)
	return slices.ContainsFunc(n.steps, func(st step) bool { return slices.Contains(s.Only, st.op.Name()) })
}

// check runs a case in the ways in which a plan may run it.
func (s *suite) check(t *testing.T, d backend.Device, c testCase) {
	n := &network{t: t, bf16: s.stored == unitBF16}
	c.build(n)
	if !s.has(t, d, n) {
		return
	}
	r := s.load(t, d, n, mode{companions: true})
	got := r.run(t)
	s.verify(t, n, got)
	for name, want := range c.want {
		s.known(t, n, got, name, want)
	}
	again := r.run(t)
	r.free(t)
	identical(t, n, "a second run", got, again, nil)

	r = s.load(t, d, n, mode{companions: true, inPlace: true})
	if r.shared > 0 {
		identical(t, n, "a run in place", got, r.run(t), r.overwritten)
	}
	r.free(t)

	if n.companions() {
		alone := n.withoutCompanions()
		r = s.load(t, d, alone, mode{})
		s.verify(t, alone, r.run(t))
		r.free(t)
	}
}

// has says whether the device has all operations of a case. It must have those, and lack those, that the options say.
func (s *suite) has(t *testing.T, d backend.Device, n *network) bool {
	all := true
	for _, st := range n.steps {
		name := st.op.Name()
		want := !slices.Contains(s.Lacks, name)
		if _, is := st.op.(op.Companion); is {
			want = s.Alone
		}
		has := d.Has(name)
		switch all = all && has; {
		case want && !has:
			t.Errorf("the backend has no %s: give it a kernel and a line in its table", name)
		case has && !want:
			t.Errorf("the backend has %s, and its test says in conformance.Options that it has not", name)
		}
	}
	return all
}

func describe(n *network, st step) string {
	text := fmt.Sprintf("%s %+v of", st.op.Name(), st.op)
	for _, i := range st.in {
		text += " " + n.values[i].typ.String()
	}
	return text
}
