package packed

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
)

// ErrNoSplit is the error of a packed set that lacks the split asked for.
var ErrNoSplit = errors.New("no such split")

// A Set is one split of a packed set. It is safe for concurrent use until Close.
type Set struct {
	Index   Index
	dir     string
	split   string
	classes []Class
	labels  []int32
	mean    []float32
	shards  []shard
	starts  []int // the first image of each shard
}

// A shard is images in memory: mapped, or loaded.
type shard struct {
	path    string
	crc     uint32 // of the whole file
	first   int    // image
	images  int
	offsets []int64 // of JPEG files: where each begins in data, and where the last one ends; nil for pixels
	data    []byte
	start   int64 // of data in its file
	mapped  bool  // from a file
	jumps   bool  // its images are so large that the system is told which ones will be needed
	release func() error
}

// Open opens split Train or Val of the packed set in dir, and checks that its files agree with each other: types,
// shapes, sizes, every label, and the checksums of the files that it reads. It maps the images without reading them;
// see Load and Verify. A split that the set was prepared without is an ErrNoSplit.
func Open(dir, split string) (*Set, error) {
	if split != Train && split != Val {
		return nil, fmt.Errorf(`split %q of %s: want %q or %q`, split, dir, Train, Val)
	}
	x, err := ReadIndex(dir)
	if err != nil {
		return nil, err
	}
	counts, ok := x.Splits[split]
	if !ok {
		return nil, fmt.Errorf("split %s of %s: %w: prepare it again with a validation fraction, such as 0.1", split, dir,
			ErrNoSplit)
	}
	s := &Set{Index: x, dir: dir, split: split}
	if s.classes, err = readClasses(x.recorded(dir, ClassesFile), x.Classes); err != nil {
		return nil, err
	}
	if s.labels, err = readLabels(s.recorded(labelsFile), counts.Images, x.Classes); err != nil {
		return nil, err
	}
	if s.mean, err = readMean(x.recorded(dir, MeanFile), x.Height, x.Width); err != nil {
		return nil, err
	}
	first := 0
	for n, images := range counts.Shards {
		h, err := openShard(dir, x, x.ShardFiles(split, n), images)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		h.first = first
		s.shards, s.starts = append(s.shards, h), append(s.starts, first)
		first += images
	}
	return s, nil
}

// recorded is a file of the split.
func (s *Set) recorded(name string) recorded { return s.Index.recorded(s.dir, s.split+"/"+name) }

// jumpBytes is the size of an image from which on it is worth telling the system that it will be needed. Smaller ones
// come with what the system reads around others.
const jumpBytes = 16 << 10

// openShard maps a shard of so many images.
func openShard(dir string, x Index, files []string, images int) (shard, error) {
	file := x.recorded(dir, files[0])
	h := shard{path: file.path, crc: file.crc, images: images, mapped: true}
	rank := 4
	if x.Codec == JPEG {
		rank = 1
	}
	f, header, err := openNpy(h.path, npyUint8, rank)
	if err != nil {
		return h, err
	}
	defer f.Close() // the mapping stays
	if want := []int{images, x.Height, x.Width, 3}; x.Codec == Raw && !slices.Equal(header.shape, want) {
		return h, fmt.Errorf("%s: shape %v: want %v as in %s", h.path, header.shape, want, IndexFile)
	}
	if x.Codec == JPEG {
		if h.offsets, err = readOffsets(x.recorded(dir, files[1]), images, header.size); err != nil {
			return h, err
		}
	}
	h.jumps = header.size/int64(images) >= jumpBytes
	data, unmap, err := mapFile(f.File, header.start+header.size, h.jumps)
	if err != nil {
		return h, err
	}
	h.data, h.start, h.release = data[header.start:], header.start, unmap
	return h, nil
}

// Close releases the memory; no image may be used afterwards. Close the loaders first.
func (s *Set) Close() error {
	var errs []error
	for i := range s.shards {
		errs = append(errs, s.shards[i].close())
	}
	return errors.Join(errs...)
}

func (h *shard) close() error {
	if h.release == nil {
		return nil
	}
	release := h.release
	h.release, h.data = nil, nil
	return release()
}

