//go:build dnnl

package dnnl_test

import (
	"math"
	"testing"

	"duet/engine/backend"
	"duet/engine/op"
	"duet/internal/rng"
)

// network is a chain of operations built by hand, every value in memory of its own.
type network struct {
	t       testing.TB
	values  []value
	steps   []step
	scratch backend.Buffer
}

type value struct {
	typ    op.Type
	data   func() any // of a leaf
	layout backend.Layout
	buffer backend.Buffer
}

type step struct {
	label     string
	op        op.Op
	companion op.Op
	in, out   []int
	kernel    backend.Kernel
}

func (n *network) leaf(t op.Type, data any) int {
	n.values = append(n.values, value{typ: t, data: func() any { return data }})
	return len(n.values) - 1
}

// noise is a leaf of random numbers of mean 0.
func (n *network) noise(deviation float64, shape ...int) int {
	stream := rng.New(1, rng.Init, uint32(len(n.values)), 0)
	id := n.leaf(op.Floats(shape...), nil)
	n.values[id].data = func() any {
		data := make([]float32, op.Floats(shape...).Len())
		for i := range data {
			data[i] = float32(deviation * (float64(stream.Float32(uint64(i))) - 0.5) * math.Sqrt(12))
		}
		return data
	}
	return id
}

// apply adds a step and gives its outputs: one, or two with a companion.
func (n *network) apply(layer string, o, companion op.Op, in ...int) []int {
	n.t.Helper()
	var types []op.Type
	for _, i := range in {
		types = append(types, n.values[i].typ)
	}
	s := step{label: layer + " " + o.Name(), op: o, companion: companion, in: in}
	for _, o := range []op.Op{o, companion} {
		if o == nil {
			continue
		}
		t, err := o.Infer(types)
		if err != nil {
			n.t.Fatalf("%s: %v", s.label, err)
		}
		n.values = append(n.values, value{typ: t})
		s.out = append(s.out, len(n.values)-1)
	}
	n.steps = append(n.steps, s)
	return s.out
}

// update adds SGD of a weight, whose outputs are its inputs.
func (n *network) update(layer string, o op.SGD, w, g, rate int) {
	v := n.noise(0, n.values[w].typ.Shape...)
	n.steps = append(n.steps, step{label: layer + " sgd", op: o, in: []int{w, v, g, rate}, out: []int{w, v}})
}

// types are those of some values.
func (n *network) types(ids []int) []op.Type {
	var ts []op.Type
	for _, i := range ids {
		ts = append(ts, n.values[i].typ)
	}
	return ts
}

func (n *network) layouts(ids []int) []backend.Layout {
	var ls []backend.Layout
	for _, i := range ids {
		ls = append(ls, n.values[i].layout)
	}
	return ls
}

// prepare places the leaves that have no layout yet and prepares the steps.
func (n *network) prepare(d backend.Device) {
	n.t.Helper()
	n.place(d)
	for i := range n.steps {
		s := &n.steps[i]
		r := backend.Request{Op: s.op, Companion: s.companion, InTypes: n.types(s.in), In: n.layouts(s.in),
			OutTypes: n.types(s.out)}
		k, err := d.Prepare(r)
		if err != nil {
			n.t.Fatalf("%s: %v", s.label, err)
		}
		s.kernel = k
		for q, v := range s.out {
			n.values[v].layout = k.Out()[q]
		}
	}
}

// load prepares, uploads the leaves that have no memory yet and loads the program.
func (n *network) load(d backend.Device, o backend.LoadOptions) backend.Program {
	n.t.Helper()
	n.prepare(d)
	var scratch int64
	for _, s := range n.steps {
		scratch = max(scratch, s.kernel.Scratch())
	}
	n.scratch = n.alloc(d, scratch)
	var commands []backend.Command
	for _, s := range n.steps {
		commands = append(commands, backend.Command{
			Kind: backend.Launch, Label: s.label, Kernel: s.kernel, In: n.buffers(d, s.in), Out: n.buffers(d, s.out),
			Scratch: n.scratch,
		})
	}
	p, err := d.Load(commands, o)
	if err != nil {
		n.t.Fatal(err)
	}
	return p
}

func (n *network) place(d backend.Device) {
	n.t.Helper()
	for v := range n.values {
		leaf := &n.values[v]
		if leaf.data == nil || leaf.layout != nil {
			continue
		}
		var uses []backend.Use
		for _, s := range n.steps {
			for arg, in := range s.in {
				if in == v {
					uses = append(uses, backend.Use{Op: s.op, Arg: arg, In: n.types(s.in), Layouts: n.layouts(s.in)})
				}
			}
		}
		l, err := d.Place(leaf.typ, uses)
		if err != nil {
			n.t.Fatal(err)
		}
		leaf.layout = l
	}
}

