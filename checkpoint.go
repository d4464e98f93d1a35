package duet

import (
	"fmt"
	"strings"

	"duet/configs"
	"duet/engine/checkpoint"
	"duet/engine/look"
	"duet/engine/model"
	"duet/engine/op"
)

// A Checkpoint is a trained network as a file has it.
type Checkpoint struct {
	Path   string           // of the file
	Config *Config          // of the training
	Input  model.Input      // what the network sees: classes, sizes, the mean
	File   *checkpoint.File // weights, or their averages where the training keeps them; velocities; where it was
}

// ReadCheckpoint reads a checkpoint, or the best one in the folder of a run. It opens no device.
func ReadCheckpoint(path string) (*Checkpoint, error) {
	return ReadSome(path, func(string, []int) bool { return true })
}

// ReadSome is ReadCheckpoint of the tensors whose names and shapes keep wants, and of the mean; the others take no
// memory.
func ReadSome(path string, keep func(name string, shape []int) bool) (*Checkpoint, error) {
	path, err := checkpoint.Find(path)
	if err != nil {
		return nil, err
	}
	f, err := checkpoint.LoadSome(path, func(name string, shape []int) bool {
		return name == model.InputMean || keep(strings.TrimPrefix(name, op.AveragePrefix), shape)
	})
	if err != nil {
		return nil, err
	}
	model.Averaged(f)
	config, err := configs.Stored(path, []byte(f.Meta.Config), nil)
	if err != nil {
		return nil, err
	}
	in, err := model.InputFrom(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	in.EXIF = in.EXIF || config.Data.EXIF // older ones have only these
	in.AllowTruncated = in.AllowTruncated || config.Data.AllowTruncated
	return &Checkpoint{path, config, in, f}, nil
}

// ReadFilters reads the filters of a convolution of a checkpoint, or of the first one where the layer is "", and
// nothing else of it into memory.
func ReadFilters(path, layer string) (*look.Filters, error) {
	c, err := ReadSome(path, func(_ string, shape []int) bool { return len(shape) == 4 }) // of convolutions
	if err != nil {
		return nil, err
	}
	x, err := look.ReadFilters(c.Config.Setup(), c.Input, c.File, layer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	return x, nil
}

// Classes are those that the network tells apart, by label.
func (c *Checkpoint) Classes() []Class {
	all := make([]Class, len(c.Input.Classes))
	for label, id := range c.Input.Classes {
		all[label].ID = id
		if c.Input.Names != nil {
			all[label].Name = c.Input.Names[label]
		}
	}
	return all
}
