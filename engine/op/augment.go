package op

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

func (o Augment) Infer(in []Type) (Type, error) { return sight(in, Draws, o.Crop) }
