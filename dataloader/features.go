package dataloader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
)

// Features are Rows of real numbers, one for each view of each image: in memory, or in a file that has no name and ends
// with the process, so that no other one ever takes it for whole. What is read from the file is compared with a
// checksum.
//
// An image's numbers are in parts, such as those of two devices. In a batch all images' first parts come first.
type Features struct {
	parts  []int // numbers of an image in each
	width  int   // and in all
	views  int
	memory []byte
	file   *os.File
	sums   []uint32 // of the file's rows
}

// castagnoli is the CRC that processors compute.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// FeaturesBytes is what the features of a set take.
func FeaturesBytes(images, views int, parts []int) int64 {
	width := 0
	for _, n := range parts {
		width += n
	}
	return int64(images) * int64(views) * int64(width) * 4
}

// NewFeatures makes room for those of a set: in memory where path is "", else in a file there, whose name is taken away
// at once.
func NewFeatures(images, views int, parts []int, path string) (*Features, error) {
	f := &Features{parts: parts, views: views}
	for _, n := range parts {
		f.width += n
	}
	if path == "" {
		f.memory = make([]byte, FeaturesBytes(images, views, parts))
		return f, nil
	}
	var err error
	if f.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return nil, err
	}
	f.sums = make([]uint32, images*views)
	os.Remove(path) // or, on a system that keeps the names of open files, when it is closed
	return f, nil
}

// Bytes are those of an image.
func (f *Features) Bytes() int { return 4 * f.width }

// Parts are how many numbers of an image there are in each part.
func (f *Features) Parts() []int { return f.parts }

// Views are how many of each image there are.
func (f *Features) Views() int { return f.views }

// Put keeps the numbers of a view of an image, all parts of them.
func (f *Features) Put(image, view int, row []float32) error {
	at := image*f.views + view
	if f.memory != nil {
		encode(f.memory[at*f.Bytes():(at+1)*f.Bytes()], row)
		return nil
	}
	b := make([]byte, f.Bytes())
	encode(b, row)
	f.sums[at] = crc32.Checksum(b, castagnoli)
	_, err := f.file.WriteAt(b, int64(at)*int64(f.Bytes()))
	return err
}

// encode writes numbers as they lie in memory.
func encode(to []byte, from []float32) {
	for i, x := range from {
		binary.NativeEndian.PutUint32(to[4*i:], math.Float32bits(x))
	}
}

// Fill puts the numbers of image i of a batch into it. It may be called from several goroutines.
func (f *Features) Fill(b *Batch, i int) error {
	at := int(b.Index[i])*f.views + b.View
	first, before, sum := int64(at)*int64(f.Bytes()), 0, uint32(0)
	for _, n := range f.parts {
		part, from := b.Images[4*(before*len(b.Index)+i*n):][:4*n], first+int64(4*before)
		before += n
		if f.file == nil {
			copy(part, f.memory[from:])
			continue
		}
		if _, err := f.file.ReadAt(part, from); err != nil {
			return fmt.Errorf("features of image %d: %w", b.Index[i], err)
		}
		sum = crc32.Update(sum, castagnoli, part)
	}
	if f.file != nil && sum != f.sums[at] {
		return fmt.Errorf("features of image %d are read otherwise than they were written to %s", b.Index[i], f.file.Name())
	}
	return nil
}

// Close gives the room back.
func (f *Features) Close() error {
	f.memory = nil
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	if gone := os.Remove(f.file.Name()); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
