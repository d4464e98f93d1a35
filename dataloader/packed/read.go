package packed

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
)

func readClasses(r recorded, want int) ([]Class, error) {
	f, err := openSummed(r.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(lines) != want {
		return nil, fmt.Errorf("%s: %d lines: want one for each of %d classes", r.path, len(lines), want)
	}
	classes := make([]Class, want)
	for i, line := range lines {
		classes[i].ID, classes[i].Name, _ = strings.Cut(line, "\t")
	}
	return classes, r.same(f.crc)
}

// readArray reads an array of one dimension. valid, if any, checks its values: it says more of a value that cannot be
// than the checksum does.
func readArray[E any](r recorded, dtype string, want int, valid func([]E) error) ([]E, error) {
	f, h, err := openNpy(r.path, dtype, 1)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if h.shape[0] != want {
		return nil, fmt.Errorf("%s: %d elements: want %d as in %s", r.path, h.shape[0], want, IndexFile)
	}
	values := make([]E, want)
	err = binary.Read(f, binary.LittleEndian, values)
	if err == nil && valid != nil {
		err = valid(values)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.path, err)
	}
	return values, r.same(f.crc)
}

func readLabels(r recorded, want, classes int) ([]int32, error) {
	return readArray(r, npyInt32, want, func(labels []int32) error {
		for i, l := range labels {
			if l < 0 || int(l) >= classes {
				return fmt.Errorf("label %d of image %d: want 0 to %d, as %s has %d classes", l, i, classes-1, IndexFile, classes)
			}
		}
		return nil
	})
}

// readOffsets reads where the images of a shard of size bytes lie.
func readOffsets(r recorded, images int, size int64) ([]int64, error) {
	return readArray(r, npyInt64, images+1, func(offsets []int64) error {
		if offsets[0] != 0 || offsets[images] != size || !slices.IsSorted(offsets) {
			return fmt.Errorf("offsets from %d to %d: want them to rise from 0 to %d, the size of the shard", offsets[0],
				offsets[images], size)
		}
		return nil
	})
}

func readMean(r recorded, height, width int) ([]float32, error) {
	f, h, err := openNpy(r.path, npyFloat32, 3)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if want := []int{3, height, width}; !slices.Equal(h.shape, want) {
		return nil, fmt.Errorf("%s: shape %v: want %v as in %s", r.path, h.shape, want, IndexFile)
	}
	mean := make([]float32, 3*height*width)
	if err := binary.Read(f, binary.LittleEndian, mean); err != nil {
		return nil, fmt.Errorf("%s: %w", r.path, err)
	}
	for i, v := range mean {
		if !(v >= 0 && v <= 255) {
			return nil, fmt.Errorf("%s: element %d is %v: want 0 to 255", r.path, i, v)
		}
	}
	return mean, r.same(f.crc)
}
