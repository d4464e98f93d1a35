package plan_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"duet/engine/backend"
	"duet/engine/op"
	"duet/engine/plan"
)

// TestEveryCallMayFail lets every call of the devices fail once: in the making of a plan, in runs of it and at its end.
// Nothing of that may be lost, what is said names the device, and nothing stays allocated.
func TestEveryCallMayFail(t *testing.T) {
	seen := map[string]bool{}
	for call := 1; ; call++ {
		b := &breaks{call: call}
		err := life(t, b)
		if b.what == "" {
			if err != nil {
				t.Fatalf("nothing failed, but: %v", err)
			}
			break
		}
		device, what, _ := strings.Cut(b.what, " ")
		seen[what] = true
		if !errors.Is(err, errBroken) {
			t.Errorf("call %d, %s, failed; the error is %v", call, b.what, err)
		} else if !strings.Contains(err.Error(), device+": ") && !unnamed[what] {
			t.Errorf("%q does not name %s, whose %s failed", err, device, what)
		}
	}
	for _, what := range []string{"place", "prepare", "alloc", "alloc host", "free host", "upload", "event", "load",
		"step", "close", "free"} {
		if !seen[what] {
			t.Errorf("no %s failed", what)
		}
	}
}

// unnamed are the calls whose errors are the device's own words; of steps see TestBothDevicesFail.
var unnamed = map[string]bool{"close": true, "free": true, "alloc host": true, "free host": true, "upload": true,
	"step": true}

// life makes a plan of two devices that exchange, trains, profiles twice, and closes everything.
func life(t *testing.T, b *breaks) (err error) {
	t.Helper()
	s := newSmall(newFake("fake:0", 1), newFake("fake:1", 2))
	w := s.param("w")
	y := apply(t, mix{ID: 1, Inputs: 2, Bytes: 100, Scratch: 10}, 0, s.leaf, w)
	z := apply(t, mix{ID: 2, Inputs: 1, Bytes: 100}, 1, apply(t, op.Send{From: 0}, 1, y))
	s.output("z", z)
	s.spec.Updates = append(s.spec.Updates, plan.Update{Op: learn{}, Param: "w", Grad: y})
	for _, f := range s.devices {
		f.breaks = b
	}
	state := plan.NewState([]backend.Device{s.devices[0], s.devices[1]})
	defer func() {
		err = errors.Join(err, state.Close())
		for _, f := range s.devices {
			if f.live != 0 {
				t.Errorf("after %q: %s has %d allocations and programs left", b.what, f.name, f.live)
			}
			f.Close()
		}
	}()
	p, err := plan.Compile(s.spec, state)
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range s.devices { // nothing may be running
			err = errors.Join(err, f.Sync())
		}
		err = errors.Join(err, p.Close())
	}()
	var out uint64
	for _, step := range []func() error{
		func() error { return state.Upload("w", bytesOf(7)) },
		func() error { return errors.Join(p.Upload("x", bytesOf(1)), p.Upload(plan.Rate, bytesOf(2))) },
		func() error { p.Run(); return p.Sync() },
		func() error { return p.Download("z", &out) },
		func() error { return state.Download("w", &out) },
		func() error { _, _, err := p.Profile(); return err },
		func() error { _, _, err := p.Profile(); return err },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// TestBothDevicesFail: each says what it has to say, as the one that failed first is not always the first one.
func TestBothDevicesFail(t *testing.T) {
	s := newSmall(newFake("fake:0", 1), newFake("fake:1", 2))
	s.output("z", apply(t, mix{ID: 2, Inputs: 1, Bytes: 100}, 1, apply(t, op.Send{From: 0}, 1, s.leaf)))
	p, state := s.compile(t)
	for i, f := range s.devices {
		f.err = fmt.Errorf("cause %d", i)
	}
	err := p.Sync()
	for i, f := range s.devices {
		if want := fmt.Sprintf("plan small: %s: cause %d", f.name, i); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
		f.err = nil
	}
	s.close(t, p, state)
}
