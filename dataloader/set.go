package dataloader

import (
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNoSplit is the error of a packed set that lacks the split asked for.
var ErrNoSplit = errors.New("no such split")

// A Set is one split of a packed set, its images memory-mapped. It is safe for concurrent use until Close.
type Set struct {
	dir, split string
	info       setInfo
	classes    []string
	labels     []int32
	mean       []float32
	images     []byte // [N*H*W*3]
	unmap      func() error
}

// Open opens split "train" or "val" of the packed set in dir, and checks that its files agree with each other: types,
// shapes, sizes, and every label. It does not read the images; see Verify. A split that the set was prepared without is
// an ErrNoSplit.
func Open(dir, split string) (*Set, error) {
	if split != "train" && split != "val" {
		return nil, fmt.Errorf(`split %q of %s: want "train" or "val"`, split, dir)
	}
	info, err := readSetInfo(dir)
	if err != nil {
		return nil, err
	}
	counts, ok := info.Splits[split]
	if !ok {
		return nil, fmt.Errorf("split %s of %s: %w: prepare it again with a validation fraction, such as 0.1", split, dir, ErrNoSplit)
	}
	s := &Set{dir: dir, split: split, info: info}
	if s.classes, err = readClasses(filepath.Join(dir, classesFile), info.Classes); err != nil {
		return nil, err
	}
	if s.labels, err = readLabels(s.path(labelsFile), counts.Images, info.Classes); err != nil {
		return nil, err
	}
	if s.mean, err = readMean(filepath.Join(dir, meanFile), info.Height, info.Width); err != nil {
		return nil, err
	}
	f, h, err := openNpy(s.path(imagesFile), npyUint8, 4)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the mapping stays
	if want := []int{counts.Images, info.Height, info.Width, 3}; !slices.Equal(h.shape, want) {
		return nil, fmt.Errorf("%s: shape %v: want %v as in %s", f.Name(), h.shape, want, setFile)
	}
	size, err := h.bytes()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	data, unmap, err := mapFile(f, h.start+size)
	if err != nil {
		return nil, err
	}
	s.images, s.unmap = data[h.start:], unmap
	return s, nil
}

func (s *Set) path(name string) string { return filepath.Join(s.dir, s.split, name) }

// Close releases the mapping; no image may be used afterwards. Close the loaders first.
func (s *Set) Close() error {
	if s.unmap == nil {
		return nil
	}
	unmap := s.unmap
	s.unmap, s.images = nil, nil
	return unmap()
}

// Len is the number of images.
func (s *Set) Len() int { return len(s.labels) }

// Height is the height of the packed images in pixels.
func (s *Set) Height() int { return s.info.Height }

// Width is the width of the packed images in pixels.
func (s *Set) Width() int { return s.info.Width }

// Classes are the class names by label.
func (s *Set) Classes() []string { return s.classes }

// Labels are the labels by image, each within the classes. Not to be changed.
func (s *Set) Labels() []int32 { return s.labels }

// Image is image i: [H,W,3], RGB. Not to be changed, nor used after Close.
func (s *Set) Image(i int) []byte {
	size := s.info.Height * s.info.Width * 3
	return s.images[i*size : (i+1)*size : (i+1)*size]
}

// ChannelMean is the mean R, G and B of the training split, 0 to 255.
func (s *Set) ChannelMean() [3]float32 { return s.info.ChannelMean }

// MeanImage is the mean of the training split: [3,H,W], 0 to 255. Not to be changed.
func (s *Set) MeanImage() []float32 { return s.mean }

// ColorEigen are the principal colours of the training split's pixels: row k is the k-th unit vector over R, G, B,
// that of the largest spread first.
func (s *Set) ColorEigen() [3][3]float32 { return s.info.ColorEigen }

// ColorStd are the standard deviations along ColorEigen, the square roots of the eigenvalues, on the scale 0 to 255.
func (s *Set) ColorStd() [3]float32 { return s.info.ColorStd }

// Identity tells whether two sets hold the same images with the same labels: a checkpoint keeps it.
func (s *Set) Identity() string {
	sums := s.info.Checksums
	return fmt.Sprintf("%s:%dx%dx%d:%08x-%08x-%08x", s.split, s.Len(), s.info.Height, s.info.Width,
		sums[s.split+"/"+imagesFile], sums[s.split+"/"+labelsFile], sums[classesFile])
}

// Files are the names that the images had in their source, by image.
func (s *Set) Files() ([]string, error) {
	f, err := os.Open(s.path(filesFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if len(rows) != s.Len()+1 {
		return nil, fmt.Errorf("%s: %d rows: want a header and one for each of %s", f.Name(), len(rows), plural(s.Len(), "image"))
	}
	names := make([]string, s.Len())
	for i, row := range rows[1:] {
		names[i] = row[0]
	}
	return names, nil
}

// Verify reads every file of the set and compares its checksum.
func (s *Set) Verify() error {
	for _, name := range slices.Sorted(maps.Keys(s.info.Checksums)) {
		got, err := checksum(filepath.Join(s.dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if want := s.info.Checksums[name]; got != want {
			return fmt.Errorf("%s: CRC32C %08x: want %08x as in %s: the file is damaged", filepath.Join(s.dir, name), got, want, setFile)
		}
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the CRC32C of a file.
func checksum(path string) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	sum := crc32.New(castagnoli)
	if _, err := io.CopyBuffer(sum, f, make([]byte, 1<<20)); err != nil {
		return 0, err
	}
	return sum.Sum32(), nil
}

func readClasses(path string, want int) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	classes := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(classes) != want {
		return nil, fmt.Errorf("%s: %d lines: want one for each of %d classes", path, len(classes), want)
	}
	return classes, nil
}

func readLabels(path string, want, classes int) ([]int32, error) {
	f, h, err := openNpy(path, npyInt32, 1)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if h.shape[0] != want {
		return nil, fmt.Errorf("%s: %d labels: want %d as in %s", path, h.shape[0], want, setFile)
	}
	labels := make([]int32, want)
	if err := binary.Read(f, binary.LittleEndian, labels); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i, l := range labels {
		if l < 0 || int(l) >= classes {
			return nil, fmt.Errorf("%s: label %d of image %d: want 0 to %d, as %s has %d classes", path, l, i, classes-1, setFile, classes)
		}
	}
	return labels, nil
}

func readMean(path string, height, width int) ([]float32, error) {
	f, h, err := openNpy(path, npyFloat32, 3)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if want := []int{3, height, width}; !slices.Equal(h.shape, want) {
		return nil, fmt.Errorf("%s: shape %v: want %v as in %s", path, h.shape, want, setFile)
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
