package conformance

import (
	"fmt"
	"math"
	"testing"

	"duet/engine/op"
	"duet/internal/rng"
)

// network is a few operations and the data they start from.
type network struct {
	t      testing.TB
	bf16   bool // leaves are rounded to bf16, so that uploading them is exact
	values []value
	steps  []step
}

// value is a tensor of the network, a leaf where it has data.
type value struct {
	name      string
	typ       op.Type
	data      any // []float64, []uint8, []int32 or []uint32
	companion bool
}

type step struct {
	op, companion op.Op
	in, out       []int
}

// id is a value of a network.
type id = int

// leaf adds an input. Real numbers are rounded to what every precision can hold.
func (n *network) leaf(name string, t op.Type, data any) id {
	if f, ok := data.([]float64); ok {
		rounded := make([]float64, len(f))
		for i, v := range f {
			rounded[i] = round(v, n.bf16)
		}
		data = rounded
	}
	return n.add(value{name: name, typ: t, data: data})
}

// fine adds an input that bf16 devices keep in fp32: a mean, drawn numbers, a velocity, a rate.
func (n *network) fine(name string, t op.Type, data []float64) id {
	rounded := make([]float64, len(data))
	for i, v := range data {
		rounded[i] = round(v, false)
	}
	return n.add(value{name: name, typ: t, data: rounded})
}

func (n *network) add(v value) id {
	n.values = append(n.values, v)
	return len(n.values) - 1
}

// random adds an input of random numbers near 1, different for every name.
func (n *network) random(name string, shape ...int) id {
	return n.leaf(name, op.Floats(shape...), spread(name, 1, op.Floats(shape...).Len()))
}

// weight is random, scaled so that sums over the given number of products stay near 1.
func (n *network) weight(name string, fan int, shape ...int) id {
	return n.leaf(name, op.Floats(shape...), spread(name, 1/math.Sqrt(float64(fan)), op.Floats(shape...).Len()))
}

// apply adds an operation.
func (n *network) apply(name string, o op.Op, in ...id) id {
	n.t.Helper()
	return n.applyWith(name, o, nil, in...)[0]
}

// applyWith adds an operation with its companion. A second output is named by the role of what it updates.
func (n *network) applyWith(name string, o, companion op.Op, in ...id) []id {
	n.t.Helper()
	types, err := op.Outputs(o, companion, n.types(in))
	if err != nil {
		n.t.Fatal(err)
	}
	st := step{op: o, companion: companion, in: in}
	for q, t := range types {
		v := value{name: name, typ: t}
		switch {
		case companion != nil && q == len(types)-1:
			v.name, v.companion = companion.Name()+" of "+name, true
		case q > 0:
			v.name += fmt.Sprintf("'s %v", o.Roles()[op.Updates(o)[q]])
		}
		st.out = append(st.out, n.add(v))
	}
	n.steps = append(n.steps, st)
	return st.out
}

func (n *network) types(ids []id) []op.Type {
	ts := make([]op.Type, len(ids))
	for i, v := range ids {
		ts[i] = n.values[v].typ
	}
	return ts
}

func (n *network) companions() bool {
	for _, st := range n.steps {
		if st.companion != nil {
			return true
		}
	}
	return false
}

// withoutCompanions is the part of the network that needs none: what evaluation runs.
func (n *network) withoutCompanions() *network {
	m := &network{t: n.t, bf16: n.bf16, values: n.values}
	missing := map[id]bool{}
next:
	for _, st := range n.steps {
		for _, i := range st.in {
			if missing[i] {
				for _, o := range st.out {
					missing[o] = true
				}
				continue next
			}
		}
		if st.companion != nil {
			last := len(st.out) - 1
			missing[st.out[last]] = true
			st.companion, st.out = nil, st.out[:last]
		}
		m.steps = append(m.steps, st)
	}
	return m
}

// lastUse is the index of the last step that reads a value, or -1.
func (n *network) lastUse(v id) int {
	last := -1
	for i, st := range n.steps {
		for _, in := range st.in {
			if in == v {
				last = i
			}
		}
	}
	return last
}

// spread are independent numbers of mean 0 and standard deviation sigma, different for every name. They are uniform: a
// large layer's weight takes a normal distribution's longer than the layer.
func spread(name string, sigma float64, count int) []float64 {
	stream := rng.New(2012, rng.Generate, rng.StreamOf(name), 0)
	data := make([]float64, count)
	var block [4]uint32
	for i := range data {
		if i%4 == 0 {
			block = stream.Block(uint64(i / 4))
		}
		data[i] = sigma * math.Sqrt(12) * (float64(block[i%4])/(1<<32) - 0.5)
	}
	return data
}

func pixels(name string, count int) []uint8 {
	stream := rng.New(2012, rng.Generate, rng.StreamOf(name), 0)
	data := make([]uint8, count)
	for i := range data {
		data[i] = uint8(stream.Uint32(uint64(i)))
	}
	return data
}

func labels(classes, count int) []int32 {
	stream := rng.New(2012, rng.Generate, 5, 0)
	data := make([]int32, count)
	for i := range data {
		data[i] = int32(stream.Intn(uint64(i), classes))
	}
	return data
}

// round gives the nearest number of 24 significant bits, or of 8 for bf16.
func round(v float64, bf16 bool) float64 {
	f := float32(v)
	if !bf16 || v != v {
		return float64(f)
	}
	b := math.Float32bits(f)
	b += 0x7fff + b>>16&1
	return float64(math.Float32frombits(b &^ 0xffff))
}

func float32s(data []float64) []float32 {
	out := make([]float32, len(data))
	for i, v := range data {
		out[i] = float32(v)
	}
	return out
}

func float64s(data []float32) []float64 {
	out := make([]float64, len(data))
	for i, v := range data {
		out[i] = float64(v)
	}
	return out
}

// hostArray is data as Upload takes it.
func hostArray(data any) any {
	if f, ok := data.([]float64); ok {
		return float32s(f)
	}
	return data
}

// zeroed is a new host array for a type; real numbers are float64.
func zeroed(t op.Type) any {
	switch t.DType {
	case op.Uint8:
		return make([]uint8, t.Len())
	case op.Int32:
		return make([]int32, t.Len())
	case op.Uint32:
		return make([]uint32, t.Len())
	}
	return make([]float64, t.Len())
}
