package plan

import (
	"slices"

	"duet/engine/backend"
	"duet/engine/op"
)

// Moved is what a step must read and write at the least, counted from the types and the roles of its operands: each
// operand once, whatever a kernel reads again, in the narrowest format that its precision has for it.
type Moved struct {
	// numbers in the precision of the device: activations, their gradients, weights as layers read them
	Stored int64 `json:"stored"`
	// numbers that stay in fp32 or wider: parameters, their gradients, biases, statistics, scores
	Wide int64 `json:"wide"`
	// numbers of weights that an update writes once more, where layers read them narrower than it keeps them
	Copied int64 `json:"copied"`
	// bytes of what is no real number: pixels, labels, places of maxima
	Fixed int64 `json:"fixed"`
}

// Bytes is what is moved in a precision: fp32 (also "" and tf32), bf16 or fp64.
func (m Moved) Bytes(precision string) int64 {
	stored, wide, copied := int64(4), int64(4), int64(0)
	switch precision {
	case "bf16":
		stored, copied = 2, 2
	case "fp64":
		stored, wide = 8, 8
	}
	return m.Stored*stored + m.Wide*wide + m.Copied*copied + m.Fixed
}

// moved counts a step.
func (s *step) moved() (m Moved) {
	if _, is := s.op.(op.Reshape); is {
		return m
	}
	roles := s.op.Roles()
	for i, v := range s.in {
		if !s.copies() && slices.Index(s.in, v) == i {
			m.add(v, roles[i] == op.Activation || roles[i] == op.Weight)
		}
	}
	updated := op.Updates(s.op)
	for i, v := range s.out {
		if i >= len(updated) {
			m.add(v, v.readAs(op.Activation))
			continue
		}
		m.add(v, false)
		if kept := slices.Index(roles, op.Parameter); updated[i] == kept || roles[updated[i]] == op.Average {
			if s.in[kept].readAs(op.Weight) {
				m.Copied += int64(v.typ.Len())
			}
		}
	}
	return m
}

// add counts a tensor; stored says that it is in the precision of the device.
func (m *Moved) add(v *value, stored bool) {
	n := int64(v.typ.Len())
	switch {
	case v.typ.DType == op.Uint8:
		m.Fixed += n
	case v.typ.DType != op.Float:
		m.Fixed += 4 * n
	case stored:
		m.Stored += n
	default:
		m.Wide += n
	}
}

// readAs says whether a step reads the value in a role.
func (v *value) readAs(role op.Role) bool {
	for _, s := range v.readers {
		for i, in := range s.in {
			if in == v && s.op.Roles()[i] == role {
				return true
			}
		}
	}
	return false
}

// Outline is the steps of the plan of a graph as far as they follow from it alone, for devices of these names that need
// not be there: with every fusion that a plan knows, without kernels, layouts, memory and waits.
func Outline(spec Spec, devices []string) ([]Step, error) {
	c, err := collect(spec, len(devices))
	if err != nil {
		return nil, err
	}
	able := make([]backend.Device, len(devices))
	for i := range able {
		able[i] = fuser{}
	}
	c.fuse(able)
	steps, err := order(spec.Name, c.steps, able)
	if err != nil {
		return nil, err
	}
	var out []Step
	backward := backward(steps)
	for _, s := range steps {
		step := s.describe(devices[s.place.Device])
		step.Backward = backward[s]
		out = append(out, step)
	}
	return out, nil
}

// fuser is a device that is not there and has kernels for whatever can be fused and joined.
type fuser struct{ backend.Device }

func (fuser) Fuses(op.Op, op.Type) bool { return true }
func (fuser) Joins(op.Updater) bool     { return true }