func (n *network) alloc(d backend.Device, bytes int64) backend.Buffer {
	n.t.Helper()
	m, err := d.Alloc(bytes)
	if err != nil {
		n.t.Fatal(err)
	}
	return backend.Buffer{Memory: m, Bytes: bytes}
}

func (n *network) buffers(d backend.Device, ids []int) []backend.Buffer {
	var bs []backend.Buffer
	for _, i := range ids {
		v := &n.values[i]
		if v.buffer.Memory == nil {
			v.buffer = n.alloc(d, v.layout.Bytes())
			if v.data != nil {
				n.upload(d, i, v.data())
			}
		}
		bs = append(bs, v.buffer)
	}
	return bs
}

func (n *network) upload(d backend.Device, id int, data any) {
	n.t.Helper()
	if err := backend.Write(d, n.values[id].buffer, n.values[id].layout, data); err != nil {
		n.t.Fatal(err)
	}
}

func (n *network) download(d backend.Device, id int) []float32 {
	n.t.Helper()
	data := make([]float32, n.values[id].typ.Len())
	if err := d.Download(data, n.values[id].buffer, n.values[id].layout); err != nil {
		n.t.Fatal(err)
	}
	return data
}

// alexnet is the network of 2012 on one device.
type alexnet struct {
	network
	size
	batch, loss, logits, rate int
	parameters                []int
}

// size is how large an alexnet is: the crop, the maps of every layer divided, and the classes.
type size struct{ crop, divide, classes int }

var (
	full  = size{227, 1, 1000}
	small = size{67, 4, 10} // groups of 12 maps, which no block of 16 holds
)

// layer is what the backward pass of a layer has to know.
type layer func(dy int) (dx int)

func newAlexnet(t testing.TB, s size, batch int, training bool) *alexnet {
	a := &alexnet{network: network{t: t}, size: s, batch: batch}
	x := a.images(s, batch)
	labels := make([]int32, batch)
	for i := range labels {
		labels[i] = int32(i * 37 % s.classes)
	}
	a.rate = a.leaf(op.Floats(1), []float32{0.01})
	counters := a.leaf(op.Type{DType: op.Uint32, Shape: []int{4}}, []uint32{1, 0, 0, 0})
	b := &builder{alexnet: a, training: training, counters: counters, rate: a.rate}
	x = b.conv("conv1", x, op.Conv2D{Kernel: 11, Stride: 4, Groups: 1, ReLU: true}, 96/s.divide)
	x = b.pool("pool1", b.lrn("norm1", x))
	x = b.conv("conv2", x, op.Conv2D{Kernel: 5, Stride: 1, Pad: 2, Groups: 2, ReLU: true}, 256/s.divide)
	x = b.pool("pool2", b.lrn("norm2", x))
	x = b.conv("conv3", x, op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 1, ReLU: true}, 384/s.divide)
	x = b.conv("conv4", x, op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 2, ReLU: true}, 384/s.divide)
	x = b.conv("conv5", x, op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 2, ReLU: true}, 256/s.divide)
	x = b.flatten("pool5", b.pool("pool5", x))
	x = b.dropout("fc6", b.linear("fc6", x, 4096/s.divide, true), 1)
	x = b.dropout("fc7", b.linear("fc7", x, 4096/s.divide, true), 2)
	a.logits = b.linear("fc8", x, s.classes, false)
	target := a.leaf(op.Type{DType: op.Int32, Shape: []int{batch}}, labels)
	a.loss = a.apply("loss", op.SoftmaxLoss{}, nil, a.logits, target)[0]
	if !training {
		a.apply("loss", op.TopErrors{}, nil, a.logits, target)
		return a
	}
	dy := a.apply("loss", op.SoftmaxLossGrad{}, nil, a.logits, target, a.leaf(op.Floats(), []float32{1}))[0]
	for i := len(b.back) - 1; i >= 0; i-- {
		dy = b.back[i](dy)
	}
	return a
}

// images are the network's input: image i is the same in every batch.
func (a *alexnet) images(s size, batch int) int {
	side := s.crop + 29
	pixels := make([]uint8, batch*side*side*3)
	for i := range pixels {
		pixels[i] = uint8(rng.Philox4x32([4]uint32{uint32(i / 97)}, [2]uint32{})[0])
	}
	draws := make([]float32, batch*op.Draws)
	for i := range batch {
		draws[i*op.Draws], draws[i*op.Draws+1], draws[i*op.Draws+2] = float32(i%29), float32(i%17), float32(i%2)
	}
	mean := make([]float32, 3*side*side)
	for i := range mean {
		mean[i] = 127
	}
	o := op.Augment{Crop: s.crop, Scale: [3]float32{1. / 64, 1. / 64, 1. / 64}}
	return a.apply("data", o, nil, a.leaf(op.Type{DType: op.Uint8, Shape: []int{batch, side, side, 3}}, pixels),
		a.leaf(op.Floats(batch, op.Draws), draws), a.leaf(op.Floats(3, side, side), mean))[0]
}

