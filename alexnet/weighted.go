package alexnet

import (
	"duet/engine/model"
	"duet/engine/op"
	"duet/internal/invalid"
)

// weighted adds a conv or linear layer.
func (b *builder) weighted(l Layer, last bool, x maps) (maps, error) {
	towers := b.config.Towers
	if l.Towers != 0 {
		towers = l.Towers
	}
	if last {
		towers = 1 // the scores of all classes are compared in one place
	}
	outputs := l.Maps
	if l.Type == linear {
		if outputs = l.Features; outputs == 0 && last {
			outputs = b.Options.Classes
		}
		if last && outputs != b.Options.Classes {
			return x, invalid.Key("features", "%s: %d, but the data has %d classes: want %d, or no features to take the data's",
				l.Name, outputs, b.Options.Classes, b.Options.Classes)
		}
	}
	switch {
	case outputs < 1:
		return x, invalid.Key("features", "%s: %d, want at least 1", l.Name, outputs)
	case outputs%towers != 0:
		return x, invalid.Key(outputsKey(l), "%s: %d, want a multiple of the %d towers", l.Name, outputs, towers)
	case x.split > towers && !l.Exchange:
		return x, invalid.Key("exchange", "%s: runs on one tower but sees two: want exchange = true", l.Name)
	case x.split < towers && !x.input && !l.Exchange:
		return x, invalid.Key("exchange", "%s: runs on two towers but only one has its input: want exchange = true", l.Name)
	}
	whole := l.Exchange || x.split == 1
	devices := min(b.Options.Devices, towers)
	parts := x.parts[:min(devices, len(x.parts))]
	if whole {
		parts = b.exchanged(l, x, devices)
	}
	if b.Err != nil {
		return x, b.Err
	}
	y := maps{split: towers}
	if l.Type == linear && !whole && devices == 1 && towers == 2 {
		return b.groupedLinear(l, parts[0], outputs), nil
	}
	groups := 1
	if !whole {
		groups = towers / devices
	}
	input := parts[0].Shape()[1:]
	params := b.params(l, input, groups, outputs, devices)
	for d, part := range parts {
		y.parts = append(y.parts, b.applyWeighted(l, d, part, len(input), groups, params.weight(d), params.bias(d)))
	}
	return y, nil
}

func outputsKey(l Layer) string {
	if l.Type == conv {
		return "maps"
	}
	return "features"
}

// applyWeighted adds the operation itself on a device, with what follows it; a linear layer flattens its input of
// [maps, H, W] first.
func (b *builder) applyWeighted(l Layer, device int, x *op.Node, rank, groups int, weight, bias *op.Node) *op.Node {
	p, rectified := op.Place{Device: device, Layer: l.Name}, l.Activation == relu
	var y *op.Node
	if l.Type == conv {
		y = b.Apply(op.Conv2D{Kernel: l.Kernel, Stride: max(l.Stride, 1), Pad: l.Pad, Groups: groups, ReLU: rectified}, p,
			x, weight, bias)
	} else {
		if rank == 3 {
			x = b.Apply(op.Flatten{}, p, x)
		}
		y = b.Apply(op.Linear{ReLU: rectified}, p, x, weight, bias)
	}
	if l.Activation == tanh {
		y = b.Apply(op.Tanh{}, p, y)
	}
	return y
}

// groupedLinear is a linear layer of two towers without exchange on one device: each half of the features by itself.
func (b *builder) groupedLinear(l Layer, x *op.Node, outputs int) maps {
	p := op.Place{Layer: l.Name}
	half := x.Shape()[1] / 2
	shape := append([]int{half}, x.Shape()[2:]...)
	params := b.params(l, shape, 1, outputs, 2)
	var halves []*op.Node
	for tower := range 2 {
		in := b.Apply(op.Slice{First: tower * half, End: (tower + 1) * half}, p, x)
		halves = append(halves, b.applyWeighted(l, 0, in, len(shape), 1, params.weight(tower), params.bias(tower)))
	}
	return maps{parts: []*op.Node{b.Apply(op.Concat{}, p, halves...)}, split: 2}
}

// pair is the weight and the bias of a layer.
type pair struct{ w, b model.Param }

func (p pair) weight(part int) *op.Node { return p.w.Parts[part].Node }
func (p pair) bias(part int) *op.Node   { return p.b.Parts[part].Node }

// params makes the parameters of a layer whose parts see inputs of a shape [maps, H, W] or [features].
func (b *builder) params(l Layer, input []int, groups, outputs, parts int) pair {
	var shape []int
	if l.Type == conv {
		shape = []int{outputs, input[0] / groups, l.Kernel, l.Kernel}
	} else {
		shape = []int{outputs, op.Type{Shape: input}.Len()}
	}
	rate, decay := or(l.Rate, 1), or(l.Decay, 1)
	return pair{
		w: b.Param(model.Param{Name: l.Name + ".weight", Shape: shape, Rate: rate, Decay: decay,
			Frozen: l.Frozen, Fill: initialiserOf(l, shape)}, parts),
		b: b.Param(model.Param{Name: l.Name + ".bias", Shape: shape[:1], Rate: or(l.BiasRate, rate),
			Decay: or(l.BiasDecay, decay), Frozen: l.Frozen, Fill: constant(l.Bias)}, parts),
	}
}
