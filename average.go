package duet

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"duet/engine/checkpoint"
	"duet/engine/model"
	"duet/engine/op"
)

// Average is a network whose weights are the means of those of checkpoints of one network, as in stochastic weight
// averaging (Izmailov et al. 2018, arXiv 1803.05407). What else a checkpoint says is that of the first; velocities are
// zero, and its error is not known. Each path is a checkpoint or the folder of a run. Two checkpoints are in memory at
// a time, beside the sums.
func Average(paths []string) (*Checkpoint, error) {
	mean, err := ReadCheckpoint(paths[0])
	if err != nil {
		return nil, err
	}
	sums := map[string][]float64{}
	shapes := map[string][]int{}
	for _, t := range mean.File.Tensors {
		shapes[t.Name] = t.Shape
		if t.Name != model.InputMean && !strings.HasPrefix(t.Name, op.VelocityPrefix) {
			sums[t.Name] = make([]float64, len(t.Data))
		}
	}
	for i, path := range paths {
		one := mean
		if i > 0 {
			if one, err = ReadCheckpoint(path); err != nil {
				return nil, err
			}
		}
		if err := sameNetwork(mean, one, shapes); err != nil {
			return nil, err
		}
		for _, t := range one.File.Tensors {
			sum := sums[t.Name]
			for k := range sum {
				sum[k] += float64(t.Data[k])
			}
		}
	}
	for _, t := range mean.File.Tensors {
		if sum, is := sums[t.Name]; is {
			for k, x := range sum {
				t.Data[k] = float32(x / float64(len(paths)))
			}
		} else if t.Name != model.InputMean {
			clear(t.Data)
		}
	}
	mean.File.Meta.BestError, mean.File.Meta.BestStep = math.NaN(), 0
	return mean, nil
}

// sameNetwork says why the weights of two checkpoints have no mean.
func sameNetwork(first, other *Checkpoint, shapes map[string][]int) error {
	if err := other.File.CheckShapes(shapes); err != nil {
		return fmt.Errorf("%s: %w", other.Path, err)
	}
	if !slices.Equal(first.Input.Classes, other.Input.Classes) {
		return fmt.Errorf("%s: %w: it tells apart other classes than %s, or in another order", other.Path,
			checkpoint.ErrNetwork, first.Path)
	}
	if !slices.Equal(first.Input.Mean, other.Input.Mean) || first.Config.Data.Scales() != other.Config.Data.Scales() {
		return fmt.Errorf("%s: %w: it sees images with another mean or scale than %s", other.Path, checkpoint.ErrNetwork,
			first.Path)
	}
	return nil
}
