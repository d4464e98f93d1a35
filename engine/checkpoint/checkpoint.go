// Package checkpoint keeps a training run on disk as safetensors files: weights, momentum, and what is needed to
// resume.
//
// A checkpoint is an ordinary safetensors file (https://huggingface.co/docs/safetensors), readable from Python without
// duet:
//
//	8 bytes     n, length of the header, little endian; a multiple of 8
//	n bytes     JSON: "__metadata__" (string to string), then per tensor dtype, shape, data_offsets; padded with spaces
//	the rest    the tensors, float32, little endian, row-major, in the order of their names, without gaps
//
// What duet adds lives in __metadata__ under keys that begin with "duet." (see meta.go), among them two checksums,
// CRC-32C in eight hexadecimal digits: one of the data, and one of the first 8+n bytes with its own digits read as
// zeros. Together they cover every byte of the file, and the header can be trusted without reading the data.
//
// Files are replaced, never changed: a new one is written beside the old, synced, and renamed over it. A process killed
// at any moment, or a full disk, leaves the former file.
package checkpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Format is the version of duet's conventions that Save writes. Load reads this version and older ones.
const Format = 1

// Errors that callers tell apart with errors.Is. Every error that carries one also names the file and the numbers.
var (
	// cut short, a flipped byte, a header that contradicts itself
	ErrDamaged = errors.New("damaged file")
	ErrNewer   = errors.New("made by a newer version of duet") // Meta.Format is larger than Format
	// safetensors without duet's metadata, see LoadTensors, or another kind of file
	ErrForeign = errors.New("not a checkpoint of duet")
	ErrDtype   = errors.New("element type that duet cannot read") // see LoadTensors for those that it can
	ErrNetwork = errors.New("checkpoint of another network")      // names or shapes differ; see CheckShapes
	ErrNone    = errors.New("no checkpoint")                      // a Store that has none yet
)

// Tensor is a named array in row-major order. len(Data) is the product of Shape; an empty Shape is one number.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// File is the content of a checkpoint. Load returns the tensors in the order of their names.
type File struct {
	Meta    Meta
	Tensors []Tensor
}

// Tensor finds a tensor by name. The result shares memory with the file; ok is false if there is none.
func (f *File) Tensor(name string) (t Tensor, ok bool) {
	i := slices.IndexFunc(f.Tensors, func(t Tensor) bool { return t.Name == name })
	if i < 0 {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}

// shownDifferences is how many tensors of each kind of difference an error of CheckShapes lists.
const shownDifferences = 3

// CheckShapes compares the file's tensors with the names and shapes that a network has. The error, an ErrNetwork, lists
// the first differences in the order of the names: tensors that are missing, unexpected, or of another shape.
func (f *File) CheckShapes(want map[string][]int) error {
	var missing, unexpected, other []string
	got := make(map[string][]int, len(f.Tensors))
	for _, t := range f.Tensors {
		got[t.Name] = t.Shape
		switch shape, ok := want[t.Name]; {
		case !ok:
			unexpected = append(unexpected, fmt.Sprintf("%s %v", printable(t.Name), t.Shape))
		case !slices.Equal(shape, t.Shape):
			other = append(other, fmt.Sprintf("%s %v instead of %v", printable(t.Name), t.Shape, shape))
		}
	}
	for name, shape := range want {
		if _, ok := got[name]; !ok {
			missing = append(missing, fmt.Sprintf("%s %v", printable(name), shape))
		}
	}
	var parts []string
	for _, kind := range []struct {
		what string
		list []string
	}{{"missing", missing}, {"unexpected", unexpected}, {"of another shape", other}} {
		if len(kind.list) == 0 {
			continue
		}
		slices.Sort(kind.list)
		shown := kind.list[:min(shownDifferences, len(kind.list))]
		part := fmt.Sprintf("%d %s: %s", len(kind.list), kind.what, strings.Join(shown, ", "))
		if len(shown) < len(kind.list) {
			part += ", ..."
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", strings.Join(parts, "; "), ErrNetwork)
}

// printable is a name as an error message shows it: quoted only where it would not fit in one line.
func printable(name string) string {
	if q := fmt.Sprintf("%q", name); len(q) != len(name)+2 || strings.ContainsAny(name, " ,;") || name == "" {
		return q
	}
	return name
}
