package picture

import "encoding/binary"

// slack is how far beyond their last pixel buffers of pixels may be read.
const slack = 64

// A resampler is the plain version of the resampling; turbo.c has the vectorised one, of the same bytes.
//
// It takes two bytes at once, as the halves of 64-bit numbers: a sum of products is exact in both, and a negative lower
// half borrows from the upper one, which half gives back.
type resampler struct {
	wide []uint64 // [3 channels][pixels] of two rows
}

// rows resamples rows along x: src [rows][stride], from the axis's range on, to dst [rows][dstStride] of len(start)
// pixels of 1 or 3 channels. Rows are at least slack bytes longer than their pixels.
func (r *resampler) rows(a *axis, src []byte, stride, rows, channels int, dst []byte, dstStride int) {
	n := len(a.start)
	for y := 0; y < rows; y += 2 {
		y2 := min(y+1, rows-1)
		up, low := src[y*stride:(y+1)*stride], src[y2*stride:(y2+1)*stride]
		upTo, lowTo := dst[y*dstStride:][:n*channels], dst[y2*dstStride:][:n*channels]
		switch {
		case a.taps == 1:
			copy(upTo, up)
			copy(lowTo, low)
		case channels == 1:
			resampleGrey(a, up, low, upTo, lowTo)
		default:
			r.rgb(a, up, low, upTo, lowTo)
		}
	}
}

const lanes = 0x000000ff_000000ff

func (r *resampler) rgb(a *axis, up, low, upTo, lowTo []byte) {
	width := a.to - a.from + 3 // with the taps beyond the end
	if len(r.wide) < 3*width {
		r.wide = make([]uint64, 3*width)
	}
	red, green, blue := r.wide[:width], r.wide[width:][:width], r.wide[2*width:][:width]
	for x := range red {
		v := uint64(binary.LittleEndian.Uint32(up[3*x:])) | uint64(binary.LittleEndian.Uint32(low[3*x:]))<<32
		red[x], green[x], blue[x] = v&lanes, v>>8&lanes, v>>16&lanes
	}
	for i, start := range a.start {
		coef := a.coef[i*a.taps:][:a.taps]
		rs, gs, bs := red[start:][:len(coef)], green[start:][:len(coef)], blue[start:][:len(coef)]
		var sumR, sumG, sumB uint64
		for k, c := range coef {
			c := uint64(int64(c))
			sumR += c * rs[k]
			sumG += c * gs[k]
			sumB += c * bs[k]
		}
		o := i * 3
		upTo[o], lowTo[o] = a.half(sumR)
		upTo[o+1], lowTo[o+1] = a.half(sumG)
		upTo[o+2], lowTo[o+2] = a.half(sumB)
	}
}

func resampleGrey(a *axis, up, low, upTo, lowTo []byte) {
	for i, start := range a.start {
		coef := a.coef[i*a.taps:][:a.taps]
		u, l := up[start:][:len(coef)], low[start:][:len(coef)]
		var sum uint64
		for k, c := range coef {
			sum += uint64(int64(c)) * (uint64(u[k]) | uint64(l[k])<<32)
		}
		upTo[i], lowTo[i] = a.half(sum)
	}
}

// half rounds the sums in both halves of s to bytes.
func (a *axis) half(s uint64) (lower, upper byte) {
	low := int32(s)
	high := int32((s - uint64(int64(low))) >> 32)
	return a.round(low), a.round(high)
}

func (a *axis) round(sum int32) byte {
	v := (sum + 1<<(a.bits-1)) >> a.bits
	if uint32(v) > 255 {
		return uint8(^v >> 31) // 0 or 255
	}
	return uint8(v)
}

// columns resamples rows [rows][stride], of which the first width bytes count, along y to dst [len(start)][width].
// Rows are at least slack bytes longer than their pixels. Eight bytes are taken at once, in four pairs.
func (*resampler) columns(a *axis, src []byte, stride, rows, width int, dst []byte) {
	for i, start := range a.start {
		to := dst[i*width:][:width]
		first := src[int(start)*stride:]
		if a.taps == 1 {
			copy(to, first)
			continue
		}
		coef := a.coef[i*a.taps:][:min(a.taps, rows-int(start))]
		for x := 0; x < width; x += 8 {
			var s0, s1, s2, s3 uint64
			at := first[x:]
			for k, c := range coef {
				v, c := binary.LittleEndian.Uint64(at[k*stride:]), uint64(int64(c))
				s0 += c * (v & lanes)
				s1 += c * (v >> 8 & lanes)
				s2 += c * (v >> 16 & lanes)
				s3 += c * (v >> 24 & lanes)
			}
			var b [8]byte
			b[0], b[4] = a.half(s0)
			b[1], b[5] = a.half(s1)
			b[2], b[6] = a.half(s2)
			b[3], b[7] = a.half(s3)
			if x+8 <= width {
				*(*[8]byte)(to[x:]) = b
				continue
			}
			copy(to[x:], b[:])
		}
	}
}
