package picture

import "math"

// An axis says how one axis of a picture is resampled, in fixed point:
//
//	out[i] = clamp((sum_{k<taps} coef[i*taps+k] * in[from+start[i]+k] + half) >> bits, 0, 255),  half = 2^(bits-1)
//
// The coefficients of an output sum to exactly 2^bits, so that areas of one colour keep it. bits is as large as 16 bits
// a coefficient and 32 bits a sum allow: 14 when enlarging, more when shrinking, where coefficients are smaller.
type axis struct {
	from, to int // the range of the input that is needed
	taps     int // 1: the input is taken as it is, coef and bits are unused; else a multiple of 4
	bits     int
	start    []int32 // [outputs], from 0; start+taps may pass the range's end by 3, with coefficients of 0
	coef     []int16 // [outputs, taps]
}

// bicubic is the Catmull-Rom kernel (a = -0.5), as Pillow's BICUBIC.
// Source: Keys 1981, "Cubic convolution interpolation for digital image processing".
func bicubic(x float64) float64 {
	x = math.Abs(x)
	switch {
	case x < 1:
		return (1.5*x-2.5)*x*x + 1
	case x < 2:
		return ((-0.5*x+2.5)*x-4)*x + 2
	}
	return 0
}

const (
	maxBits = 22    // 255 * 2^22 and the kernel's overshoot stay below 2^31
	maxCoef = 32000 // below 2^15 with room for the rounding
)

// newAxis brings in pixels to scaled and keeps size of them from offset on. The kernel is widened when it shrinks, and
// cut off at the picture's edges.
func newAxis(in, scaled, offset, size int) axis {
	if in == scaled {
		a := axis{from: offset, to: offset + size, taps: 1, start: make([]int32, size)}
		for i := range a.start {
			a.start[i] = int32(i)
		}
		return a
	}
	scale := float64(in) / float64(scaled)
	wide := max(scale, 1)
	window := func(i int) (centre float64, first, last int) {
		centre = (float64(i+offset) + 0.5) * scale
		return centre, max(int(centre-2*wide+0.5), 0), min(int(centre+2*wide+0.5), in)
	}
	taps := 0
	for i := range size {
		_, first, last := window(i)
		taps = max(taps, last-first)
	}
	taps = (taps + 3) &^ 3
	weights, largest := make([]float64, size*taps), 0.
	a := axis{from: in, taps: taps, bits: maxBits, start: make([]int32, size), coef: make([]int16, size*taps)}
	for i := range size {
		centre, first, last := window(i)
		start := max(min(first, in-taps), 0) // the taps lie in the picture if they can
		w, sum := weights[i*taps+first-start:][:last-first], 0.
		for k := range w {
			w[k] = bicubic((float64(first+k) + 0.5 - centre) / wide)
			sum += w[k]
		}
		for k := range w {
			w[k] /= sum
			largest = max(largest, math.Abs(w[k]))
		}
		a.start[i], a.from, a.to = int32(start), min(a.from, start), max(a.to, min(start+taps, in))
	}
	for largest*float64(int(1)<<a.bits) > maxCoef {
		a.bits--
	}
	for i := range a.start {
		a.start[i] -= int32(a.from)
		quantise(a.coef[i*taps:][:taps], weights[i*taps:][:taps], a.bits)
	}
	return a
}

// quantise rounds the running sum of the weights, so that the coefficients sum to 2^bits exactly.
func quantise(coef []int16, weights []float64, bits int) {
	sum, before := 0., 0
	for k, w := range weights {
		sum += w
		now := int(math.Round(sum * float64(int(1)<<bits)))
		coef[k], before = int16(now-before), now
	}
}

// A plan is how pictures of one size and orientation come to the square.
type plan struct {
	width, height, size int
	o                   orientation
	x, y                axis // of the stored picture, before any turning
}

// set plans for a picture of width x height; it keeps what fits already, and reports whether the plan is new.
func (p *plan) set(width, height, size int, o orientation) bool {
	if p.width == width && p.height == height && p.size == size && p.o == o {
		return false
	}
	// The longer side is rounded to the nearest pixel. The crop is the centre's, nearer to the left and the top of the
	// upright picture where it cannot be exact.
	scaledX, scaledY := size, size
	if width > height {
		scaledX = max(size, (width*size+height/2)/height)
	} else {
		scaledY = max(size, (height*size+width/2)/width)
	}
	_, flipX, flipY := o.turn()
	offset := func(scaled int, flip bool) int {
		if flip {
			return scaled - size - (scaled-size)/2
		}
		return (scaled - size) / 2
	}
	*p = plan{width: width, height: height, size: size, o: o,
		x: newAxis(width, scaledX, offset(scaledX, flipX), size), y: newAxis(height, scaledY, offset(scaledY, flipY), size)}
	return true
}
