package train_test

import (
	"context"
	"errors"
	"testing"

	"duet/engine/train"
)

// TestStop: compiling a network's plans tells of each kernel that is prepared, and ends with the error that it is given; so
// does a prediction, between views, and a gradient check, between places.
func TestStop(t *testing.T) {
	r := newRuns(t)
	p := parts(r.config(onOne, "train.batch=2"))
	in := train.RandomInput(p, 4)
	enough, left := errors.New("enough"), 0
	last, of := 0, 0
	p.Prepared = func(done, total int) {
		if done != last%total+1 || total < 10 {
			t.Errorf("%d of %d kernels after %d", done, total, last)
		}
		last, of = done, total
	}
	p.Stop = func() error {
		if left--; left < 0 {
			return enough
		}
		return nil
	}
	left = 3
	if _, err := train.NewModel(p, in, train.ForTesting); !errors.Is(err, enough) || last != 4 {
		t.Errorf("after %d kernels: %v", last, err)
	}
	left, last = 1000, 0
	m, err := train.NewModel(p, in, train.ForTesting)
	r.check(err)
	defer func() { r.check(m.Close()) }()
	if last != of {
		t.Errorf("%d of %d kernels at the end", last, of)
	}
	r.check(m.Initialise(1))
	left = 5
	if _, err := m.Predict([][]byte{make([]byte, 3*in.Height*in.Width)}, 10); !errors.Is(err, enough) {
		t.Errorf("a prediction in ten views that may go on five times: %v", err)
	}

	p = parts(r.config(onOne, "train.batch=2"))
	ctx, cancel := context.WithCancel(context.Background())
	places := 0
	_, err = train.GradCheck(ctx, p, in, 100, func(done, total int) {
		if places++; places == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || places != 3 {
		t.Errorf("a gradient check after %d places: %v", places, err)
	}
}
