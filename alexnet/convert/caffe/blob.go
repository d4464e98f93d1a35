package caffe

import (
	"errors"
	"fmt"
	"strconv"

	"duet/engine/checkpoint"
	"duet/internal/wire"
)

// The fields of a BlobProto and a BlobShape.
const (
	blobNum, blobWidth            = 1, 4 // and channels and height between them
	blobData, blobShape, blobMore = 5, 7, 8
	shapeDims                     = 1
)

// meanFields are what a BlobProto may have: also diff 6 and double_diff 9.
var meanFields = wire.Kinds{1: {wire.Varint}, 2: {wire.Varint}, 3: {wire.Varint}, 4: {wire.Varint},
	blobData: {wire.Bytes, wire.Fixed32}, 6: {wire.Bytes, wire.Fixed32}, blobShape: {wire.Bytes},
	blobMore: {wire.Bytes, wire.Fixed64}, 9: {wire.Bytes, wire.Fixed64}}

// IsMean says whether a file that begins with head may be a mean. 4096 bytes suffice.
func IsMean(head []byte) bool {
	return meanFields.Fit(head, blobData, blobMore)
}

// ReadMean reads a mean image, [channels, height, width], as Caffe's compute_image_mean writes it. The error names the
// file and is one line.
func ReadMean(path string) (checkpoint.Tensor, error) {
	b, err := wire.ReadFile(path)
	if err != nil {
		return checkpoint.Tensor{}, fmt.Errorf("caffe: %w", err)
	}
	mean, err := readMean(wire.New(b))
	switch {
	case err == nil:
		return mean, nil
	case Is(b):
		err = errors.New("not a mean but a network: want the .binaryproto")
	default:
		err = orForeign(err, "a mean", b, IsMean(b))
	}
	return checkpoint.Tensor{}, fmt.Errorf("caffe: %s: %w", path, err)
}

func readMean(m wire.Message) (checkpoint.Tensor, error) {
	b, err := readFields(m)
	if err != nil {
		return checkpoint.Tensor{}, err
	}
	shape := trim(b.shape, 3)
	if len(shape) != 3 || len(b.data) == 0 {
		return checkpoint.Tensor{}, fmt.Errorf("a blob of shape %v, want [channels, height, width]", b.shape)
	}
	return checkpoint.Tensor{Name: "mean", Shape: shape, Data: b.data}, nil
}

// blob is an array: a BlobProto.
type blob struct {
	shape []int
	data  []float32 // as many as shape says
}

func readBlob(f wire.Field) (blob, error) {
	m, err := f.Message()
	if err != nil {
		return blob{}, err
	}
	return readFields(m)
}

// readFields takes the four dimensions of the older form where there is one of them, and numbers of double precision
// where there are some, as Caffe does.
func readFields(m wire.Message) (blob, error) {
	var old, dims []int64
	var floats, doubles []float32
	err := m.Each(func(f wire.Field) (err error) {
		switch {
		case blobNum <= f.Number && f.Number <= blobWidth:
			if old == nil {
				old = make([]int64, blobWidth-blobNum+1)
			}
			old[f.Number-blobNum], err = f.Int()
		case f.Number == blobShape:
			err = f.Each(func(f wire.Field) (err error) {
				if f.Number == shapeDims {
					dims, err = f.AppendInts(dims)
				}
				return err
			})
		case f.Number == blobData:
			floats, err = f.AppendFloats(floats)
		case f.Number == blobMore:
			doubles, err = f.AppendDoubles(doubles)
		}
		return err
	})
	if err != nil {
		return blob{}, err
	}
	if old != nil {
		dims = old
	}
	shape, count, err := wire.Shape(dims)
	if err != nil {
		return blob{}, err
	}
	data := floats
	if len(doubles) > 0 {
		data = doubles
	}
	if count != len(data) {
		return blob{}, fmt.Errorf("shape %v needs %d numbers, the file has %d", shape, count, len(data))
	}
	return blob{shape, data}, nil
}

// trim takes away leading dimensions of 1 until there are rank: the older form has always four.
func trim(shape []int, rank int) []int {
	for len(shape) > rank && shape[0] == 1 {
		shape = shape[1:]
	}
	return shape
}

// tensor is the blob as the i-th of a layer.
func (b blob) tensor(l *Layer, i int) (checkpoint.Tensor, error) {
	t := checkpoint.Tensor{Name: l.Name + "." + strconv.Itoa(i), Shape: b.shape, Data: b.data}
	rank, want := 4, "[out, in/group, height, width]"
	switch l.Type {
	case "InnerProduct":
		rank, want = 2, "[out, in]"
	case "Convolution", "Deconvolution":
	default:
		return t, nil
	}
	switch i {
	case 0:
		t.Name = l.Name + ".weight"
	case 1:
		t.Name, rank, want = l.Name+".bias", 1, "[out]"
	default:
		return t, fmt.Errorf("of a layer of type %s, which has two", l.Type)
	}
	if t.Shape = trim(b.shape, rank); len(t.Shape) != rank {
		return t, fmt.Errorf("%s of shape %v, want %s", wire.Quote(t.Name), b.shape, want)
	}
	return t, nil
}
