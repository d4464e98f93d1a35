package conformance

import (
	"math"
	"slices"
	"testing"

	"duet/engine/op"
)

// verify checks every operation of a run on its own, given the inputs that the device computed. A value that cannot be
// downloaded is taken as it should be.
func (s *suite) verify(t testing.TB, n *network, got []any) {
	t.Helper()
	known := slices.Clone(got)
	for v, leaf := range n.values {
		if leaf.data != nil {
			known[v] = leaf.data
		}
	}
	for _, st := range n.steps {
		in := arrays(n, st.in, known)
		want := evaluate(t, st.op, in)
		own := len(want)
		if st.companion != nil {
			want = append(want, evaluate(t, st.companion, in)...)
		}
		for q, v := range st.out {
			o := st.op
			if q == own {
				o = st.companion
			}
			if got[v] == nil {
				if known[v] == nil {
					known[v] = want[q].Data
				}
				continue
			}
			s.compare(t, n, st, n.values[v].name, got[v], want[q], s.bound(t, o, in, q, want[q]))
		}
	}
}

func arrays(n *network, ids []id, data []any) []op.Array {
	as := make([]op.Array, len(ids))
	for i, v := range ids {
		as[i] = op.Array{Type: n.values[v].typ, Data: data[v]}
	}
	return as
}

// evaluate gives the outputs of an operation, without a companion's.
func evaluate(t testing.TB, o op.Op, in []op.Array) []op.Array {
	t.Helper()
	types := make([]op.Type, len(in))
	for i, a := range in {
		types[i] = a.Type
	}
	outTypes, err := op.Outputs(o, nil, types)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]op.Array, len(outTypes))
	for i, typ := range outTypes {
		out[i] = op.Array{Type: typ, Data: zeroed(typ)}
	}
	if err := op.Evaluate(o, out, in); err != nil {
		t.Fatal(err)
	}
	return out
}

// reals is the one output of an operation, real numbers.
func reals(t testing.TB, o op.Op, in []op.Array) []float64 {
	t.Helper()
	return evaluate(t, o, in)[0].Data.([]float64)
}

// compare checks the elements of one output, and says of the worst where and how far off it is.
func (s *suite) compare(t testing.TB, n *network, st step, name string, got any, want op.Array, bound []float64) {
	t.Helper()
	w, isReal := want.Data.([]float64)
	if !isReal {
		if i := firstDifference(got, want.Data); i >= 0 {
			t.Errorf("%s, %s: element %d of %v: got %v, want %v", name, describe(n, st), i, want.Type, element(got, i),
				element(want.Data, i))
		}
		return
	}
	g := got.([]float64)
	worst, excess, wrong := -1, 0.0, 0
	for i := range w {
		allowed := 0.0
		if bound != nil {
			allowed = bound[i]
		}
		if diff := math.Abs(g[i] - w[i]); !(diff <= allowed) || math.IsInf(g[i], 0) {
			wrong++
			if e := diff / allowed; worst < 0 || e > excess || e != e && excess == excess {
				worst, excess = i, e
			}
		}
	}
	if worst >= 0 {
		t.Errorf("%s, %s: %d of %d elements of %v are off; element %d: got %v, want %v, %.3g times the bound",
			name, describe(n, st), wrong, len(w), want.Type, worst, g[worst], w[worst], excess)
	}
}

// known compares a value with what the case says, within what a stored number of that size is rounded by.
func (s *suite) known(t testing.TB, n *network, got []any, name string, want any) {
	t.Helper()
	for v := range n.values {
		if n.values[v].name != name {
			continue
		}
		if got[v] == nil { // opaque
			return
		}
		w, isReal := want.([]float64)
		if !isReal {
			if i := firstDifference(got[v], want); i >= 0 {
				t.Errorf("%s: element %d is %v, want %v, computed by hand", name, i, element(got[v], i), element(want, i))
			}
			return
		}
		for i, g := range got[v].([]float64) {
			if !(math.Abs(g-w[i]) <= handTol*s.stored*math.Max(1, math.Abs(w[i]))) {
				t.Errorf("%s: element %d is %v, want %v, computed by hand", name, i, g, w[i])
			}
		}
		return
	}
	t.Errorf("no value %s", name)
}

// identical checks that two runs gave the same bits, except for values that one of them has not kept.
func identical(t testing.TB, n *network, what string, a, b []any, except map[id]bool) {
	t.Helper()
	for v := range n.values {
		if a[v] == nil || b[v] == nil || except[v] {
			continue
		}
		if i := firstDifference(a[v], b[v]); i >= 0 {
			t.Errorf("%s: %s: element %d is %v, was %v", what, n.values[v].name, i, element(b[v], i), element(a[v], i))
		}
	}
}

// firstDifference is the first element that differs in its bits, or -1.
func firstDifference(a, b any) int {
	switch a := a.(type) {
	case []float64:
		return firstOf(a, b.([]float64), func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
	case []uint8:
		return firstOf(a, b.([]uint8), func(x, y uint8) bool { return x == y })
	case []int32:
		return firstOf(a, b.([]int32), func(x, y int32) bool { return x == y })
	case []uint32:
		return firstOf(a, b.([]uint32), func(x, y uint32) bool { return x == y })
	}
	return 0
}

func firstOf[E any](a, b []E, equal func(x, y E) bool) int {
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	for i := range a {
		if !equal(a[i], b[i]) {
			return i
		}
	}
	return -1
}

func element(data any, i int) any {
	switch data := data.(type) {
	case []float64:
		if i < len(data) {
			return data[i]
		}
	case []uint8:
		if i < len(data) {
			return data[i]
		}
	case []int32:
		if i < len(data) {
			return data[i]
		}
	case []uint32:
		if i < len(data) {
			return data[i]
		}
	}
	return "missing"
}
