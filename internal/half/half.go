// Package half converts between float32 and IEEE 754 binary16: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction.
package half

import "math"

// To32 widens a number, which loses nothing.
func To32(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent, fraction := uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exponent {
	case 0: // zero and subnormal: fraction * 2^-24
		x := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(x) | sign)
	case 0x1f: // infinity and NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// From32 rounds a number to the nearest, to the even one of two that are equally near. What is larger than the largest,
// 65504, by half a step or more is infinite. A NaN stays one.
func From32(x float32) uint16 {
	bits := math.Float32bits(x)
	sign, size := uint16(bits>>31)<<15, bits&^(1<<31)
	switch {
	case size > 0xff<<23: // NaN: the upper bits of its fraction, and one that keeps it a NaN
		return sign | 0x7e00 | uint16(size>>13)&0x1ff
	case size >= (127+16)<<23: // 65536 and more
		return sign | 0x7c00
	case size < (127-14)<<23: // subnormal: multiples of 2^-24
		return sign | uint16(math.RoundToEven(math.Abs(float64(x))*(1<<24)))
	}
	// A fraction that is rounded up to 2 carries into the exponent, and from the last one into infinity, as it should.
	size += 1<<12 - 1 + size>>13&1
	return sign | uint16((size-(127-15)<<23)>>13)
}
