package duet

import (
	"context"

	"duet/dataloader"
	"duet/dataloader/prepare"
	"duet/engine/metrics"
	"duet/engine/model"
	"duet/engine/train"
)

// Progress is how far work has come that may take long: packing images, reading them into memory, preparing kernels, an
// evaluation.
type Progress = metrics.Progress

// Hooks tell a program what goes on beside the steps of a training. Each may be nil. They are called from one
// goroutine at a time, not always from the same.
type Hooks struct {
	Note     func(line string) // what a user should know, such as which devices "auto" takes
	Log      func(line string) // details of devices: what one does without, how long it took to measure kernels
	Progress func(Progress)
}

func (h Hooks) note(line string) {
	if h.Note != nil {
		h.Note(line)
	}
}

// ended says that there is no more progress of some work.
func (h Hooks) ended() {
	if h.Progress != nil {
		h.Progress(Progress{Ended: true})
	}
}

// resolve replaces the device "auto".
func (h Hooks) resolve(c *Config) error { return c.Devices.Resolve(c.Network.MaxDevices(), h.Note) }

// openData opens the configured data, and packs it first where it is a source that suits.
func (h Hooks) openData(ctx context.Context, c dataloader.Config,
	suits func(prepare.Outline) error) (*train.Data, error) {
	defer h.ended()
	hooks := train.ShowData(c.Path, h.Progress, h.Note)
	hooks.Suits = suits
	return train.OpenData(ctx, c, hooks)
}

// newModel chooses the placement of the towers where that is open, opens the devices and prepares the network's
// kernels. The setup then names the devices.
func (h Hooks) newModel(ctx context.Context, s *model.Setup, in model.Input,
	purpose model.Purpose) (*model.Model, error) {
	defer h.ended()
	hooks := model.Hooks{Log: h.Log}
	if h.Progress != nil {
		hooks.Prepared = func(done, total int) {
			h.Progress(Progress{What: "preparing " + s.Network.Title(), Unit: "kernels", Done: done, Total: total})
		}
	}
	if err := s.Place(ctx, in, h.Note, hooks); err != nil {
		return nil, err
	}
	return model.New(ctx, *s, in, purpose, hooks)
}
