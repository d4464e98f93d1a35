package train_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"duet/engine/backend/watched"
	"duet/engine/checkpoint"
	"duet/engine/train"
	"duet/internal/disk/powercut"
)

// placementTol is what losses of two placements or backends may differ by, relatively. They add the same products, in
// another order or in another precision of the sum: the reference adds in float64 and rounds once, oneDNN adds in
// fp32, and the gradients of two towers meet in fp32 on two devices. 50 steps magnify that.
const placementTol = 1e-4

func TestPlacementsAndBackendsTrainAlike(t *testing.T) {
	r := newRuns(t)
	sets := []string{"train.max_steps=50", "network.layers.drop4.drop_rate=0.5", "data.mirror=true",
		"data.color_noise=0.1"}
	_, err := r.train(context.Background(), "reference", append(sets, onOne)...)
	r.check(err)
	want, wantValid := r.metrics("reference")
	if len(want) != 50 || len(wantValid) != 17 {
		t.Fatalf("%d steps and %d validations, want 50 and 17", len(want), len(wantValid))
	}
	if !(want[49].Loss < want[0].Loss*0.9) {
		t.Errorf("loss from %v to %v: the network learns nothing", want[0].Loss, want[49].Loss)
	}
	for i, placement := range watched.Placements() {
		t.Run(placement, func(t *testing.T) {
			name := fmt.Sprintf("run-%d", i)
			_, err := r.train(context.Background(), name, append(sets, placement)...)
			r.check(err)
			got, gotValid := r.metrics(name)
			if len(got) != len(want) || len(gotValid) != len(wantValid) {
				t.Fatalf("%d steps and %d validations, want %d and %d", len(got), len(gotValid), len(want), len(wantValid))
			}
			for i := range want {
				if d := math.Abs(got[i].Loss - want[i].Loss); !(d <= placementTol*want[i].Loss) {
					t.Errorf("step %d: loss %v, want %v", want[i].Step, got[i].Loss, want[i].Loss)
				}
			}
			for i := range wantValid {
				if d := math.Abs(gotValid[i].Loss - wantValid[i].Loss); !(d <= placementTol*wantValid[i].Loss) {
					t.Errorf("validation after step %d: loss %v, want %v", wantValid[i].Step, gotValid[i].Loss, wantValid[i].Loss)
				}
			}
		})
	}
}

// TestEveryPlacementResumesExactly interrupts a run on every placement and wants the bytes of an uninterrupted one.
func TestEveryPlacementResumesExactly(t *testing.T) {
	for _, placement := range watched.Placements() {
		t.Run(placement, func(t *testing.T) {
			r := newRuns(t)
			_, err := r.train(context.Background(), "whole", placement)
			r.check(err)
			if _, err := r.train(newCountdown(15), "stopped", placement); err == nil {
				t.Fatal("not interrupted")
			}
			s, err := r.resume(context.Background(), "stopped", placement)
			r.check(err)
			r.same("whole", "stopped", s.Steps)
		})
	}
}

// plateau reduces the rate at each validation after the first.
var plateau = []string{"train.schedule.type=plateau", "train.schedule.at_epochs=[]", "train.schedule.gamma=0.5",
	"train.schedule.patience=1", "train.schedule.threshold=0.99", "train.schedule.drops=9", "data.shuffle=true"}

