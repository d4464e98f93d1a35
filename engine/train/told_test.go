package train_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"duet/engine/metrics"
	"duet/engine/train"
)

// TestTold: the functions of a run's options are told what is recorded, and an error of theirs ends the run as an
// interruption does: saved, and resumed to the same bytes.
func TestTold(t *testing.T) {
	r := newRuns(t)
	_, err := r.train(context.Background(), "whole")
	r.check(err)
	want, wantValidations := r.metrics("whole")
	enough := errors.New("that is enough")
	for _, c := range []struct {
		name   string
		resume bool
		last   uint64 // the step after which the run is told to end
		of     string // by which function
	}{{"told", false, 2, "step"}, {"told", true, 6, "validation"}, {"told", true, 12, "step"}, {"told", true, 99,
		"step"}} {
		var steps []metrics.Step
		var validations []metrics.Validation
		r.told = &told{func(s metrics.Step) error {
			if steps = append(steps, s); c.of == "step" && s.Step == c.last {
				return enough
			}
			return nil
		}, func(v metrics.Validation) error {
			if validations = append(validations, v); c.of == "validation" && v.Step == c.last {
				return enough
			}
			return nil
		}}
		run := r.train
		if c.resume {
			run = r.resume
		}
		s, err := run(context.Background(), c.name)
		if s.Folder != r.path(c.name) {
			t.Errorf("the folder is %q", s.Folder)
		}
		if c.last == 99 {
			r.check(err)
		} else if i, is := errors.AsType[*train.Interrupted](err); !is || i.Step != c.last || !errors.Is(err, enough) {
			t.Fatalf("%+v ends with %v", c, err)
		} else {
			wantError(t, err, fmt.Sprintf("after step %d by that is enough; the run is saved", c.last))
		}
		for _, s := range steps {
			if s.Loss != want[s.Step-1].Loss {
				t.Errorf("told of %+v, recorded is %+v", s, want[s.Step-1])
			}
		}
		for _, v := range validations {
			if v.Step%3 != 0 || v.Loss != wantValidations[v.Step/3-1].Loss {
				t.Errorf("told of %+v", v)
			}
		}
	}
	r.same("whole", "told", 12)
	r.eachStepOnce("told", "whole")
}
