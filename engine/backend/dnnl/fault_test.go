//go:build dnnl

package dnnl

import (
	"errors"
	"testing"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

// broken is a kernel without operands that fails when it runs.
type broken struct{ on *device }

func newBroken(_ testing.TB, d backend.Device) backend.Kernel { return broken{d.(*device)} }

func (b broken) On() *worker.Host                               { return b.on.Host }
func (broken) Out() []backend.Layout                            { return nil }
func (broken) Scratch() int64                                   { return 0 }
func (broken) InPlace() int                                     { return -1 }
func (broken) String() string                                   { return "broken" }
func (broken) Bind(_, _ [][]byte, _ []byte) (worker.Job, error) { return broken{}, nil }
func (broken) Run() error                                       { return errors.New("broken on purpose") }