// TestInterruptedAnywhere ends runs at many points, in steps, in validations and between, and wants that they are saved
// and come to the same end as a run that is not interrupted.
func TestInterruptedAnywhere(t *testing.T) {
	for name, placement := range map[string]string{"one device": onOne, "two devices": onTwo} {
		t.Run(name, func(t *testing.T) {
			r := newRuns(t)
			sets := append(plateau[:len(plateau):len(plateau)], placement)
			_, err := r.train(context.Background(), "whole", sets...)
			r.check(err)
			rates := map[float64]bool{}
			for s, _ := r.metrics("whole"); len(s) > 0; s = s[1:] {
				rates[s[0].LearningRate] = true
			}
			if len(rates) != 3 {
				t.Fatalf("rates %v, want three: the schedule has no state to lose", rates)
			}
			const apart = 7 // questions
			inValidation, inSteps := 0, map[uint64]bool{}
			sweep := func(first int) {
				for asked := first; asked < 100; asked += apart {
					name := strconv.Itoa(asked)
					_, err := r.train(newCountdown(asked), name, sets...)
					if err == nil { // it had come to its end
						return
					}
					step, ok := interruptedAt(err)
					if !ok {
						t.Fatalf("after %d questions: %v, want Interrupted", asked, err)
					}
					f, path, _, err := r.store(name).Latest()
					r.check(err)
					if f.Meta.Step != step {
						t.Errorf("interrupted after step %d, but %s is saved", step, path)
					}
					inSteps[step] = true
					if step > 0 && step%3 == 0 && f.Meta.Extra["validated"] != strconv.FormatUint(step, 10) {
						inValidation++
					}
					s, err := r.resume(context.Background(), name, sets...)
					r.check(err)
					if s.Steps != 12 {
						t.Errorf("ended after step %d", s.Steps)
					}
					r.same("whole", name, 12)
					r.eachStepOnce(name, "whole")
					r.check(os.RemoveAll(r.path(name)))
				}
			}
			// How often a run asks depends on when its batches are ready, so one sweep may pass over all validations.
			for first := 1; first <= apart && (inValidation == 0 || len(inSteps) < 6); first++ {
				sweep(first)
			}
			if inValidation == 0 || len(inSteps) < 6 {
				t.Errorf("%d were in a validation, steps %v: want some of each", inValidation, inSteps)
			}
		})
	}
}

// TestPlateauEnds: where no further reduction is allowed the training is done, whatever steps are left, and stays so.
func TestPlateauEnds(t *testing.T) {
	r := newRuns(t)
	sets := append(plateau[:len(plateau):len(plateau)], onOne, "train.schedule.drops=1", "train.checkpoint_steps=0")
	for _, resume := range []bool{false, true} {
		s, err := r.run(context.Background(), "run", resume, sets...)
		r.check(err)
		if s.Steps != 9 { // validated at 3: the first; at 6: reduced; at 9: due again
			t.Errorf("ended after step %d, want 9", s.Steps)
		}
	}
	steps, validations := r.metrics("run")
	if len(steps) != 9 || len(validations) != 3 {
		t.Errorf("%d steps and %d validations, want 9 and 3", len(steps), len(validations))
	}
	f, path, _, err := r.store("run").Latest()
	r.check(err)
	if f.Meta.Step != 9 {
		t.Errorf("%s is saved, want step 9", path)
	}
}

// TestDueInTenths: every tenth of an epoch is due at its step, though three times 0.1 divided by 0.1 is below 3 in
// floats.
func TestDueInTenths(t *testing.T) {
	r := newRuns(t)
	_, err := r.train(context.Background(), "run", onOne, "data.generated.train=40", "train.batch=4", "train.max_steps=10",
		"train.validate_steps=0", "train.validate_epochs=0.1", "train.checkpoint_steps=0", "train.checkpoint_epochs=0.1",
		"train.keep=100")
	r.check(err)
	_, validations := r.metrics("run")
	var at []uint64
	for _, v := range validations {
		at = append(at, v.Step)
	}
	saved, err := r.store("run").Steps()
	r.check(err)
	if want := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}; !slices.Equal(at, want) || !slices.Equal(saved, want) {
		t.Errorf("validated after steps %v, saved after %v; want every step to 10", at, saved)
	}
}

// watching is a context that looks at something whenever it is asked whether it has ended.
type watching struct {
	context.Context
	look func()
}

func (w watching) Err() error            { w.look(); return w.Context.Err() }
func (w watching) Done() <-chan struct{} { w.look(); return w.Context.Done() }

