package train

import (
	"context"
	"errors"
	"fmt"

	"duet/dataloader"
)

// Data are the sets of a run.
type Data struct {
	Train *dataloader.Set
	Val   *dataloader.Set // nil when there is none
}

// OpenData prepares the configured data if that has not been done, and opens it.
func OpenData(ctx context.Context, c dataloader.Config, progress func(done, total int)) (*Data, error) {
	dir, err := dataloader.Materialize(ctx, c, progress)
	if err != nil {
		return nil, err
	}
	d := &Data{}
	if d.Train, err = dataloader.Open(dir, "train"); err != nil {
		return nil, err
	}
	if err := c.Fits(d.Train); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if d.Val, err = dataloader.Open(dir, "val"); err != nil {
		if d.Val = nil; errors.Is(err, dataloader.ErrNoSplit) {
			return d, nil
		}
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Suits checks that the data has what a training needs: a validation split, unless nothing is validated.
func (d *Data) Suits(c Config) error {
	if d.Val == nil && (c.ValidateEpochs > 0 || c.ValidateSteps > 0) {
		return fmt.Errorf("the data has no validation split: prepare it with --val-fraction, or set train.validate_epochs and train.validate_steps to 0")
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
