package layout

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"duet/dataloader/tree"
)

// Arrays are files of many images as plain pixels, each in a record of one size, under names that are known.
//
// CIFAR's binary versions have records of one label byte (CIFAR-10) or two, coarse and fine (CIFAR-100, of which the
// fine one is used), and 32x32 pixels, all red ones first, then green, then blue. Source:
// https://www.cs.toronto.edu/~kriz/cifar.html.
//
// IDX files, as MNIST and Fashion-MNIST come, have two zero bytes, a type, the number of dimensions, their sizes as
// big-endian uint32, then the elements: grey images in one file, their labels in another. Source:
// http://yann.lecun.com/exdb/mnist.
const (
	cifar10 = iota
	cifar100
	idx
	arrayKinds
)

type arrayName struct {
	pattern *regexp.Regexp
	kind    int
	form    int // bytes before the pixels of a record of CIFAR's, dimensions of IDX; 0 of the names of the classes
	val     bool
}

var arrayFiles = []arrayName{
	{regexp.MustCompile(`^data_batch_[0-9]+\.bin$`), cifar10, 1, false},
	{regexp.MustCompile(`^test_batch\.bin$`), cifar10, 1, true},
	{regexp.MustCompile(`^batches\.meta\.txt$`), cifar10, 0, false},
	{regexp.MustCompile(`^train\.bin$`), cifar100, 2, false},
	{regexp.MustCompile(`^test\.bin$`), cifar100, 2, true},
	{regexp.MustCompile(`^fine_label_names\.txt$`), cifar100, 0, false},
	{regexp.MustCompile(`^train-images[-.]idx3-ubyte(\.gz)?$`), idx, 3, false},
	{regexp.MustCompile(`^t10k-images[-.]idx3-ubyte(\.gz)?$`), idx, 3, true},
	{regexp.MustCompile(`^train-labels[-.]idx1-ubyte(\.gz)?$`), idx, 1, false},
	{regexp.MustCompile(`^t10k-labels[-.]idx1-ubyte(\.gz)?$`), idx, 1, true},
}

const (
	cifarSide     = 32
	cifarMaxFile  = 1 << 30
	maxClassNames = 1 << 16 // bytes
	idxUint8      = 8
	idxMaxSide    = 4096
	idxMaxItems   = 1 << 24
)

// An array is a file of images, or of labels alone.
type array struct {
	*tree.Entry
	val           bool
	labels        []byte // as the file says them
	head          []byte // what is before the first record
	skip, planes  int    // bytes of a record before its pixels; colours, which lie one after another
	width, height int
}

// arrays are what was seen of a kind.
type arrays struct {
	images, labels []*array // labels alone, of IDX
	names          []string
	bad            error // what is wrong with the first file that is damaged
}

// arrayFile is what a file is by its name; nil when it is no file of arrays.
func arrayFile(name string) *arrayName {
	at := slices.IndexFunc(arrayFiles, func(f arrayName) bool { return f.pattern.MatchString(path.Base(name)) })
	if at < 0 {
		return nil
	}
	return &arrayFiles[at]
}

// array reads from a file of arrays what there is to know. What is wrong with it is an error of the layout.
func (s *Survey) array(e *tree.Entry, r io.Reader) (err error) {
	f := arrayFile(e.Name)
	x, a := &s.arrays[f.kind], &array{Entry: e, val: f.val}
	name := strings.ReplaceAll(strings.TrimSuffix(path.Base(e.Name), ".gz"), ".", "-")
	first, twice := s.arrayNames[name]
	s.arrayNames[name] = e.Name
	switch {
	case f.form == 0:
		var text []byte
		text, err = io.ReadAll(io.LimitReader(r, maxClassNames))
		x.names = strings.Fields(string(text))
	case twice:
		err = fmt.Errorf("the same array as %s: keep one of them", first)
	case f.kind != idx:
		err = a.readCIFAR(f.form, r)
		x.images = append(x.images, a)
	case f.form == 1:
		err = a.readIDX(f.form, r, s.UnpackedLimit(e.Size))
		x.labels = append(x.labels, a)
	default:
		err = a.readIDX(f.form, r, s.UnpackedLimit(e.Size))
		x.images = append(x.images, a)
	}
	x.bad = cmp.Or(x.bad, under(e, err))
	return nil
}