// Len is the number of images.
func (s *Set) Len() int { return len(s.labels) }

// Height is the height of the packed images in pixels.
func (s *Set) Height() int { return s.Index.Height }

// Width is the width of the packed images in pixels.
func (s *Set) Width() int { return s.Index.Width }

// Dir is the folder of the whole set.
func (s *Set) Dir() string { return s.dir }

// Classes are what the labels stand for.
func (s *Set) Classes() []Class { return s.classes }

// ClassIDs are the classes' IDs by label.
func (s *Set) ClassIDs() []string {
	ids := make([]string, len(s.classes))
	for i, c := range s.classes {
		ids[i] = c.ID
	}
	return ids
}

// Labels are the labels by image, each within the classes. Not to be changed.
func (s *Set) Labels() []int32 { return s.labels }

// shard is the shard of image i.
func (s *Set) shard(i int) *shard {
	at, _ := slices.BinarySearch(s.starts, i+1)
	return &s.shards[at-1]
}

// Stored is image i as the set holds it: pixels [H,W,3], RGB, or a JPEG file. Not to be changed, nor used after Close.
// Where it is mapped, reading it ends the process when its file is cut meanwhile; AppendStored gives an error.
func (s *Set) Stored(i int) []byte {
	h := s.shard(i)
	i -= h.first
	if h.offsets == nil {
		size := s.Index.Pixels()
		return h.data[i*size : (i+1)*size : (i+1)*size]
	}
	return h.data[h.offsets[i]:h.offsets[i+1]:h.offsets[i+1]]
}

// AppendStored appends image i, as the set holds it, to dst. It fails when the image's file can no longer be read.
func (s *Set) AppendStored(dst []byte, i int) ([]byte, error) {
	err := s.shard(i).touch(func() { dst = append(dst, s.Stored(i)...) })
	return dst, err
}

// Bytes is the size of all stored images.
func (s *Set) Bytes() int64 {
	total := int64(0)
	for _, h := range s.shards {
		total += int64(len(h.data))
	}
	return total
}

// WillNeed asks the system to read image i from disk in the background.
func (s *Set) WillNeed(i int) {
	if h := s.shard(i); h.mapped && h.jumps {
		willNeed(s.Stored(i))
	}
}

// ChannelMean is the mean R, G and B of the training split, 0 to 255.
func (s *Set) ChannelMean() [3]float32 { return s.Index.ChannelMean }

// MeanImage is the mean of the training split: [3,H,W], 0 to 255. Not to be changed.
func (s *Set) MeanImage() []float32 { return s.mean }

// ColorEigen are the principal colours of the training split's pixels: row k is the k-th unit vector over R, G, B,
// that of the largest spread first.
func (s *Set) ColorEigen() [3][3]float32 { return s.Index.ColorEigen }

// ColorStd are the standard deviations along ColorEigen, the square roots of the eigenvalues, on the scale 0 to 255.
func (s *Set) ColorStd() [3]float32 { return s.Index.ColorStd }

// Identity tells whether two sets hold the same images with the same labels, however they are sharded: a checkpoint
// keeps it.
func (s *Set) Identity() string {
	sums := s.Index.Checksums
	return fmt.Sprintf("%s:%dx%dx%d:%s:%08x-%08x-%08x", s.split, s.Len(), s.Height(), s.Width(), s.Index.Codec,
		s.Index.Splits[s.split].Content, sums[s.split+"/"+labelsFile], sums[ClassesFile])
}

// Files are the names that the images had in their source, by image.
func (s *Set) Files() ([]string, error) {
	r := s.recorded(filesFile)
	f, err := openSummed(r.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.path, err)
	}
	if len(rows) != s.Len()+1 {
		return nil, fmt.Errorf("%s: %d rows: want a header and one for each of %d images", r.path, len(rows), s.Len())
	}
	names := make([]string, s.Len())
	for i, row := range rows[1:] {
		names[i] = row[0]
	}
	return names, r.same(f.crc)
}

// Flags are what was special about the images' files, bits of picture.Flags, by image.
func (s *Set) Flags() ([]uint8, error) {
	return readArray[uint8](s.recorded(flagsFile), npyUint8, s.Len(), nil)
}
