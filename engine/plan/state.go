package plan

import (
	"errors"
	"fmt"

	"duet/engine/backend"
	"duet/engine/op"
)

// State is the memory that outlives runs: parameters and velocities, shared by the plans of a network on its devices.
type State struct {
	Devices []backend.Device
	tensors map[string]*tensor
}

type tensor struct {
	typ    op.Type
	device int
	layout backend.Layout
	buffer backend.Buffer
}

// NewState is empty. The devices stay the caller's to close.
func NewState(devices []backend.Device) *State {
	return &State{Devices: devices, tensors: map[string]*tensor{}}
}

// place finds or makes the tensor of a value. A plan that comes later takes the layout that the first one chose.
func (s *State) place(v *value, uses []backend.Use) (*tensor, error) {
	if t := s.tensors[v.name]; t != nil {
		if !t.typ.Equal(v.typ) || t.device != v.device {
			return nil, fmt.Errorf("%s is %v on %s, but an earlier plan made it %v on %s", v.name, v.typ,
				s.Devices[v.device].Name(), t.typ, s.Devices[t.device].Name())
		}
		return t, nil
	}
	d := s.Devices[v.device]
	layout, err := d.Place(v.typ, uses)
	if err != nil {
		return nil, fmt.Errorf("%s: place %s %v: %w", d.Name(), v.name, v.typ, err)
	}
	buffer, err := reserve(d, v.name, layout.Bytes())
	if err != nil {
		return nil, err
	}
	t := &tensor{v.typ, v.device, layout, buffer}
	s.tensors[v.name] = t
	return t, nil
}

func reserve(d backend.Device, what string, bytes int64) (backend.Buffer, error) {
	m, err := d.Alloc(bytes)
	if err != nil {
		return backend.Buffer{}, fmt.Errorf("%s: %d bytes for %s: %w", d.Name(), bytes, what, err)
	}
	return backend.Buffer{Memory: m, Bytes: bytes}, nil
}

// Upload sets a parameter or velocity from a row-major host array, []float32, or []float64 where the device is fp64.
func (s *State) Upload(name string, host any) error {
	t, err := s.find(name)
	if err != nil {
		return err
	}
	return backend.Write(s.Devices[t.device], t.buffer, t.layout, host)
}

// Download waits for the device and copies a parameter or velocity to a row-major host array.
func (s *State) Download(name string, host any) error {
	t, err := s.find(name)
	if err != nil {
		return err
	}
	return s.Devices[t.device].Download(host, t.buffer, t.layout)
}

func (s *State) find(name string) (*tensor, error) {
	t := s.tensors[name]
	if t == nil {
		return nil, fmt.Errorf("no plan has made %s", name)
	}
	return t, nil
}

// Has says whether a plan has made a tensor of this name.
func (s *State) Has(name string) bool { return s.tensors[name] != nil }

// Bytes is what the state takes on each device.
func (s *State) Bytes() []int64 {
	bytes := make([]int64, len(s.Devices))
	for _, t := range s.tensors {
		bytes[t.device] += t.buffer.Bytes
	}
	return bytes
}

// Close frees the memory. Plans that use it must be closed first.
func (s *State) Close() error {
	var errs []error
	for _, t := range s.tensors {
		errs = append(errs, s.Devices[t.device].Free(t.buffer.Memory))
	}
	s.tensors = map[string]*tensor{}
	return errors.Join(errs...)
}
