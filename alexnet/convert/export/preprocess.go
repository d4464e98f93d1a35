package export

import (
	"duet/alexnet/convert/onnx"
	"duet/dataloader"
	"duet/engine/op"
)

// sight is what of an image the network sees: its centre.
type sight struct {
	top, left     int // of what is cut out
	height, width int
	pads          [4]int // zeros around that: above, left, below, right
}

// sight is where op.Augment looks in a test.
func (n *Network) sight(crop int) (s sight) {
	height, width := n.Input.Height, n.Input.Width
	view := dataloader.Views(height, width, crop, 1)[0]
	along := func(first, size int) (from, length, before, after int) {
		from, end := max(first, 0), min(first+crop, size)
		return from, end - from, from - first, first + crop - end
	}
	s.top, s.height, s.pads[0], s.pads[2] = along(int(view[0]), height)
	s.left, s.width, s.pads[1], s.pads[3] = along(int(view[1]), width)
	return s
}

// mean is what is subtracted where the network looks.
func (n *Network) mean(s sight) (shape []int, data []float32) {
	in := n.Input
	if len(in.Mean) == 3 {
		return []int{3, 1, 1}, in.Mean
	}
	for c := range 3 {
		for y := range s.height {
			row := (c*in.Height+s.top+y)*in.Width + s.left
			data = append(data, in.Mean[row:row+s.width]...)
		}
	}
	return []int{3, s.height, s.width}, data
}

// input makes what the network sees of the images' bytes: the formula is op.Augment's.
func (b *nodes) input(o op.Augment) string {
	s := b.network.sight(o.Crop)
	x := b.add("Cast", "input/float", []string{imagesName}, number("to", int(onnx.Float)))
	if s.height < b.network.Input.Height || s.width < b.network.Input.Width {
		x = b.sliced("input/crop", x, []int{1, 2}, []int{s.top, s.left}, []int{s.top + s.height, s.left + s.width})
	}
	x = b.add("Transpose", "input/maps", []string{x}, ints("perm", 0, 3, 1, 2))
	shape, mean := b.network.mean(s)
	x = b.add("Sub", "input/centred", []string{x, b.floats("input.mean", shape, mean...)})
	if o.Scale != [3]float32{1, 1, 1} {
		x = b.add("Mul", "input/scaled", []string{x, b.floats("input.scale", []int{3, 1, 1}, o.Scale[:]...)})
	}
	if s.pads != [4]int{} {
		var pads []int64
		for _, p := range []int{0, 0, s.pads[0], s.pads[1], 0, 0, s.pads[2], s.pads[3]} {
			pads = append(pads, int64(p))
		}
		x = b.add("Pad", "input", []string{x, b.ints("input/pads", pads...)})
	}
	return x
}