// TestMetricsBeforeCheckpoint: what a checkpoint has done is in metrics.jsonl when the checkpoint is there, so that a
// kill at any moment loses no line.
func TestMetricsBeforeCheckpoint(t *testing.T) {
	r := newRuns(t)
	looked := map[uint64]bool{}
	_, err := r.train(watching{context.Background(), func() {
		f, _, _, err := r.store("run").Latest()
		if err != nil || looked[f.Meta.Step] {
			return
		}
		looked[f.Meta.Step] = true
		if steps, _ := r.metrics("run"); len(steps) < int(f.Meta.Step) {
			t.Errorf("the checkpoint of step %d is there, and %d lines of metrics", f.Meta.Step, len(steps))
		}
	}}, "run", onOne, "train.validate_steps=0", "train.checkpoint_steps=1")
	r.check(err)
	if len(looked) < 6 {
		t.Errorf("looked at %d checkpoints: the test shows little", len(looked))
	}
}

// TestPowerCut: what a run has said to be done would be there after a power cut: at its end, after an interruption,
// after a resume, and at every moment the newest checkpoint.
func TestPowerCut(t *testing.T) {
	r := newRuns(t)
	cut := powercut.Watch(t)
	sets := []string{onOne, "train.checkpoint_steps=2", "train.keep=2"}
	ctx := watching{newCountdown(25), func() {
		if _, path, _, err := r.store("run").Latest(); err == nil {
			cut.Has(r.dir, path)
		}
	}}
	for resume := range 2 {
		_, err := r.run(ctx, "run", resume == 1, sets...)
		if _, interrupted := interruptedAt(err); interrupted != (resume == 0) {
			t.Fatalf("resumed: %v: error %v", resume == 1, err)
		}
		cut.Has(r.dir, r.path("run"))
		ctx.Context = context.Background()
	}
	for _, name := range []string{"config.toml", "metrics.jsonl", "log.txt", "checkpoints/best.safetensors",
		"checkpoints/step-00000012.safetensors"} {
		cut.Has(r.dir, filepath.Join(r.path("run"), name))
	}
}

func TestDiverged(t *testing.T) {
	r := newRuns(t)
	_, err := r.train(context.Background(), "run", onOne, "train.schedule.rate=1e30", "train.checkpoint_start=true",
		"train.checkpoint_steps=0")
	d, ok := errors.AsType[*train.Diverged](err)
	if !ok {
		t.Fatalf("%v, want Diverged", err)
	}
	if d.Step < 2 || d.Step > 3 || d.Rate != 1e30 || !math.IsNaN(d.Loss) && !math.IsInf(d.Loss, 0) {
		t.Errorf("%+v", d)
	}
	if d.Gradient.Step < 1 || d.Gradient.Param == "" || !(d.Gradient.Value > 0) {
		t.Errorf("largest gradient %+v, want that of an earlier step", d.Gradient)
	}
	wantError(t, err, "step "+strconv.FormatUint(d.Step, 10), "rate 1e+30", d.Gradient.Param)
	f, _, skipped, err := r.store("run").Latest()
	if err != nil || len(skipped) > 0 || f.Meta.Step != 0 {
		t.Errorf("the checkpoint before: %v, %v", skipped, err)
	}
}

// TestBrokenWeightsAreNotSaved: the loss of a step is that of the weights before it. A checkpoint that is due when the
// weights have become infinite, or a signal then, must not put them in the place of good ones.
func TestBrokenWeightsAreNotSaved(t *testing.T) {
	r := newRuns(t)
	sets := []string{onOne, "train.schedule.rate=1e30", "network.layers.fc5.rate=1e30", "train.checkpoint_start=true",
		"train.checkpoint_steps=1", "train.keep=1", "train.validate_steps=0"}
	_, err := r.train(context.Background(), "run", sets...)
	wantError(t, err, "rate")
	finite(t, r, "run")
	for asked := 1; asked < 12; asked++ {
		name := "interrupted" + strconv.Itoa(asked)
		if _, err := r.train(newCountdown(asked), name, sets...); err == nil {
			t.Error("no error")
		}
		finite(t, r, name)
	}
}