// builder adds layers and remembers how to go back through them.
type builder struct {
	*alexnet
	training       bool
	counters, rate int
	back           []layer
}

// companion is o in training, when a gradient will need it.
func (b *builder) companion(o op.Op) op.Op {
	if b.training {
		return o
	}
	return nil
}

func (b *builder) through(relu bool, name string, y, dy int) int {
	if !relu {
		return dy
	}
	return b.apply(name, op.ReLUGrad{}, nil, y, dy)[0]
}

func (b *builder) learn(name string, w, bias, dw, db int) {
	b.update(name, op.SGD{Momentum: 0.9, WeightDecay: 5e-4, RateMul: 1}, w, dw, b.rate)
	b.update(name+".bias", op.SGD{Momentum: 0.9, RateMul: 2}, bias, db, b.rate)
}

func (b *builder) conv(name string, x int, o op.Conv2D, maps int) int {
	in := b.values[x].typ.Shape
	fan := in[1] / o.Groups * o.Kernel * o.Kernel
	w, bias := b.noise(math.Sqrt(2/float64(fan)), maps, in[1]/o.Groups, o.Kernel, o.Kernel), b.noise(0, maps)
	b.parameters = append(b.parameters, w, bias)
	y := b.apply(name, o, nil, x, w, bias)[0]
	b.back = append(b.back, func(dy int) int {
		dz := b.through(o.ReLU, name, y, dy)
		linear := o
		linear.ReLU = false
		g := b.apply(name, op.Conv2DGradWeight{Conv: linear}, op.Conv2DGradBias{Conv: linear}, x, dz)
		dx := -1
		if in[1] != 3 {
			dx = b.apply(name, op.Conv2DGradInput{Conv: linear, H: in[2], W: in[3]}, nil, w, dz)[0]
		}
		b.learn(name, w, bias, g[0], g[1])
		return dx
	})
	return y
}

func (b *builder) linear(name string, x, features int, relu bool) int {
	in := b.values[x].typ.Shape[1]
	w, bias := b.noise(math.Sqrt(1/float64(in)), features, in), b.noise(0, features)
	b.parameters = append(b.parameters, w, bias)
	y := b.apply(name, op.Linear{ReLU: relu}, nil, x, w, bias)[0]
	b.back = append(b.back, func(dy int) int {
		dz := b.through(relu, name, y, dy)
		g := b.apply(name, op.LinearGradWeight{}, op.LinearGradBias{}, x, dz)
		dx := b.apply(name, op.LinearGradInput{}, nil, w, dz)[0]
		b.learn(name, w, bias, g[0], g[1])
		return dx
	})
	return y
}

func (b *builder) lrn(name string, x int) int {
	o := op.LRN{N: 5, K: 2, Alpha: 1e-4, Beta: 0.75, AlphaOverN: true, Groups: 2}
	out := b.apply(name, o, b.companion(op.LRNScale{LRN: o}), x)
	b.back = append(b.back, func(dy int) int { return b.apply(name, op.LRNGrad{LRN: o}, nil, x, out[1], dy)[0] })
	return out[0]
}

func (b *builder) pool(name string, x int) int {
	o := op.MaxPool{Kernel: 3, Stride: 2}
	in := b.values[x].typ.Shape
	out := b.apply(name, o, b.companion(op.MaxPoolArgmax{Pool: o}), x)
	b.back = append(b.back, func(dy int) int {
		return b.apply(name, op.MaxPoolGrad{Pool: o, H: in[2], W: in[3]}, nil, out[1], dy)[0]
	})
	return out[0]
}

func (b *builder) flatten(name string, x int) int {
	in := b.values[x].typ.Shape
	y := b.apply(name, op.Flatten{}, nil, x)[0]
	b.back = append(b.back, func(dy int) int {
		return b.apply(name, op.Unflatten{C: in[1], H: in[2], W: in[3]}, nil,
			dy)[0]
	})
	return y
}

func (b *builder) dropout(name string, x int, stream uint32) int {
	if !b.training {
		return b.apply(name, op.Scale{Factor: 0.5}, nil, x)[0]
	}
	o := op.Dropout{Rate: 0.5, Width: b.values[x].typ.Shape[1], Stream: stream}
	y := b.apply(name, o, nil, x, b.counters)[0]
	b.back = append(b.back, func(dy int) int { return b.apply(name, o, nil, dy, b.counters)[0] })
	return y
}

func (n *network) free(d backend.Device) {
	freed := map[backend.Memory]bool{}
	for _, v := range n.values {
		if m := v.buffer.Memory; m != nil && !freed[m] {
			freed[m] = true
			if err := d.Free(m); err != nil {
				n.t.Error(err)
			}
		}
	}
	if err := d.Free(n.scratch.Memory); err != nil {
		n.t.Error(err)
	}
}

// flops of a step.
func (n *network) flops(s step) float64 {
	return op.FLOPs(s.op, n.types(s.in), n.values[s.out[0]].typ)
}
