package duet

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"duet/dataloader/packed"
	"duet/engine/backend"
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

// A Classifier is a trained network on devices. Its methods may be called from several goroutines; on the devices they
// take turns.
type Classifier struct {
	*Checkpoint

	options OpenOptions
	devices backend.Config

	mu    sync.Mutex
	keep  []string
	model *model.Model // nil before it is used
}

// Open reads a checkpoint as ReadCheckpoint does. The devices are opened when the Classifier is first used, and again
// when it is to take more images at a time. Options that are impossible are *invalid.Error of their names.
func Open(path string, o OpenOptions) (*Classifier, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	trained, err := ReadCheckpoint(path)
	if err != nil {
		return nil, err
	}
	return trained.Open(o)
}

func (o *OpenOptions) check() error {
	if o.Views = cmp.Or(o.Views, 1); o.Views != 1 && o.Views != 10 {
		return invalid.Key("views", "%d, want 1 or 10", o.Views)
	}
	if o.Batch < 0 {
		return invalid.Key("batch", "%d, want at least 1, or 0 for as in training", o.Batch)
	}
	return nil
}

// Open is the function Open of a checkpoint that was read.
func (c *Checkpoint) Open(o OpenOptions) (*Classifier, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	opened := &Classifier{Checkpoint: c, options: o, devices: c.Config.Devices}
	opened.devices.Towers, opened.devices.Tune = []string{backend.Auto}, false
	if len(o.Devices) > 0 {
		opened.devices.Towers = o.Devices
	}
	opened.devices.Precision = cmp.Or(o.Precision, opened.devices.Precision)
	if err := opened.devices.Validate(); err != nil {
		return nil, err
	}
	return opened, opened.devices.Resolve(c.Config.Network.MaxDevices(), o.Note)
}

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
	setup.Devices, setup.Batch, setup.Keep = c.devices, batch, c.keep
	m, err := c.options.newModel(ctx, &setup, c.Input, model.ForTesting)
	if err != nil {
		return nil, err
	}
	if err := m.Restore(c.File); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	c.model = m
	return m, nil
}

// Keep has Observe and Test give the activations of these layers too, in their order. One that the network does not
// have is a *model.ErrNoLayer.
func (c *Classifier) Keep(layers ...string) error {
	all, err := c.Layers()
	if err != nil {
		return err
	}
	for _, name := range layers {
		if _, err := model.FindLayer(all, name); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep = layers
	return c.release()
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