// finite wants a run's newest checkpoint to be whole and to hold numbers.
func finite(t *testing.T, r *runs, name string) {
	t.Helper()
	f, path, _, err := r.store(name).Latest()
	r.check(err)
	for _, tensor := range f.Tensors {
		for _, x := range tensor.Data {
			if x-x != 0 {
				t.Fatalf("%s: %s holds %v", path, tensor.Name, x)
			}
		}
	}
}

// TestSummary is what Run says at the end.
func TestSummary(t *testing.T) {
	r := newRuns(t)
	s, err := r.train(context.Background(), "run", onOne)
	r.check(err)
	steps, validations := r.metrics("run")
	best, at := math.Inf(1), uint64(0)
	for _, v := range validations {
		if v.Top1Error < best {
			best, at = v.Top1Error, v.Step
		}
	}
	last := validations[len(validations)-1]
	if s.Steps != 12 || s.Epoch != 3 || s.Loss != steps[11].Loss || s.BestError != best || s.BestStep != at {
		t.Errorf("%+v, want best %v at %d", s, best, at)
	}
	if s.Last == nil || s.Last.Loss != last.Loss || s.Last.Images != 24 {
		t.Errorf("last %+v, want %+v", s.Last, last)
	}
	f, err := checkpoint.Load(r.store("run").BestPath())
	r.check(err)
	if f.Meta.Step != at || f.Meta.BestError != best {
		t.Errorf("best.safetensors is of step %d, error %v; want %d, %v", f.Meta.Step, f.Meta.BestError, at, best)
	}
	log, err := os.ReadFile(filepath.Join(r.path("run"), "log.txt"))
	r.check(err)
	if !strings.Contains(string(log), "training") || !strings.Contains(string(log), "done") {
		t.Errorf("log.txt: %s", log)
	}
}

// TestWhatEndsFirst: of a number of epochs and one of steps the shorter ends a run.
func TestWhatEndsFirst(t *testing.T) {
	r := newRuns(t)
	for steps, want := range map[string]uint64{"3": 3, "4": 4, "6": 4, "0": 4} { // 64 images in batches of 16
		s, err := r.train(context.Background(), "run"+steps, onOne, "train.epochs=1", "train.validate_steps=0",
			"train.max_steps="+steps)
		r.check(err)
		if s.Steps != want {
			t.Errorf("one epoch, at most %s steps: ended after %d, want %d", steps, s.Steps, want)
		}
	}
}

// TestConsole: what a run tells while it goes on.
func TestConsole(t *testing.T) {
	r := newRuns(t)
	var said strings.Builder
	r.console = &said
	s, err := r.train(context.Background(), "run", onOne)
	r.check(err)
	for _, want := range []string{"training run=", "step 1/12", "step 12/12", fmt.Sprintf("loss %.4f", s.Last.Loss),
		"validation after step 3,", "validation after step 12,", "done step=12"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is not in\n%s", want, &said)
		}
	}
}

// TestReportSteps: the loss is read where it is asked for and where something depends on it, and is the same.
func TestReportSteps(t *testing.T) {
	r := newRuns(t)
	_, err := r.train(context.Background(), "all", onTwo)
	r.check(err)
	_, err = r.train(context.Background(), "some", onTwo, "train.report_steps=5", "train.validate_steps=7",
		"train.checkpoint_steps=8")
	r.check(err)
	all, _ := r.metrics("all")
	some, _ := r.metrics("some")
	var at []uint64
	for _, s := range some {
		at = append(at, s.Step)
		if want := all[s.Step-1].Loss; s.Loss != want {
			t.Errorf("step %d: loss %v, want %v", s.Step, s.Loss, want)
		}
	}
	if want := []uint64{1, 5, 7, 8, 10, 12}; !slices.Equal(at, want) {
		t.Errorf("lines of the steps %v, want %v", at, want)
	}
}
