//go:build dnnl

package dnnl_test

import (
	"errors"
	"testing"

	"duet/engine/backend"
	"duet/engine/backend/worker"
	"duet/engine/op"
)

// broken is a kernel without operands that fails when it runs, in the place of one that would not.
type broken struct{ worker.Kernel }

func newBroken(t testing.TB, d backend.Device) backend.Kernel {
	n := &network{t: t}
	n.apply("", op.Softmax{}, nil, n.noise(1, 1, 2))
	n.prepare(d)
	return broken{n.steps[0].kernel.(worker.Kernel)}
}

func (broken) Out() []backend.Layout                            { return nil }
func (broken) Scratch() int64                                   { return 0 }
func (broken) InPlace() int                                     { return -1 }
func (broken) String() string                                   { return "broken" }
func (broken) Bind(_, _ [][]byte, _ []byte) (worker.Job, error) { return broken{}, nil }
func (broken) Run() error                                       { return errors.New("broken on purpose") }
