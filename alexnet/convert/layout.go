package convert

import (
	"fmt"
	"slices"

	"duet/engine/checkpoint"
)

// A Layout is the order in which a file has the axes of its weights.
type Layout string

const (
	// OIHW is PyTorch's, Caffe's and duet's: convolutions [maps, inputs, height, width], linear layers [features, inputs],
	// which see [maps, height, width] in this order.
	OIHW Layout = "oihw"
	// HWIO is TensorFlow's and JAX's: [height, width, inputs, maps], and [inputs, features], which see [height, width,
	// maps].
	HWIO Layout = "hwio"
)

// Layouts are those that there are.
var Layouts = []Layout{OIHW, HWIO}

// fits tells whether a weight in a layout can be one of the shape want of the network.
func (l Layout) fits(want, is []int) bool {
	switch {
	case l == HWIO && len(want) == 4:
		return slices.Equal(is, []int{want[2], want[3], want[1], want[0]})
	case l == HWIO:
		return slices.Equal(is, []int{want[1], want[0]})
	case len(want) == 2 && len(is) == 4: // a linear layer that was made a convolution
		return is[0] == want[0] && is[1]*is[2]*is[3] == want[1]
	}
	return slices.Equal(is, want)
}

// outputs is how many maps or features a weight has.
func (l Layout) outputs(shape []int) int {
	if l == HWIO {
		return shape[len(shape)-1]
	}
	return shape[0]
}

// turned gives a weight that fits the shape want its elements in the order of OIHW. A linear layer that sees maps, of
// the convolution before it, sees so many.
func (l Layout) turned(t checkpoint.Tensor, want []int, maps int) []float32 {
	if l != HWIO {
		return t.Data
	}
	out := make([]float32, len(t.Data))
	if len(want) == 4 {
		o, in, area := want[0], want[1], want[2]*want[3]
		for place := range area {
			for i := range in {
				for k := range o {
					out[(k*in+i)*area+place] = t.Data[(place*in+i)*o+k]
				}
			}
		}
		return out
	}
	o, in := want[0], want[1]
	if maps == 0 {
		maps = in
	}
	area := in / maps
	for place := range area {
		for m := range maps {
			for k := range o {
				out[k*in+m*area+place] = t.Data[(place*maps+m)*o+k]
			}
		}
	}
	return out
}

// channelsTurned swaps red and blue in the weights of the layer that sees the image, [maps, 3, height, width].
func channelsTurned(data []float32, shape []int) []float32 {
	out := slices.Clone(data)
	area := shape[2] * shape[3]
	for map_ := range shape[0] {
		at := out[map_*3*area : (map_+1)*3*area]
		for i := range area {
			at[i], at[2*area+i] = at[2*area+i], at[i]
		}
	}
	return out
}

// RGB is a mean that has its channels as blue, green and red, [3, height, width] or [3], turned; of one number a
// channel the shape is [3, 1, 1].
func RGB(mean checkpoint.Tensor, bgr bool) (checkpoint.Tensor, error) {
	shape := mean.Shape
	if len(shape) == 4 && shape[0] == 1 {
		shape = shape[1:]
	}
	if len(shape) == 1 {
		shape = []int{shape[0], 1, 1}
	}
	if len(shape) != 3 || shape[0] != 3 {
		return mean, fmt.Errorf("a mean of shape %v, want [3, height, width] or [3]", mean.Shape)
	}
	out := checkpoint.Tensor{Name: mean.Name, Shape: shape, Data: slices.Clone(mean.Data)}
	if area := shape[1] * shape[2]; bgr {
		copy(out.Data, mean.Data[2*area:])
		copy(out.Data[2*area:], mean.Data[:area])
	}
	return out, nil
}
