package model_test

import (
	"context"
	"errors"
	"testing"

	"duet/engine/backend/watched"
	"duet/engine/model"
)

// TestBenchRuns: what is timed is run, as often as it is said.
func TestBenchRuns(t *testing.T) {
	c := config(t, onWatched, set(t))
	data := open(t, c)
	m := newModel(t, c, model.InputOf(data.Train, c.Data), model.ForBench)
	const steps, rounds = 4, 3
	told := 0
	for _, c := range []struct {
		name string
		run  func() error
		want int
	}{
		{"on a resident batch", func() error { // two to warm up, three profiled
			s, err := m.Bench(context.Background(), steps, func(done, total int) { told = total - done })
			if !(s.StepMS > 0) || !(s.StepMinMS > 0) || s.StepMinMS > s.StepMS ||
				s.ImagesPerSecond != float64(m.Batch)/s.StepMS*1000 {
				t.Errorf("%+v", s)
			}
			return err
		}, 2 + steps + 3},
		{"from a set", func() error { // two to warm up; before each round's steps of a set what was ready is taken
			f, err := m.BenchData(context.Background(), data.Train, steps, rounds, func(done, total int) { told = total - done })
			if !(f.StepMS > 0) || !(f.ResidentMS > 0) || f.Steps != steps || f.Rounds != rounds ||
				f.ImagesPerSecond != float64(m.Batch)/f.StepMS*1000 {
				t.Errorf("%+v", f)
			}
			return err
		}, 2 + rounds*(steps+c.Data.Prefetch+2+steps)},
	} {
		before := watched.Watch.Starts.Load()
		check(t, c.run())
		if got := int(watched.Watch.Starts.Load() - before); got != c.want {
			t.Errorf("%s: %d runs, want %d", c.name, got, c.want)
		}
		if told != 0 {
			t.Errorf("%s: %d steps are left when it is done", c.name, told)
		}
	}
}

// TestBenchInterrupted: wherever a measurement is interrupted, it begins at most one step more.
func TestBenchInterrupted(t *testing.T) {
	c := config(t, onWatched, "data.prefetch=1", "train.batch=4", set(t))
	data := open(t, c)
	m := newModel(t, c, model.InputOf(data.Train, c.Data), model.ForBench)
	for name, run := range map[string]func(ctx context.Context) error{
		"on a resident batch": func(ctx context.Context) error {
			_, err := m.Bench(ctx, 3, nil)
			return err
		},
		"from a set": func(ctx context.Context) error {
			_, err := m.BenchData(ctx, data.Train, 2, 2, nil)
			return err
		},
	} {
		asked := 0
		for ended := false; !ended; asked++ {
			ctx, stop := context.WithCancel(context.Background())
			left, stopped := asked, int64(-1)
			err := run(asking{ctx, func() error {
				if left == 0 {
					stop()
					stopped = watched.Watch.Starts.Load()
				}
				left--
				return nil
			}})
			stop()
			if ended = left >= 0; ended && err != nil || !ended && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: interrupted when asked for the %dth time: %v", name, asked+1, err)
			}
			if more := watched.Watch.Starts.Load() - stopped; !ended && more > 1 {
				t.Errorf("%s: %d steps begun after the interruption", name, more)
			}
		}
		if asked < 5 {
			t.Errorf("%s: asked only %d times", name, asked)
		}
	}
}

// TestBenchAddsUp: what is said of kernels is what is said of layers, and of the whole.
func TestBenchAddsUp(t *testing.T) {
	watched.Watch.Known = true
	defer func() { watched.Watch.Known = false }()
	for _, placement := range []string{onWatched, onTwo} {
		c := config(t, placement)
		m := newModel(t, c, model.RandomInput(c.Data, 4), model.ForBench)
		s, err := m.Bench(context.Background(), 5, nil)
		check(t, err)
		steps := m.Training().Report().Steps
		if len(s.Kernels) != len(steps) {
			t.Fatalf("%d kernels, want one for each of %d steps", len(s.Kernels), len(steps))
		}
		type sum struct{ forward, backward, update, flop float64 }
		sums := map[[2]string]*sum{}
		whole := 0.
		for i, step := range steps {
			if placement == onWatched && !near(s.Kernels[i].MS,
				watched.KnownTime(i).Seconds()*1000) { // one device has no commands beside the steps
				t.Errorf("%s of %s took %v ms, want %v", step.Op, step.Layer, s.Kernels[i].MS, watched.KnownTime(i))
			}
			k, bytes := s.Kernels[i], step.Moved.Bytes(s.Precision)
			if k.Op != step.Op || k.Layer != step.Layer || k.Device != step.Device || !near(k.GFLOPS*k.MS, step.FLOPs/1e6) ||
				!near(k.GBPS*k.MS, float64(bytes)/1e6) {
				t.Errorf("%+v of %+v", k, step)
			}
			key := [2]string{step.Device, step.Layer}
			if sums[key] == nil {
				sums[key] = &sum{}
			}
			switch {
			case step.Update:
				sums[key].update += k.MS
			case step.Backward:
				sums[key].backward += k.MS
			default:
				sums[key].forward += k.MS
			}
			sums[key].flop += step.FLOPs
			whole += step.FLOPs
		}
		if !near(s.GFLOPs, whole/1e9) || !near(s.GFLOPS*s.StepMS, whole/1e6) || s.Parameters != m.Parameters() {
			t.Errorf("%v GFLOP, %v a second, %d parameters; want %v, %v, %d", s.GFLOPs, s.GFLOPS, s.Parameters, whole/1e9,
				whole/1e6/s.StepMS, m.Parameters())
		}
		last := ""
		for _, l := range s.Layers {
			want := sums[[2]string{l.Device, l.Layer}]
			if want == nil || !near(l.Forward, want.forward) || !near(l.Backward, want.backward) || !near(l.Update,
				want.update) || !near(l.GFLOPS*(l.Forward+l.Backward), want.flop/1e6) {
				t.Errorf("%+v, want %+v", l, want)
			}
			if l.Device < last {
				t.Errorf("%s after %s", l.Device, last)
			}
			last = l.Device
			delete(sums, [2]string{l.Device, l.Layer})
		}
		if len(sums) > 0 {
			t.Errorf("layers that are lacking: %v", sums)
		}
	}
}
