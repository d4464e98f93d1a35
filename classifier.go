package duet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"duet/configs"
	"duet/dataloader/packed"
	"duet/engine/backend"
	"duet/engine/checkpoint"
	"duet/engine/model"
	"duet/internal/invalid"
)

// Class is what images are told apart as: its ID, such as its folder's name, and perhaps a name for people.
type Class = packed.Class

// OpenOptions say how a trained network is run. The zero value is usable.
type OpenOptions struct {
	Devices   []string // one, or one for each of two towers, such as "dnnl:0"; none: the best there are
	Precision string   // "fp32" or "bf16"; "": as in training
	Batch     int      // images at a time; 0: as many as there are, at most as in training
	Views     int      // of an image: 1, its centre, or 10, corners, centre and mirrors, whose mean counts; 0 is 1
	Hooks
}

// A Classifier is a trained network. Its methods may be called from several goroutines; on the devices they take turns.
type Classifier struct {
	Path   string  // of the checkpoint
	Config *Config // of the training

	options OpenOptions
	devices backend.Config
	input   model.Input
	titles  []string // of the classes, for people
	file    *checkpoint.File

	mu    sync.Mutex
	model *model.Model // nil before it is used
}

// Open reads a checkpoint, or the best one in the folder of a run. The devices are opened when the Classifier is
// first used, and again when it is to take more images at a time. Options that are impossible are *invalid.Error of
// their names.
func Open(path string, o OpenOptions) (*Classifier, error) {
	if o.Views = cmp.Or(o.Views, 1); o.Views != 1 && o.Views != 10 {
		return nil, invalid.Key("views", "%d, want 1 or 10", o.Views)
	}
	if o.Batch < 0 {
		return nil, invalid.Key("batch", "%d, want at least 1, or 0 for as in training", o.Batch)
	}
	path, err := checkpointIn(path)
	if err != nil {
		return nil, err
	}
	f, err := checkpoint.Load(path)
	if err != nil {
		return nil, err
	}
	config, err := configs.Parse(path, []byte(f.Meta.Config), nil)
	if err != nil {
		return nil, err
	}
	in, err := model.InputFrom(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	in.EXIF = in.EXIF || config.Data.EXIF // older ones have only these
	in.AllowTruncated = in.AllowTruncated || config.Data.AllowTruncated
	c := &Classifier{Path: path, Config: config, options: o, devices: config.Devices, input: in, file: f}
	for label := range in.Classes {
		c.titles = append(c.titles, in.ClassName(label))
	}
	c.devices.Towers = []string{backend.Auto}
	if len(o.Devices) > 0 {
		c.devices.Towers = o.Devices
	}
	c.devices.Precision = cmp.Or(o.Precision, c.devices.Precision)
	if err := c.devices.Validate(); err != nil {
		return nil, err
	}
	return c, c.devices.Resolve(config.Network.MaxDevices(), o.Note)
}

// checkpointIn is a path, or, of the folder of a run or of its checkpoints, that of the best checkpoint in it.
func checkpointIn(path string) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() { // reading it will tell
		return path, nil
	}
	for _, dir := range []string{filepath.Join(path, "checkpoints"), path} {
		if found, err := checkpoint.Best(dir); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s is a folder without checkpoints: want a checkpoint, or the folder of a run", path)
}

// Classes are those that the network tells apart, by label.
func (c *Classifier) Classes() []Class {
	all := make([]Class, len(c.input.Classes))
	for label, id := range c.input.Classes {
		all[label].ID = id
		if c.input.Names != nil {
			all[label].Name = c.input.Names[label]
		}
	}
	return all
}

// Checkpoint is what was read: the weights of the whole network, and where the training was.
func (c *Classifier) Checkpoint() *checkpoint.File { return c.file }

// on gives the network on its devices, with room for so many images at a time, or for as many as the options say.
func (c *Classifier) on(ctx context.Context, images int) (*model.Model, error) {
	batch := cmp.Or(c.options.Batch, max(min(images, c.Config.Train.Batch), 1))
	if c.model != nil && c.model.Batch >= batch {
		return c.model, nil
	}
	if err := c.release(); err != nil {
		return nil, err
	}
	setup := c.Config.Setup()
	setup.Devices, setup.Batch = c.devices, batch
	m, err := c.options.newModel(ctx, setup, c.input, model.ForTesting)
	if err != nil {
		return nil, err
	}
	if err := m.Restore(c.file); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	c.model = m
	return m, nil
}

func (c *Classifier) release() error {
	m := c.model
	if c.model = nil; m == nil {
		return nil
	}
	return m.Close()
}

// Close frees the devices. The Classifier opens them again if it is used afterwards.
func (c *Classifier) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.release()
}
