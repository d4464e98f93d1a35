package train_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"duet/engine/checkpoint"
	"duet/engine/metrics"
)

// recorder keeps what it is told, up to a word that it refuses.
type recorder struct {
	said    []string
	refuses string
}

var errRefused = errors.New("refused")

func (r *recorder) say(what string, step uint64) error {
	if what == r.refuses {
		return errRefused
	}
	r.said = append(r.said, fmt.Sprint(what, " ", step))
	return nil
}

func (r *recorder) Begin(step uint64) error               { return r.say("begin", step) }
func (r *recorder) Step(s metrics.Step) error             { return r.say("step", s.Step) }
func (r *recorder) Validation(v metrics.Validation) error { return r.say("validation", v.Step) }
func (r *recorder) Close() error                          { return r.say("close", 0) }
func (r *recorder) Checkpoint(f *checkpoint.File, gradients []checkpoint.Tensor) error {
	err := r.say("checkpoint", f.Meta.Step)
	if err == nil {
		r.said = append(r.said, fmt.Sprint(len(gradients), " gradients"))
	}
	return err
}

// TestRecorder: it is told in order of what is recorded, from where the run begins or goes on, and its errors end the
// run.
func TestRecorder(t *testing.T) {
	r, ctx := newRuns(t), context.Background()
	short := []string{"train.max_steps=2", "train.validate_steps=2", "train.checkpoint_steps=2"}
	for _, c := range []struct {
		steps  string
		resume bool
		want   string
	}{
		{"2", false, "begin 0, step 1, step 2, validation 2, checkpoint 2, 10 gradients, close 0"},
		{"4", true, "begin 2, step 3, step 4, validation 4, checkpoint 4, 10 gradients, close 0"},
	} {
		told := &recorder{}
		r.recorder = told
		_, err := r.run(ctx, "run", c.resume, slices.Concat(short, []string{"train.max_steps=" + c.steps})...)
		r.check(err)
		if got := strings.Join(told.said, ", "); got != c.want {
			t.Errorf("told %q, want %q", got, c.want)
		}
	}
	for _, what := range []string{"begin", "step", "validation", "checkpoint", "close"} {
		r.recorder = &recorder{refuses: what}
		if _, err := r.train(ctx, what, short...); !errors.Is(err, errRefused) {
			t.Errorf("%s refused: %v", what, err)
		}
	}
}
