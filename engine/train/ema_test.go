package train_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"duet/engine/checkpoint"
	"duet/engine/model"
	"duet/engine/train"
)

// averaged are where weights are averaged, with how far a validation's loss may be from that of another plan.
var averaged = map[string]struct {
	sets []string
	off  float64
}{
	"one": {[]string{onOne}, 0},
	"two": {[]string{onTwo}, 0},
}

var withEMA = []string{"train.ema=0.75", "network.layers.conv1.frozen=true", "train.max_steps=6", "train.keep=20",
	"train.checkpoint_steps=1", "train.checkpoint_start=true"}

// TestEMA: a checkpoint holds the moving average of the weights beside them, and what is validated is the average.
func TestEMA(t *testing.T) {
	for name, c := range averaged {
		t.Run(name, func(t *testing.T) {
			r, ctx := newRuns(t), context.Background()
			sets := append(slices.Clone(withEMA), c.sets...)
			_, err := r.train(ctx, "run", sets...)
			r.check(err)
			want := map[string][]float64{}
			for step := range uint64(7) {
				f, err := checkpoint.Load(r.store("run").StepPath(step))
				r.check(err)
				held := 0
				for _, x := range f.Tensors {
					a, is := f.Tensor("ema." + x.Name)
					if !is {
						continue
					}
					held++
					if want[x.Name] == nil {
						want[x.Name] = make([]float64, len(x.Data))
						for i, w := range x.Data {
							want[x.Name][i] = float64(w)
						}
					}
					moved := false
					for i, w := range x.Data {
						if step > 0 {
							want[x.Name][i] = 0.75*want[x.Name][i] + 0.25*float64(w)
						}
						// Each step rounds two products and their sum to fp32, by half of 2^-23 each.
						if diff := math.Abs(float64(a.Data[i]) - want[x.Name][i]); !(diff <= float64(step)*3*0x1p-24) {
							t.Fatalf("step %d: average of %s[%d] is %v, want %v", step, x.Name, i, a.Data[i], want[x.Name][i])
						}
						moved = moved || a.Data[i] != w
					}
					if learns := step > 0 && !strings.HasPrefix(x.Name, "conv1."); moved != learns {
						t.Errorf("step %d: the average of %s differs from it: %v", step, x.Name, moved)
					}
				}
				if held != 10 { // weights and biases of five layers
					t.Errorf("step %d: %d averages", step, held)
				}
			}
			_, validations := r.metrics("run")
			for _, v := range validations {
				loss := r.lossOf("run", v.Step, model.Averaged, sets...)
				plain := r.lossOf("run", v.Step, withoutAverages, sets...)
				if math.Abs(v.Loss-loss) > c.off || !(math.Abs(plain-loss) > 2*c.off) {
					t.Errorf("after step %d the loss is %v, of the averages %v, of the weights %v", v.Step, v.Loss, loss, plain)
				}
			}
			if len(validations) != 2 {
				t.Errorf("%d validations", len(validations))
			}
		})
	}
}

func withoutAverages(f *checkpoint.File) {
	f.Tensors = slices.DeleteFunc(f.Tensors, func(t checkpoint.Tensor) bool { return strings.HasPrefix(t.Name, "ema.") })
}

// lossOf is the validation loss of a model for testing with the weights of a checkpoint, after a function has seen it.
func (r *runs) lossOf(name string, step uint64, change func(*checkpoint.File), sets ...string) float64 {
	r.t.Helper()
	f, err := checkpoint.Load(r.store(name).StepPath(step))
	r.check(err)
	change(f)
	c := r.config(sets...)
	data, err := train.OpenData(context.Background(), c.Data, train.DataHooks{})
	r.check(err)
	defer func() { r.check(data.Close()) }()
	m, err := model.New(context.Background(), c.Setup(), model.InputOf(data.Train, c.Data), model.ForTesting,
		model.Hooks{})
	r.check(err)
	defer func() { r.check(m.Close()) }()
	r.check(m.Restore(f))
	got, err := m.Evaluate(context.Background(), data.Val, model.Test{Views: 1})
	r.check(err)
	return got.Loss
}

// TestEMAResumes: a run that is stopped again and again comes to the same averages; they begin with the weights where
// a run goes on with them, and end where it goes on without.
func TestEMAResumes(t *testing.T) {
	for name, c := range averaged {
		t.Run(name, func(t *testing.T) {
			r, ctx := newRuns(t), context.Background()
			sets := append(slices.Clone(withEMA), c.sets...)
			_, err := r.train(ctx, "run", sets...)
			r.check(err)
			_, err = r.train(newCountdown(9), "again", sets...)
			times := 0
			for ; err != nil && times < 60; times++ {
				if _, interrupted := interruptedAt(err); !interrupted {
					break
				}
				_, err = r.resume(newCountdown(7), "again", sets...)
			}
			r.check(err)
			if times < 2 {
				t.Errorf("stopped %d times", times)
			}
			r.same("run", "again", 6)
			r.eachStepOnce("again", "run")
			without := append(slices.Clone(sets), "train.ema=0", "train.max_steps=7")
			_, err = r.resume(ctx, "again", without...)
			r.check(err)
			f, err := checkpoint.Load(r.store("again").StepPath(7))
			r.check(err)
			if _, is := f.Tensor("ema.conv2.weight"); is {
				t.Error("there are averages though train.ema is 0")
			}
			_, err = r.resume(ctx, "again", append(slices.Clone(sets), "train.max_steps=8")...)
			r.check(err)
			after, err := checkpoint.Load(r.store("again").StepPath(8))
			r.check(err)
			w, _ := f.Tensor("conv2.bias")
			moved, _ := after.Tensor("conv2.bias")
			a, _ := after.Tensor("ema.conv2.bias")
			for i, x := range a.Data {
				if want := 0.75*float64(w.Data[i]) + 0.25*float64(moved.Data[i]); math.Abs(float64(x)-want) > 3*0x1p-24 {
					t.Errorf("after a step with averages again: %v, want %v", x, want)
				}
			}
		})
	}
}

// TestInitTakesAverages: a training that begins with the weights of a run begins with what that run was validated by.
func TestInitTakesAverages(t *testing.T) {
	r, ctx := newRuns(t), context.Background()
	_, err := r.train(ctx, "first", withEMA...)
	r.check(err)
	file := r.store("first").StepPath(6)
	_, err = r.train(ctx, "second", "train.init="+file, "train.checkpoint_start=true", "train.max_steps=1")
	r.check(err)
	first, err := checkpoint.Load(file)
	r.check(err)
	second, err := checkpoint.Load(r.store("second").StepPath(0))
	r.check(err)
	want, _ := first.Tensor("ema.conv2.weight")
	got, _ := second.Tensor("conv2.weight")
	if !slices.Equal(got.Data, want.Data) {
		t.Error("other weights than the averages")
	}
}
