package op

import "fmt"

// Augment makes the network's input from stored pixels: it crops, mirrors, subtracts the mean, shifts the colour and
// scales, in one pass over bytes:
//
//	y[n,c,i,j] = Scale[c] * (image[n,h,w,c] - mean[c,h,w] + shift[n,c])   inside the image, 0 outside
//	h = top[n] + i,   w = left[n] + (mirror[n] ? Crop-1-j : j)
//
// Inputs: images uint8 [batch, H, W, 3]; draws float [batch, 6] = top, left (pixels, whole, negative in the padding),
// mirror (0 or 1), shift of red, green, blue (grey levels); mean [3, H, W], or [3, 1, 1] for one value a channel.
// Output: y [batch, 3, Crop, Crop].
//
// Ten-view testing is the same operation with other draws. Source: Krizhevsky, Sutskever, Hinton 2012, section 4.1.
type Augment struct {
	Crop  int
	Scale [3]float32 // of red, green and blue
}

// Draws is the number of drawn values an image.
const Draws = 6

func (Augment) Name() string  { return "augment" }
func (Augment) Roles() []Role { return []Role{Image, Draw, Statistic} }

func (o Augment) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Uint8, 4}, rank{Float, 2}, rank{Float, 3}); err != nil {
		return Type{}, err
	}
	x, draws, mean := in[0].Shape, in[1].Shape, in[2].Shape
	switch {
	case x[3] != 3:
		return Type{}, fmt.Errorf("images have %d channels, want 3", x[3])
	case draws[0] != x[0] || draws[1] != Draws:
		return Type{}, fmt.Errorf("draws are %v, want [%d %d]", draws, x[0], Draws)
	case mean[0] != 3 || !(mean[1] == x[1] && mean[2] == x[2] || mean[1] == 1 && mean[2] == 1):
		return Type{}, fmt.Errorf("mean is %v, want [3 %d %d] or [3 1 1]", mean, x[1], x[2])
	case o.Crop < 1:
		return Type{}, fmt.Errorf("crop %d, want at least 1", o.Crop)
	}
	return Floats(x[0], 3, o.Crop, o.Crop), nil
}
