package picture

import "encoding/binary"

// slack is how far beyond their last pixel buffers of pixels may be read.
const slack = 64

// resampleRows resamples rows along x: src [rows][stride], from the axis's range on, to dst [rows][dstStride] of
// len(start) pixels of 1 or 3 channels. Rows are at least slack bytes longer than their pixels.
//
// Two rows are taken at once, as the halves of 64-bit numbers: a sum of products is exact in both, and a negative lower
// half borrows from the upper one, which half gives back.
func resampleRows(a *axis, src []byte, stride, rows, channels int, dst []byte, dstStride int) {
	n := len(a.start)
	if a.taps == 1 {
		for r := range rows {
			copy(dst[r*dstStride:r*dstStride+n*channels], src[r*stride:])
		}
		return
	}
	for r := 0; r < rows; r += 2 {
		r2 := min(r+1, rows-1)
		up, low := src[r*stride:(r+1)*stride], src[r2*stride:(r2+1)*stride]
		upTo, lowTo := dst[r*dstStride:][:n*channels], dst[r2*dstStride:][:n*channels]
		if channels == 1 {
			resampleGrey(a, up, low, upTo, lowTo)
		} else {
			resampleRGB(a, up, low, upTo, lowTo)
		}
	}
}

const lanes = 0x000000ff_000000ff

func resampleRGB(a *axis, up, low, upTo, lowTo []byte) {
	for i, start := range a.start {
		coef := a.coef[i*a.taps:][:a.taps]
		u, l := up[start*3:][:a.taps*3+1], low[start*3:][:a.taps*3+1]
		var red, green, blue uint64
		for k := 0; k < len(coef); k++ {
			c := uint64(int64(coef[k]))
			v := uint64(binary.LittleEndian.Uint32(u[k*3:])) | uint64(binary.LittleEndian.Uint32(l[k*3:]))<<32
			red += c * (v & lanes)
			green += c * (v >> 8 & lanes)
			blue += c * (v >> 16 & lanes)
		}
		o := i * 3
		upTo[o], lowTo[o] = a.half(red)
		upTo[o+1], lowTo[o+1] = a.half(green)
		upTo[o+2], lowTo[o+2] = a.half(blue)
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

// resampleColumns resamples rows [rows][stride], of which the first width bytes count, along y to dst [len(start)][width].
// Rows are at least slack bytes longer than their pixels. Eight bytes are taken at once, in four pairs.
func resampleColumns(a *axis, src []byte, stride, rows, width int, dst []byte) {
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
			copy(to[x:], b[:])
		}
	}
}
