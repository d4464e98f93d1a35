package op

import "fmt"

// Warp makes the network's input from stored pixels as Augment does, of a window of any size, shape and turn, with
// brightness and contrast:
//
//	y[n,c,i,j] = Scale[c] * contrast[n] * (brightness[n] * image[n,h,w,c] - mean[c,h,w] + shift[n,c])   inside the
//	                                                                                          image, 0 outside
//	h = top[n] + hi[n]*i + hj[n]*j,   w = left[n] + wi[n]*i + wj[n]*j
//
// Between places image and mean are interpolated linearly, in the half pixel around the image they are those of its
// edge: it is seen where -1/2 <= h < H-1/2 and -1/2 <= w < W-1/2. Places are computed in float32 on every device, each
// product and sum rounded once: float32(hi*i + float32(hj*j + top)).
//
// Inputs: images uint8 [batch, H, W, 3]; draws float [batch, 11] = top, hi, hj, left, wi, wj (pixels), brightness,
// contrast, shift of red, green, blue (grey levels); mean [3, H, W], or [3, 1, 1] for one value a channel.
// Output: y [batch, 3, Crop, Crop].
//
// Source: the bilinear sampler of Jaderberg et al. 2015, "Spatial transformer networks", equation 5.
type Warp struct {
	Crop  int
	Scale [3]float32 // of red, green and blue
}

// WarpDraws is the number of drawn values an image.
const WarpDraws = 11

func (Warp) Name() string  { return "warp" }
func (Warp) Roles() []Role { return []Role{Image, Draw, Statistic} }

func (o Warp) Infer(in []Type) (Type, error) { return sight(in, WarpDraws, o.Crop) }

// sight is the type of what a network sees.
func sight(in []Type, width, crop int) (Type, error) {
	if err := want(in, rank{Uint8, 4}, rank{Float, 2}, rank{Float, 3}); err != nil {
		return Type{}, err
	}
	x, draws, mean := in[0].Shape, in[1].Shape, in[2].Shape
	switch {
	case x[3] != 3:
		return Type{}, fmt.Errorf("images have %d channels, want 3", x[3])
	case draws[0] != x[0] || draws[1] != width:
		return Type{}, fmt.Errorf("draws are %v, want [%d %d]", draws, x[0], width)
	case mean[0] != 3 || !(mean[1] == x[1] && mean[2] == x[2] || mean[1] == 1 && mean[2] == 1):
		return Type{}, fmt.Errorf("mean is %v, want [3 %d %d] or [3 1 1]", mean, x[1], x[2])
	case crop < 1:
		return Type{}, fmt.Errorf("crop %d, want at least 1", crop)
	}
	return Floats(x[0], 3, crop, crop), nil
}
