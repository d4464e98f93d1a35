package model

import (
	"duet/dataloader"
	"duet/engine/backend"
)

// Allocate gives a loader memory for a batch's images that the model's devices upload from without a copy aside.
func (m *Model) Allocate(bytes int) (dataloader.Buffer, error) {
	l, err := m.Lend(bytes)
	if err != nil {
		return nil, err
	}
	return lentBuffer{l}, nil
}

// lentBuffer is lent memory as a loader knows it.
type lentBuffer struct{ *backend.Lent }

func (b lentBuffer) Bytes() []byte { return b.Data }
