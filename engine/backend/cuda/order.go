//go:build gpu

package cuda

import "duet/engine/op"

// order is that of a tensor's elements in memory. The host has them row-major.
type order uint8

const (
	rowMajor order = iota
	// channelsLast is [N,H,W,C] of an activation [N,C,H,W], and [maps,R,S,C] of a convolution's weight [maps,C,R,S], so
	// that what a product sums over lies side by side.
	channelsLast
	// patched is of a convolution's weight on tensor cores, which want eight channels side by side, where there are
	// not: the convolution is one of stride 1, without padding, over squares of block x block places as channels, block
	// being its stride. [maps,R',R',width] with R' = R/block and width = block*block*C, both rounded up, to eight the
	// latter. Element (u', v', d) is row u'*block + d/(block*C), column v'*block + d/C%block, channel d%C; where there is
	// none it is padding, which is zero and has no gradient. The images that only such a convolution reads are written
	// the same way, from `pad` places above and left of them on: [N,H',W',width].
	patched
)

func (o order) String() string { return [...]string{"row-major", "channels-last", "patched"}[o] }

// activationOrder is that of an activation: maps are channels-last.
func activationOrder(shape []int) order {
	if len(shape) == 4 {
		return channelsLast
	}
	return rowMajor
}

// lanes is how many channels of 16 bytes in bf16 the tensor cores' kernels copy at a time.
const lanes = 8

// weightOrder is that of a convolution's weight [maps,C,R,S] and of its gradient.
func (d *device) weightOrder(o op.Conv2D, weight []int) (way order, block int) {
	if !d.tensors() || weight[1]%lanes == 0 {
		return channelsLast, 0
	}
	return patched, o.Stride
}

// tensors says whether products are made on tensor cores.
func (d *device) tensors() bool { return d.capability >= 80 && d.activations == bfloat16 }

// patch makes a layout of images that of what a convolution reads.
func (l *layout) patch(o op.Conv2D) { l.order, l.block, l.pad = patched, o.Stride, o.Pad }

// places is how many squares cover an extent and the padding before it, and behind it.
func (l *layout) places(extent int) int { return ceilDiv(extent+2*l.pad, l.block) }

// width is how many channels patched weights and images have.
func (l *layout) width() int { return ceilDiv(l.block*l.block*l.shape[1], lanes) * lanes }

// host is where an element of the device's memory lies in the host's array, -1 for padding.
func (l *layout) host(i int) int {
	switch l.order {
	case channelsLast:
		channels, height, width := l.shape[1], l.shape[2], l.shape[3]
		c, i := i%channels, i/channels
		w, i := i%width, i/width
		h, n := i%height, i/height
		return ((n*channels+c)*height+h)*width + w
	case patched:
		channels, height, width := l.shape[1], l.shape[2], l.shape[3]
		d, i := i%l.width(), i/l.width()
		v, i := i%l.places(width), i/l.places(width)
		u, n := i%l.places(height), i/l.places(height)
		row, column := u*l.block+d/(l.block*channels)-l.pad, v*l.block+d/channels%l.block-l.pad
		if d >= l.block*l.block*channels || row < 0 || row >= height || column < 0 || column >= width {
			return -1
		}
		return ((n*channels+d%channels)*height+row)*width + column
	}
	return i
}

// arrange brings elements of a host array, of 4 bytes each, into the order of the device's memory: from the first on,
// as many as fit, padding as zeros.
func (l *layout) arrange(to, from []byte, first int) {
	for i := range len(to) / 4 {
		if at := l.host(first + i); at < 0 {
			clear(to[4*i : 4*i+4])
		} else {
			copy(to[4*i:4*i+4], from[4*at:])
		}
	}
}

// scatter brings elements of some bytes from the device's memory, from the first on, to their places in a host array.
func (l *layout) scatter(to, from []byte, first, bytes int) {
	for i := range len(from) / bytes {
		if at := l.host(first + i); at >= 0 {
			copy(to[bytes*at:bytes*(at+1)], from[bytes*i:])
		}
	}
}
