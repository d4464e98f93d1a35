package packed

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
)

func readClasses(path string, want int) ([]Class, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(lines) != want {
		return nil, fmt.Errorf("%s: %d lines: want one for each of %d classes", path, len(lines), want)
	}
	classes := make([]Class, want)
	for i, line := range lines {
		classes[i].ID, classes[i].Name, _ = strings.Cut(line, "\t")
	}
	return classes, nil
}

// readArray reads an array of one dimension.
func readArray[E any](path, dtype string, want int) ([]E, error) {
	f, h, err := openNpy(path, dtype, 1)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if h.shape[0] != want {
		return nil, fmt.Errorf("%s: %d elements: want %d as in %s", path, h.shape[0], want, IndexFile)
	}
	values := make([]E, want)
	if err := binary.Read(f, binary.LittleEndian, values); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}

func readLabels(path string, want, classes int) ([]int32, error) {
	labels, err := readArray[int32](path, npyInt32, want)
	if err != nil {
		return nil, err
	}
	for i, l := range labels {
		if l < 0 || int(l) >= classes {
			return nil, fmt.Errorf("%s: label %d of image %d: want 0 to %d, as %s has %d classes", path, l, i, classes-1, IndexFile, classes)
		}
	}
	return labels, nil
}

// readOffsets reads where the images of a shard of size bytes lie.
func readOffsets(path string, images int, size int64) ([]int64, error) {
	offsets, err := readArray[int64](path, npyInt64, images+1)
	if err != nil {
		return nil, err
	}
	if offsets[0] != 0 || offsets[images] != size || !slices.IsSorted(offsets) {
		return nil, fmt.Errorf("%s: offsets from %d to %d: want them to rise from 0 to %d, the size of the shard", path, offsets[0], offsets[images], size)
	}
	return offsets, nil
}

func readMean(path string, height, width int) ([]float32, error) {
	f, h, err := openNpy(path, npyFloat32, 3)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if want := []int{3, height, width}; !slices.Equal(h.shape, want) {
		return nil, fmt.Errorf("%s: shape %v: want %v as in %s", path, h.shape, want, IndexFile)
	}
	mean := make([]float32, 3*height*width)
	if err := binary.Read(f, binary.LittleEndian, mean); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i, v := range mean {
		if !(v >= 0 && v <= 255) {
			return nil, fmt.Errorf("%s: element %d is %v: want 0 to 255", path, i, v)
		}
	}
	return mean, nil
}
