package reference

import "unsafe"

// elements is memory as a slice of n numbers.
func elements[E any](data []byte, n int) []E {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*E)(unsafe.Pointer(&data[0])), n)
}
