package reference

import (
	"errors"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

// Broken makes a kernel that fails when it runs.
func Broken(d backend.Device) backend.Kernel { return broken{d.(*device)} }

type broken struct{ on *device }

func (b broken) On() *worker.Host    { return b.on.Host }
func (broken) Out() []backend.Layout { return nil }
func (broken) Scratch() int64        { return 0 }
func (broken) InPlace() int          { return -1 }
func (broken) String() string        { return "broken" }
func (broken) Bind(_, _ [][]byte, _ []byte) (worker.Job, error) {
	return worker.Func(func() error { return errors.New("broken on purpose") }), nil
}
