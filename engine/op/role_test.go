package op_test

import (
	"slices"
	"strings"
	"testing"

	"duet/engine/op"
)

// elements are those of operands whose role tells them; the others are real numbers.
var elements = map[op.Role]op.DType{op.Image: op.Uint8, op.Argmax: op.Uint8, op.Label: op.Int32, op.Counter: op.Uint32}

// TestRoles: every input has a role that its elements can have, a layer one weight and one bias, and an update's
// parameter one of everything.
func TestRoles(t *testing.T) {
	for _, c := range everySound() {
		roles := c.o.Roles()
		if len(roles) != len(c.in) {
			t.Errorf("%s has %d roles for %d inputs", c.o.Name(), len(roles), len(c.in))
			continue
		}
		count := map[op.Role]int{}
		for i, role := range roles {
			count[role]++
			if _, any := c.o.(op.Send); !any && c.in[i].DType != elements[role] {
				t.Errorf("%s: input %d is %v, a %v", c.o.Name(), i, c.in[i], role)
			}
			if role == op.Weight && len(c.in[i].Shape) < 2 {
				t.Errorf("%s: a weight of %v", c.o.Name(), c.in[i])
			}
		}
		if count[op.Weight] > 1 || count[op.Bias] > count[op.Weight] || count[op.Velocity] > count[op.Parameter] ||
			count[op.Average] > count[op.Parameter] {
			t.Errorf("%s of %v", c.o.Name(), roles)
		}
		if second, is := c.o.(op.Companion); is && !slices.Equal(roles, second.Primary().Roles()) {
			t.Errorf("%s of %v, beside %s of %v", c.o.Name(), roles, second.Primary().Name(), second.Primary().Roles())
		}
	}
}

// TestUpdates: what an operation updates is its parameter, from which Infer tells the type, and what belongs to it; or
// the average of one alone.
func TestUpdates(t *testing.T) {
	found := false
	for _, c := range everySound() {
		u, is := c.o.(op.Updater)
		if updated := op.Updates(c.o); is != (updated != nil) {
			t.Errorf("%s updates %v", c.o.Name(), updated)
		}
		if !is {
			continue
		}
		found = true
		for q, i := range u.Updates() {
			want := op.Velocity
			if q == 0 {
				want = op.Parameter
			}
			if u.Name() == "ema" {
				want = op.Average
			}
			if role := u.Roles()[i]; role != want || !c.in[i].Equal(c.want) {
				t.Errorf("%s: output %d is %v %v, want %v %v", u.Name(), q, role, c.in[i], want, c.want)
			}
		}
		if peak := u.Peak(); peak != nil && peak.Primary() != c.o {
			t.Errorf("%s: %v is beside %v", u.Name(), peak, peak.Primary())
		}
	}
	if !found {
		t.Error("nothing updates")
	}
}

// TestOutputs: one type of an ordinary operation, one of each input that is updated, and the companion's last.
func TestOutputs(t *testing.T) {
	pool, sgd := op.MaxPool{Kernel: 3, Stride: 2}, op.SGD{}
	image, update := []op.Type{f(1, 2, 5, 7)}, []op.Type{f(4, 3), f(4, 3), f(4, 3), f(1)}
	for _, c := range []struct {
		o, companion op.Op
		in, want     []op.Type
	}{
		{pool, nil, image, []op.Type{f(1, 2, 2, 3)}},
		{pool, op.MaxPoolArgmax{Pool: pool}, image, []op.Type{f(1, 2, 2, 3), bytes(1, 2, 2, 3)}},
		{sgd, nil, update, []op.Type{f(4, 3), f(4, 3)}},
		{sgd, sgd.Peak(), update, []op.Type{f(4, 3), f(4, 3), f(1)}},
	} {
		got, err := op.Outputs(c.o, c.companion, c.in)
		if err != nil || !slices.EqualFunc(got, c.want, op.Type.Equal) {
			t.Errorf("%s: %v, %v, want %v", c.o.Name(), got, err, c.want)
		}
	}
	wide := op.MaxPoolArgmax{Pool: op.MaxPool{Kernel: 17, Stride: 1}}
	for _, c := range []struct {
		companion op.Op
		in        []op.Type
		want      string
	}{
		{nil, nil, "max_pool: takes 1 inputs, got 0"},
		{wide, []op.Type{f(1, 1, 20, 20)}, "max_pool_argmax: window 17"},
	} {
		if _, err := op.Outputs(wide.Pool, c.companion, c.in); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}
