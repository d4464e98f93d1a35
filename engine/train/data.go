package train

import (
	"context"
	"errors"
	"fmt"

	"duet/dataloader"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/engine/metrics"
)

// Data are the sets of a run.
type Data struct {
	Train *packed.Set
	Val   *packed.Set // nil when there is none
}

// DataHooks are told how far OpenData has come, and asked; each may be nil.
type DataHooks struct {
	dataloader.Hooks
	Load func(done, total int64) // bytes of a split
}

// ShowData are hooks that show how far the data of a path is packed and read into memory, and note what is waited
// for. Either may be nil.
func ShowData(path string, show func(metrics.Progress), note func(line string)) DataHooks {
	var h DataHooks
	if show != nil {
		h.Progress = func(p prepare.Progress) {
			if p.Total == 0 { // first the source is listed, then its images are decoded
				show(metrics.Progress{What: "listing", Unit: "images", Done: p.Found})
				return
			}
			show(metrics.Progress{What: "preparing " + path, Unit: "images", Done: p.Done, Total: p.Total})
		}
		h.Load = func(done, total int64) {
			if total >= 1<<20 { // else it takes no time
				show(metrics.Progress{What: "loading " + path, Unit: "MiB", Done: int(done >> 20), Total: int(total >> 20)})
			}
		}
	}
	if note != nil {
		h.Waits = func(dir string) { note("waiting for another process that prepares " + dir) }
	}
	return h
}

// OpenData prepares the configured data if that has not been done, opens it, and reads it into memory if that is asked
// for. Images that are smaller than the crop are refused, before they are packed if possible.
func OpenData(ctx context.Context, c dataloader.Config, hooks DataHooks) (*Data, error) {
	suits := hooks.Suits
	hooks.Suits = func(o prepare.Outline) error {
		if err := c.Fits(c.Path, o.Side, o.Side); err != nil {
			return fmt.Errorf("%w; --set data.size=%d brings them to what it needs", err, c.Crop-2*c.Pad)
		}
		if suits == nil {
			return nil
		}
		return suits(o)
	}
	dir, err := dataloader.Materialize(ctx, c, hooks.Hooks)
	if err != nil {
		return nil, err
	}
	d := &Data{}
	if d.Train, err = packed.Open(dir, packed.Train); err != nil {
		return nil, err
	}
	if err := c.Fits(dir, d.Train.Height(), d.Train.Width()); err != nil {
		err = fmt.Errorf("%w; want the set prepared again with --size %d or more", err, c.Crop-2*c.Pad)
		return nil, errors.Join(err, d.Close())
	}
	if d.Val, err = packed.Open(dir, packed.Val); errors.Is(err, packed.ErrNoSplit) {
		d.Val, err = nil, nil
	}
	if err == nil && c.Cache == dataloader.CacheRAM {
		err = d.load(ctx, hooks.Load)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// load reads all images into memory.
func (d *Data) load(ctx context.Context, progress func(done, total int64)) error {
	for _, s := range []*packed.Set{d.Train, d.Val} {
		if s == nil {
			continue
		}
		if err := s.Load(ctx, progress); err != nil {
			return fmt.Errorf("data.cache: %w", err)
		}
	}
	return nil
}

// Suits checks that the data has what a training needs: a validation split, unless nothing is validated.
func (d *Data) Suits(c Solver) error { return c.Suits(d.Val != nil) }

// Suits is the same of data of which no more is known than whether it has a validation split.
func (c Solver) Suits(hasVal bool) error {
	if !hasVal && (c.ValidateEpochs > 0 || c.ValidateSteps > 0) {
		return fmt.Errorf("the data has no validation split: prepare it with --val-fraction (data.val_fraction), or set " +
			"train.validate_epochs and " +
			"train.validate_steps to 0")
	}
	return nil
}

// Close closes the sets.
func (d *Data) Close() error {
	errs := []error{d.Train.Close()}
	if d.Val != nil {
		errs = append(errs, d.Val.Close())
	}
	return errors.Join(errs...)
}
