package train

import (
	"context"
	"errors"
	"fmt"

	"duet/engine/model"
)

// Summary is what a run came to.
type Summary struct {
	Folder    string // of the run
	Steps     uint64
	Epoch     float64
	Loss      float64 // of the last step
	BestError float64 // lowest validation top-1 error; NaN without validation
	BestStep  uint64
	Last      *model.Result // the last validation, nil without
}

// Interrupted is the error of a run whose context ended, or that Options.Step or Validation ended. Everything is saved.
type Interrupted struct {
	Step  uint64
	Cause error // the context's, or that of the function
}

func (e *Interrupted) Error() string {
	by := ""
	if !errors.Is(e.Cause, context.Canceled) {
		by = fmt.Sprintf(" by %v", e.Cause)
	}
	return fmt.Sprintf("interrupted after step %d%s; the run is saved and --resume goes on with it", e.Step, by)
}

func (e *Interrupted) Unwrap() error { return e.Cause }

// Diverged is the error of a run whose loss is no number any more.
type Diverged struct {
	Step     uint64
	Loss     float64
	Rate     float64
	Previous float64        // loss when it was last read
	Gradient model.Gradient // the largest of the last step whose gradients were finite
}

func (e *Diverged) Error() string {
	return fmt.Sprintf("step %d: the loss is %v (when last read: %.4g) at learning rate %.3g; largest gradient before "+
		"that: %s; "+
		"want a lower train.schedule.rate, or warmup_steps; the last checkpoint is intact", e.Step, e.Loss, e.Previous,
		e.Rate, e.Gradient)
}
