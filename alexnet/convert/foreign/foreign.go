// Package foreign is what the readers of other programs' files have in common: the file, its archive, and how much
// memory it may ask for.
//
// A file may give at most ElementsPerByte numbers for each of its bytes, all arrays together. Real weights give one
// for one to eight bytes; more come of arrays that share their elements, or are compressed.
package foreign

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"duet/alexnet/convert/element"
)

// ElementsPerByte are the numbers that a file may give for each of its bytes, each four bytes long in memory.
const ElementsPerByte = 4

// File is a file that is read.
type File struct {
	*os.File
	Size int64 // at least 1
	left int64 // numbers that it may still give
}

// Open opens a regular file. Its errors name it.
func Open(path string) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := in.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s: %v, want a file", path, info.Mode())
	case info.Size() == 0:
		err = fmt.Errorf("%s: empty, want a file of weights", path)
	}
	if err != nil {
		in.Close()
		return nil, err
	}
	return &File{in, info.Size(), ElementsPerByte * info.Size()}, nil
}

// Head are the file's first bytes, at most n.
func (f *File) Head(n int64) ([]byte, error) {
	head := make([]byte, min(n, f.Size))
	_, err := f.ReadAt(head, 0)
	return head, err
}

// Bytes that an array takes beside its numbers and its name: its description, and for each dimension its size and,
// while it is read, its stride.
const (
	arrayBytes     = 64
	dimensionBytes = 24
)

// Take accounts for one more array and gives its shape and the number of its elements. Another array of the same
// elements is accounted for again.
func (f *File) Take(name string, shape []int64) ([]int, int, error) {
	limit := ElementsPerByte * f.Size
	count, err := element.Count(shape, max(limit, 1<<20))
	if err != nil {
		return nil, 0, err
	}
	if err := f.Spend(count + int64(arrayBytes+dimensionBytes*len(shape)+len(name))/4); err != nil {
		return nil, 0, fmt.Errorf("shape %v: %w", shape, err)
	}
	out := make([]int, len(shape))
	for i, n := range shape {
		out[i] = int(n)
	}
	return out, int(count), nil
}

// Spend accounts for memory that as many numbers would take.
func (f *File) Spend(numbers int64) error {
	if numbers > f.left {
		return fmt.Errorf("too much, want at most %d numbers in all arrays of a file of %d bytes",
			ElementsPerByte*f.Size, f.Size)
	}
	f.left -= numbers
	return nil
}

// marks are what the first bytes of files say that are taken for weights by mistake.
var marks = []struct{ begins, what string }{
	{"PK", "a zip archive"},
	{"\x93NUMPY", "a NumPy array"},
	{"\x80", "a Python pickle"},
	{"\x89HDF\r\n\x1a\n", "an HDF5 file"},
	{"version https://git-lfs.github.com/", "a pointer of git-lfs in the place of the file"},
	{"\x1f\x8b", "a gzip file"},
	{"<", "a web page or XML"},
}

// ErrUnknown is in the errors of NotThis.
var ErrUnknown = errors.New("unknown format")

// NotThis is the error for a file that does not begin as the wanted ones do.
func NotThis(head []byte, want string) error {
	i := slices.IndexFunc(marks, func(m struct{ begins, what string }) bool {
		return len(head) >= len(m.begins) && string(head[:len(m.begins)]) == m.begins
	})
	if i >= 0 {
		return fmt.Errorf("%s, want %s: %w", marks[i].what, want, ErrUnknown)
	}
	return fmt.Errorf("begins with %q, want %s: %w", head[:min(len(head), 8)], want, ErrUnknown)
}
