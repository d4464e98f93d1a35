package model_test

import (
	"context"
	"errors"
	"testing"

	"duet/engine/model"
)

// TestStop: compiling a network's plans tells of each kernel that is prepared, and ends with the context; so does a
// prediction, between views, and a gradient check, between places.
func TestStop(t *testing.T) {
	c := config(t, onOne, "train.batch=2")
	in := model.RandomInput(c.Data, 4)
	last, of := 0, 0
	hooks := model.Hooks{Prepared: func(done, total int) {
		if done != last%total+1 || total < 10 {
			t.Errorf("%d of %d kernels after %d", done, total, last)
		}
		last, of = done, total
	}}
	if _, err := model.New(few(3), c.Setup(), in, model.ForTesting, hooks); !errors.Is(err, errEnough) || last != 4 {
		t.Errorf("after %d kernels: %v", last, err)
	}
	last = 0
	m, err := model.New(context.Background(), c.Setup(), in, model.ForTesting, hooks)
	check(t, err)
	defer func() { check(t, m.Close()) }()
	if last != of {
		t.Errorf("%d of %d kernels at the end", last, of)
	}
	check(t, m.Initialise(1))
	if _, err := m.Predict(few(5), [][]byte{make([]byte, 3*in.Height*in.Width)}, 10); !errors.Is(err, errEnough) {
		t.Errorf("a prediction in ten views that may go on five times: %v", err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	places := 0
	_, err = model.GradCheck(ctx, c.Setup(), in, 100, func(done, total int) {
		if places++; places == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || places != 3 {
		t.Errorf("a gradient check after %d places: %v", places, err)
	}
}
