package train

import (
	"fmt"

	"duet/engine/checkpoint"
)

// What a checkpoint's metadata hold beside the input's description.
const (
	extraPlateau = "plateau"   // JSON of Plateau
	extraOrigin  = "origin"    // JSON of Origin, only where it is not zero
	extraChecked = "validated" // the last step after which there was a validation, 0 before the first
)

// save writes a checkpoint of the present state, unless the newest one holds it already.
func (r *run) save() error {
	if r.anySaved && r.saved.step == r.step && r.saved.checked == r.checked && !r.isBest {
		return nil
	}
	if err := r.jsonl.Flush(); err != nil {
		return err
	}
	r.console.Phase("checkpoint", 0, 0, "")
	tensors, err := r.model.Tensors()
	if err != nil {
		return err
	}
	if name := broken(tensors); name != "" {
		return fmt.Errorf("step %d: %s is not finite any more; the loss was %.4g, the largest gradient %s; want a lower "+
			"train.schedule.rate, or warmup_steps; the last checkpoint is intact", r.step, name, r.loss, r.gradient)
	}
	more := map[string]any{extraPlateau: r.plateau, extraChecked: r.checked}
	if r.clock.From != (Origin{}) {
		more[extraOrigin] = r.clock.From
	}
	extra, err := r.model.Input.Metadata(more)
	if err != nil {
		return err
	}
	f := &checkpoint.File{Tensors: tensors, Meta: checkpoint.Meta{
		Config: r.config, Step: r.step, Epoch: r.clock.Epoch(r.step), BestError: r.best, BestStep: r.bestStep,
		Seed: r.Config.Train.Seed, Extra: extra,
	}}
	if err := r.store.Save(f, r.isBest); err != nil {
		return fmt.Errorf("checkpoint of step %d: %w", r.step, err)
	}
	r.isBest, r.anySaved = false, true
	r.saved.step, r.saved.checked = r.step, r.checked
	if r.Recorder == nil {
		return nil
	}
	var gradients []checkpoint.Tensor
	if r.earlier.all != nil {
		gradients, r.earlier.all = r.model.Gradients(r.earlier.all, f, r.earlier.rate), nil
	}
	return r.Recorder.Checkpoint(f, gradients)
}

// velocities are all of them before a step, from which its gradients can be told after it; nil where nobody asks.
type velocities struct {
	all  [][]float32
	rate float64 // the step's
}

// velocities keeps those before the next step, if there is a recorder and a checkpoint may follow.
func (r *run) velocities(rate float64) (v velocities, err error) {
	c, next := r.Config.Train, r.step+1
	if r.Recorder == nil || !c.saves(next, r.clock) && !c.validates(next, r.clock) {
		return v, nil
	}
	v.rate = rate
	v.all, err = r.model.Velocities()
	return v, err
}

// broken is the first tensor with a NaN or an infinity, or "". The loss of a step, being that of the weights before it,
// does not tell.
func broken(tensors []checkpoint.Tensor) string {
	for _, t := range tensors {
		for _, x := range t.Data {
			if x-x != 0 {
				return t.Name
			}
		}
	}
	return ""
}
