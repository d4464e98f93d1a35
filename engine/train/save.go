package train

import (
	"encoding/json"
	"fmt"
	"math"
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
		Config: string(r.Parts.Text), Step: r.step, Epoch: r.clock.Epoch(r.step), BestError: r.best, BestStep: r.bestStep,
		Seed:  r.Parts.Train.Seed,
		Extra: map[string]string{extraPlateau: string(plateau), extraChecked: strconv.FormatUint(r.checked, 10)},
	}}
	if err := r.model.Input.extra(f.Meta.Extra); err != nil {
		return err
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

// restore takes over what a checkpoint holds.
func (r *run) restore(f *checkpoint.File) error {
	in, err := InputFrom(f)
	if err != nil {
		return err
	}
	if in.Identity != r.model.Input.Identity {
		return fmt.Errorf("the run learned from other data: %s; now it is %s of %s: if another CONFIG or --set names it, leave that out; "+
			"if the set there was replaced since, restore it, or begin a new run", in.Identity, r.model.Input.Identity, r.data.Train.Dir())
	}
	if err := r.model.Restore(f); err != nil {
		return err
	}
	m := f.Meta
	if err := json.Unmarshal([]byte(m.Extra[extraPlateau]), &r.plateau); err != nil {
		return fmt.Errorf("metadata %s: %w", extraPlateau, err)
	}
	if r.checked, err = strconv.ParseUint(m.Extra[extraChecked], 10, 64); err != nil {
		return fmt.Errorf("metadata %s: %w", extraChecked, err)
	}
	if was, is := m.Epoch, r.clock.Epoch(m.Step); math.Abs(was-is) > 1e-9*math.Max(was, 1) {
		fmt.Fprintf(r.Console, "note: step %d was epoch %.2f, and is epoch %.2f now, as the batch is another: order, schedule and end of the run go by the "+
			"new one\n", m.Step, was, is)
	}
	r.step, r.best, r.bestStep = m.Step, m.BestError, m.BestStep
	r.anySaved, r.saved.step, r.saved.checked = true, r.step, r.checked
	return nil
}
