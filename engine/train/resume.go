package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"duet/engine/checkpoint"
	"duet/engine/metrics"
	"duet/engine/model"
)

// ErrFixed says that a run would be gone on with under another value of a key that cannot change.
var ErrFixed = errors.New("keys that cannot change in a run")

// Change is a key whose value is another than that of the run so far.
type Change struct{ Key, Was, Is string }

// fixed are the keys that cannot change in a run, alone or with all in their table: the function that is learned, and
// the row of images of which the run is somewhere in the middle.
var fixed = []string{"network", "train.seed", "data.crop", "data.mean", "data.scale", "data.std",
	"data.shuffle"}

// loose are the keys of layers that can change all the same: whether and how fast it is learned, and numbers of
// outputs, which the shapes of the weights hold fast.
var loose = []string{"frozen", "rate", "bias_rate", "decay", "bias_decay", "drop_rate", "maps", "features"}

// isFixed says whether a key cannot change. The network's name is only a name.
func isFixed(key string) bool {
	if last := key[strings.LastIndexByte(key, '.')+1:]; key == "network.name" ||
		strings.HasPrefix(key, "network.layers.") && slices.Contains(loose, last) {
		return false
	}
	return slices.ContainsFunc(fixed, func(f string) bool { return key == f || strings.HasPrefix(key, f+".") })
}

// resume takes over the newest checkpoint. A run without one begins again if it never had one.
func (r *run) resume() error {
	f, path, skipped, err := r.store.Latest()
	for _, s := range skipped {
		fmt.Fprintf(r.Console, "warning: %v; going on from an earlier checkpoint\n", s)
	}
	if errors.Is(err, checkpoint.ErrNone) {
		return r.again()
	}
	if err != nil {
		return err
	}
	if err := r.restore(f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if path == r.store.BestPath() {
		fmt.Fprintf(r.Console, "warning: no other whole checkpoint is left than %s: going on from there, after step %d\n",
			path, r.step)
	}
	return nil
}

// again begins a run again that was stopped before its first checkpoint was saved: to the same steps as before, as
// none of them depends on anything else than the configuration. Where the records tell of a checkpoint, that was lost.
func (r *run) again() error {
	steps, validations, err := metrics.Read(r.Folder.Metrics())
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(steps) == 0 {
		return r.initialise()
	}
	if err != nil {
		return err
	}
	last, c := steps[len(steps)-1].Step, r.Config.Train
	saved := len(validations) > 0 && validations[0].Step < last // the first one is the best so far
	for step := uint64(0); step < last && !saved; step++ {
		saved = c.saves(step, r.clock)
	}
	if saved {
		return fmt.Errorf("%s: no checkpoint is left, though %s tells of step %d: want one of this run put back there, or "+
			"a new run under another name",
			r.Folder.Checkpoints(), r.Folder.Metrics(), last)
	}
	fmt.Fprintf(r.Console,
		"warning: the run was stopped after step %d, before its first checkpoint: beginning again at the first step\n", last)
	return r.initialise()
}

// restore takes over what a checkpoint holds.
func (r *run) restore(f *checkpoint.File) error {
	was, err := r.before(f.Meta.Config)
	if err != nil {
		return err
	}
	in, err := model.InputFrom(f)
	if err != nil {
		return err
	}
	if in.Identity != r.model.Input.Identity {
		return fmt.Errorf("the run learned from other data: %s; now it is %s of %s: if another CONFIG or --set names it, "+
			"leave that out; "+
			"if the set there was replaced since, restore it, or begin a new run", in.Identity, r.model.Input.Identity,
			r.data.Train.Dir())
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
	if err := r.wind(m, was.Train.Batch); err != nil {
		return err
	}
	r.step, r.began, r.best, r.bestStep = m.Step, m.Step, m.BestError, m.BestStep
	r.anySaved, r.saved.step, r.saved.checked = true, r.step, r.checked
	return nil
}

// before reads the configuration of a checkpoint, and refuses what cannot change.
func (r *run) before(text string) (was *Config, err error) {
	r.config = text
	if was, r.changes, err = r.Before(text); err != nil {
		return was, err
	}
	var refused []string
	for _, c := range r.changes {
		if isFixed(c.Key) {
			refused = append(refused, fmt.Sprintf("%s (%s, was %s)", c.Key, c.Is, c.Was))
		}
	}
	if len(refused) > 0 {
		return was, fmt.Errorf("%w: %s: want them as they were, or a new run", ErrFixed, strings.Join(refused, ", "))
	}
	return was, nil
}

// wind sets the clock to where a checkpoint was saved: the images seen so far stay, whatever the batch is now.
func (r *run) wind(m checkpoint.Meta, batch int) error {
	var from Origin
	if text, ok := m.Extra[extraOrigin]; ok { // of a run that had another batch before
		if err := json.Unmarshal([]byte(text), &from); err != nil {
			return fmt.Errorf("metadata %s: %w", extraOrigin, err)
		}
	}
	if images := r.clock.Images; batch != r.clock.Batch {
		var before *Origin
		if earlier := from; earlier != (Origin{}) {
			before = &earlier
		}
		from = Origin{m.Step, Clock{Batch: batch, Images: images, From: from}.Seen(m.Step), batch, before}
	}
	r.clock = r.Config.Train.clock(r.clock.Images, from)
	return nil
}

// adopt makes the present configuration the run's, once a step was done under it.
func (r *run) adopt() error {
	if r.step > r.began+1 {
		return nil
	}
	r.config = r.text
	return r.Folder.configure([]byte(r.text))
}