// readCIFAR reads the labels of a file, each the last of so many bytes before the pixels.
func (a *array) readCIFAR(skip int, r io.Reader) error {
	a.skip, a.planes, a.width, a.height = skip, 3, cifarSide, cifarSide
	record := make([]byte, a.record())
	n := int64(len(record))
	if a.Size == 0 || a.Size%n != 0 || a.Size > cifarMaxFile {
		return fmt.Errorf("%d bytes: want a whole number of CIFAR's records of %d bytes, at most %d MiB of them", a.Size, n,
			cifarMaxFile>>20)
	}
	for k := range a.Size / n {
		if _, err := io.ReadFull(r, record); err != nil {
			return fmt.Errorf("record %d of %d: %w", k, a.Size/n, err)
		}
		a.labels = append(a.labels, record[skip-1])
	}
	return nil
}

// readIDX reads the header, bounds the sizes in it, and reads all labels.
func (a *array) readIDX(rank int, r io.Reader, limit int64) error {
	r, err := a.unzipped(r)
	if err != nil {
		return err
	}
	a.head = make([]byte, 4+4*rank)
	n, err := io.ReadFull(r, a.head)
	if want := []byte{0, 0, idxUint8, byte(rank)}; !bytes.Equal(a.head[:4], want) {
		return fmt.Errorf("IDX header %x: want %x, %d dimensions of bytes", a.head[:min(n, 4)], want, rank)
	}
	if err != nil {
		return fmt.Errorf("IDX header ends after %d bytes of %d", n, len(a.head))
	}
	var sizes [3]int
	claimed, most := int64(1), idxMaxItems
	for i := range rank {
		sizes[i] = int(binary.BigEndian.Uint32(a.head[4+4*i:]))
		if sizes[i] < 1 || sizes[i] > most {
			return fmt.Errorf("IDX header: size %d of %d is %d: want 1 to %d", i+1, rank, sizes[i], most)
		}
		claimed, most = claimed*int64(sizes[i]), idxMaxSide
	}
	if whole := int64(len(a.head)) + claimed; claimed > limit || path.Ext(a.Name) != ".gz" && whole != a.Size {
		return fmt.Errorf("header claims %d items, which is a file of %d bytes: it has %d, and may unpack to %d MiB",
			sizes[0], whole, a.Size, limit>>20)
	}
	if rank == 3 {
		a.labels = make([]byte, sizes[0]) // until those of the other file are known
		a.planes, a.height, a.width = 1, sizes[1], sizes[2]
		return nil
	}
	if a.labels, err = io.ReadAll(io.LimitReader(r, claimed+1)); err == nil && int64(len(a.labels)) != claimed {
		err = fmt.Errorf("header claims %d labels, but %d or more follow it", claimed, len(a.labels))
	}
	return err
}

// record is how many bytes an image takes.
func (a *array) record() int { return a.skip + a.planes*a.width*a.height }

// unzipped reads a file that is named .gz.
func (a *array) unzipped(r io.Reader) (io.Reader, error) {
	r = bufio.NewReader(r)
	if path.Ext(a.Name) != ".gz" {
		return r, nil
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("not a gzip file: %w", err)
	}
	return z, nil
}

// read reads all images.
func (a *array) read(r io.Reader, emit func(int, image.Image) error) error {
	r, err := a.unzipped(r)
	if err != nil {
		return err
	}
	head := make([]byte, len(a.head))
	if _, err := io.ReadFull(r, head); err != nil || !bytes.Equal(head, a.head) {
		return fmt.Errorf("has changed since it was listed: begins with %x instead of %x", head, a.head)
	}
	record := make([]byte, a.record())
	for k := range a.labels {
		if _, err := io.ReadFull(r, record); err != nil {
			return fmt.Errorf("image %d of %d: %w", k, len(a.labels), err)
		}
		if err := emit(k, a.image(record[a.skip:])); err != nil {
			return err
		}
	}
	if more, _ := io.ReadFull(r, record[:1]); more > 0 {
		return errors.New("more bytes follow the last image")
	}
	return nil
}

// image copies the pixels of a record.
func (a *array) image(data []byte) image.Image {
	bounds := image.Rect(0, 0, a.width, a.height)
	if a.planes == 1 {
		return &image.Gray{Pix: bytes.Clone(data), Stride: a.width, Rect: bounds}
	}
	m, n := image.NewRGBA(bounds), a.width*a.height
	for i := range n {
		p := m.Pix[4*i : 4*i+4]
		p[0], p[1], p[2], p[3] = data[i], data[n+i], data[2*n+i], 255
	}
	return m
}
