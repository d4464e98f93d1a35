package alexnet

import (
	"duet/engine/model"
	"duet/engine/op"
	"duet/internal/invalid"
	"duet/internal/rng"
)

// maps is the output of a layer. On one device there is one part, which holds all maps. On two devices there is one
// part when the first tower alone has them (or when, as the input, every device has all), else one a tower.
type maps struct {
	parts []*op.Node
	split int  // among how many towers the maps are divided: 1 or 2
	input bool // the image, which every tower has whole
}

type builder struct {
	*model.Builder
	config Config
}

// input is the augmented image on every device.
func (b *builder) input() maps {
	x := maps{split: 1, input: true}
	for d := range b.Options.Devices {
		x.parts = append(x.parts, b.Image(d))
	}
	return x
}

// layer adds layer i.
func (b *builder) layer(i int, x maps) (maps, error) {
	l := b.config.Layers[i]
	switch rank := x.parts[0].Dims(); l.Type {
	case conv, lrn, maxPool, avgPool:
		if rank != 4 {
			return x, invalid.Key("type", "%s: %s of a tensor of rank %d, want it before the linear layers", l.Name, l.Type,
				rank)
		}
	case dropout:
		if rank == 4 { // as of the features that a linear layer makes of the maps
			x = b.each(l, x, op.Flatten{})
		}
	}
	switch l.Type {
	case conv, linear:
		return b.weighted(l, i == len(b.config.Layers)-1, x)
	case relu:
		return b.each(l, x, op.ReLU{}), nil
	case tanh:
		return b.each(l, x, op.Tanh{}), nil
	case lrn:
		return b.normalised(l, x), nil
	case maxPool:
		return b.each(l, x, op.MaxPool{Kernel: l.Kernel, Stride: max(l.Stride, 1), Pad: l.Pad, Ceil: l.Ceil}), nil
	case avgPool:
		return b.each(l, x, op.AvgPool{Kernel: l.Kernel, Stride: max(l.Stride, 1), Pad: l.Pad, Ceil: l.Ceil,
			CountPad: l.CountPad}), nil
	}
	return b.dropout(l, x), nil
}

// groups is how many towers' maps one part holds.
func (x maps) groups() int { return x.split / min(x.split, len(x.parts)) }

// normalised adds a normalisation of each tower's maps, or across the towers: then each device has all maps sent, and
// keeps its own of the results.
func (b *builder) normalised(l Layer, x maps) maps {
	o := op.LRN{N: l.N, K: float32(l.K), Alpha: float32(l.Alpha), Beta: float32(l.Beta), AlphaOverN: *l.AlphaOverN,
		Groups: x.groups()}
	if l.Across {
		o.Groups = 1
	}
	if !l.Across || len(x.parts) == 1 || x.input {
		return b.each(l, x, o)
	}
	y := maps{split: x.split}
	for d, whole := range b.exchanged(l, x, len(x.parts)) {
		p := op.Place{Device: d, Layer: l.Name}
		own := x.parts[d].Shape()[1]
		y.parts = append(y.parts, b.Apply(op.Slice{First: d * own, End: (d + 1) * own}, p, b.Apply(o, p, whole)))
	}
	return y
}

// each applies an operation to every part by itself.
func (b *builder) each(l Layer, x maps, o op.Op) maps {
	y := maps{split: x.split, input: x.input}
	for d, part := range x.parts {
		y.parts = append(y.parts, b.Apply(o, op.Place{Device: d, Layer: l.Name}, part))
	}
	return y
}

// dropout drops features of every part with the whole layer's mask, whose stream is rng.StreamOf of the layer's name;
// at test time it scales instead.
func (b *builder) dropout(l Layer, x maps) maps {
	switch {
	case *l.DropRate == 0 || !b.Options.Train && l.Inverted:
		return x
	case !b.Options.Train:
		return b.each(l, x, op.Scale{Factor: 1 - float32(*l.DropRate)})
	}
	width := x.parts[0].Shape()[1]
	if !x.input { // which every device has whole
		width *= len(x.parts)
	}
	y, first := maps{split: x.split, input: x.input}, 0
	for d, part := range x.parts {
		o := op.Dropout{Rate: float32(*l.DropRate), Inverted: l.Inverted, Width: width, First: first,
			Stream: rng.StreamOf(l.Name)}
		counters := b.Feed(model.Counters, op.Type{DType: op.Uint32, Shape: []int{4}}, d)
		y.parts = append(y.parts, b.Apply(o, op.Place{Device: d, Layer: l.Name}, part, counters))
		if !x.input {
			first += part.Shape()[1]
		}
	}
	return y
}

// exchanged is the input of a layer with exchange on each of the first n devices: all maps.
func (b *builder) exchanged(l Layer, x maps, devices int) []*op.Node {
	whole := make([]*op.Node, devices)
	for d := range whole {
		if x.input {
			whole[d] = x.parts[d]
			continue
		}
		arrived := make([]*op.Node, len(x.parts))
		for from, part := range x.parts {
			if arrived[from] = part; from != d {
				arrived[from] = b.Apply(op.Send{From: from}, op.Place{Device: d, Layer: l.Name}, part)
			}
		}
		if whole[d] = arrived[0]; len(arrived) == 2 {
			whole[d] = b.Apply(op.Concat{}, op.Place{Device: d, Layer: l.Name}, arrived...)
		}
	}
	return whole
}
