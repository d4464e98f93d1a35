package model

import (
	"fmt"
	"strings"

	"duet/engine/backend"
)

// Lend gives memory of the host for images of batches, which Step and the tests upload with no copy aside: the first
// device's, when all devices are of its backend and lend, else Go's, which is copied as any array is. Close it before the
// model.
func (m *Model) Lend(bytes int) (*backend.Lent, error) {
	if bytes < 0 {
		return nil, fmt.Errorf("lend %d bytes: want at least 0", bytes)
	}
	first := m.Devices[0]
	for _, d := range m.Devices {
		if kind(d) != kind(first) {
			return backend.NewLent(make([]uint8, bytes), nil, nil), nil
		}
	}
	if lender, lends := first.(backend.Lender); lends {
		return lender.Lend(int64(bytes))
	}
	return backend.NewLent(make([]uint8, bytes), nil, nil), nil
}

// kind is the name of a device's backend.
func kind(d backend.Device) string {
	name, _, _ := strings.Cut(d.Name(), ":")
	return name
}
