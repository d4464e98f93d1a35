package train

import (
	"encoding/json"
	"fmt"
	"strconv"

	"duet/engine/checkpoint"
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
	plateau, err := json.Marshal(r.plateau)
	if err != nil {
		return fmt.Errorf("state of the schedule: %w", err)
	}
	f := &checkpoint.File{Tensors: tensors, Meta: checkpoint.Meta{
		Config: r.config, Step: r.step, Epoch: r.clock.Epoch(r.step), BestError: r.best, BestStep: r.bestStep,
		Seed:  r.Parts.Train.Seed,
		Extra: map[string]string{extraPlateau: string(plateau), extraChecked: strconv.FormatUint(r.checked, 10)},
	}}
	if err := r.model.Input.extra(f.Meta.Extra); err != nil {
		return err
	}
	if r.clock.From != (Origin{}) {
		from, err := json.Marshal(r.clock.From)
		if err != nil {
			return fmt.Errorf("images seen: %w", err)
		}
		f.Meta.Extra[extraOrigin] = string(from)
	}
	if err := r.store.Save(f, r.isBest); err != nil {
		return fmt.Errorf("checkpoint of step %d: %w", r.step, err)
	}
	r.isBest, r.anySaved = false, true
	r.saved.step, r.saved.checked = r.step, r.checked
	return nil
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
