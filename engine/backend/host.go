package backend

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"
)

// HostMemory is memory of the host that a device allocated, and from which every device of its backend uploads.
type HostMemory interface {
	Memory
	// Data is the memory itself, of Bytes bytes.
	Data() []byte
}

// Element is how an element of an array lies in the host's memory.
type Element uint8

// The elements of arrays in the host's memory.
const (
	Float32 Element = iota
	Float64
	Uint8
	Int32
	Uint32
)

// Size is the bytes of an element.
func (e Element) Size() int { return [...]int{4, 8, 1, 4, 4}[e] }

func (e Element) String() string {
	return [...]string{"float32", "float64", "uint8", "int32", "uint32"}[e]
}

// Array is a row-major array in the host's memory.
type Array struct {
	Data    []byte
	Element Element
	Memory  HostMemory // what Data lies in; nil for memory of Go's, from which no device uploads
}

// Len is the number of elements.
func (a Array) Len() int { return len(a.Data) / a.Element.Size() }

// String is such as "5 float32".
func (a Array) String() string { return fmt.Sprintf("%d %s", a.Len(), a.Element) }

// Is says whether an array has n elements of one of these kinds.
func (a Array) Is(n int, kinds ...Element) bool {
	return slices.Contains(kinds, a.Element) && len(a.Data) == n*a.Element.Size()
}

// Unfit is the error of an array for a tensor of n elements in a layout that does not take it.
func (a Array) Unfit(l Layout, n int) error {
	return fmt.Errorf("host array of %v for %v of %d elements", a, l, n)
}

// ArrayOf is a []float32, []float64, []uint8, []int32 or []uint32 as an Array.
func ArrayOf(host any) (Array, error) {
	switch h := host.(type) {
	case []float32:
		return Array{Data: AsBytes(h), Element: Float32}, nil
	case []float64:
		return Array{Data: AsBytes(h), Element: Float64}, nil
	case []uint8:
		return Array{Data: h, Element: Uint8}, nil
	case []int32:
		return Array{Data: AsBytes(h), Element: Int32}, nil
	case []uint32:
		return Array{Data: AsBytes(h), Element: Uint32}, nil
	}
	return Array{}, fmt.Errorf("host array is a %T, want []float32, []float64, []uint8, []int32 or []uint32", host)
}

// Within is the array of n elements that begins so many bytes into host memory, and the same as a slice to fill. The
// offset is a multiple of the elements' size.
func Within[E float32 | int32 | uint32 | uint8](m HostMemory, offset int64, n int) ([]E, Array) {
	var e E
	bytes := m.Data()[offset : offset+int64(n)*int64(unsafe.Sizeof(e))]
	slice := unsafe.Slice((*E)(unsafe.Pointer(unsafe.SliceData(bytes))), n)
	a, err := ArrayOf(any(slice))
	if err != nil {
		panic("backend: " + err.Error()) // of a type that is listed above
	}
	a.Memory = m
	return slice, a
}

// AsBytes is a slice of numbers as memory.
func AsBytes[E any](s []E) []byte {
	var e E
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(e)))
}

// Transfer is an upload under way, one of a device's that are numbered from 1. The zero value is one that has ended.
type Transfer struct {
	On     Awaiter
	Number uint64
}

// Awaiter is a device that can be asked for the end of its uploads.
type Awaiter interface {
	// Await returns when the upload of a number does not read host memory any more; from any goroutine.
	Await(number uint64) error
}

// Wait returns when the host memory may be filled again, from any goroutine and any number of times. It does not wait
// for what the device does with the upload afterwards. Its error is that of a device that failed meanwhile, which does
// not read either.
func (t Transfer) Wait() error {
	if t.On == nil {
		return nil
	}
	return t.On.Await(t.Number)
}

// Write uploads an array that ArrayOf takes, by way of host memory that it allocates, and waits until the array may be
// reused. It is for what is not done every step.
func Write(d Device, dst Buffer, l Layout, host any) error {
	from, err := ArrayOf(host)
	if err != nil {
		return fmt.Errorf("%s: upload: %w", d.Name(), err)
	}
	m, err := d.AllocHost(int64(len(from.Data)))
	if err != nil {
		return err
	}
	copy(m.Data(), from.Data)
	t, err := d.Upload(dst, l, Array{Data: m.Data(), Element: from.Element, Memory: m})
	return errors.Join(err, t.Wait(), d.FreeHost(m))
}
