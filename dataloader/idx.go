package dataloader

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"image"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
)

// IDX files, as MNIST and Fashion-MNIST come: two zero bytes, a type, the number of dimensions, their sizes as
// big-endian uint32, then the elements. Source: http://yann.lecun.com/exdb/mnist.
const (
	idxUint8    = 8
	idxMaxSide  = maxSide
	idxMaxItems = 1 << 28
)

// idxName finds split and content in names such as train-images-idx3-ubyte.gz and t10k-labels.idx1-ubyte.
var idxName = regexp.MustCompile(`^(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(\.gz)?$`)

type idx struct {
	splits [2]idxSplit // train, val
	class  [256]int32  // label in the file -> label
	any    bool
}

type idxSplit struct {
	images        string // path
	count         int
	height, width int
	labelsPath    string
	labels        []byte
	first         int // item
}

func newIDX() *idx { return &idx{} }

func (x *idx) look(e entry, r io.Reader) error {
	match := idxName.FindStringSubmatch(path.Base(e.path))
	if match == nil || e.dir {
		return nil
	}
	x.any = true
	r, err := idxReader(e, r)
	if err != nil {
		return err
	}
	split := &x.splits[0]
	if match[1] != trainName {
		split = &x.splits[1]
	}
	if match[2] == "images" {
		if split.images != "" {
			return fmt.Errorf("the same array as %s: keep one of them", split.images)
		}
		dims, err := readIDXHeader(r, 3)
		if err != nil {
			return err
		}
		split.images, split.count, split.height, split.width = e.path, dims[0], dims[1], dims[2]
		return nil
	}
	if split.labelsPath != "" {
		return fmt.Errorf("the same array as %s: keep one of them", split.labelsPath)
	}
	dims, err := readIDXHeader(r, 1)
	if err != nil {
		return err
	}
	split.labelsPath = e.path
	if split.labels, err = io.ReadAll(io.LimitReader(r, int64(dims[0])+1)); err != nil {
		return err
	}
	if len(split.labels) != dims[0] {
		return fmt.Errorf("header claims %d labels, but %s", dims[0], idxLength(len(split.labels), dims[0]))
	}
	return nil
}

func idxLength(got, want int) string {
	if got > want {
		return "more follow it"
	}
	return fmt.Sprintf("%d follow it", got)
}

// idxReader unzips a file that is named .gz.
func idxReader(e entry, r io.Reader) (io.Reader, error) {
	if path.Ext(e.path) != ".gz" {
		return bufio.NewReader(r), nil
	}
	z, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return nil, fmt.Errorf("not a gzip file: %w", err)
	}
	return z, nil
}

// readIDXHeader reads the header of an array of bytes with the given number of dimensions, and bounds its sizes.
func readIDXHeader(r io.Reader, rank int) ([]int, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("not an IDX file: shorter than 4 bytes")
	}
	if head[0] != 0 || head[1] != 0 || head[2] != idxUint8 || int(head[3]) != rank {
		return nil, fmt.Errorf("IDX header %x: want %x, %d dimensions of bytes", head, [4]byte{0, 0, idxUint8, byte(rank)}, rank)
	}
	dims := make([]int, rank)
	for i := range dims {
		var b [4]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return nil, fmt.Errorf("IDX header ends before size %d of %d", i+1, rank)
		}
		limit := uint32(idxMaxItems)
		if i > 0 {
			limit = idxMaxSide
		}
		n := binary.BigEndian.Uint32(b[:])
		if n < 1 || n > limit {
			return nil, fmt.Errorf("IDX header: size %d of %d is %d: want 1 to %d", i+1, rank, n, limit)
		}
		dims[i] = int(n)
	}
	return dims, nil
}

func (x *idx) listing() (*listing, error) {
	if !x.any {
		return nil, nil
	}
	train, val := &x.splits[0], &x.splits[1]
	if train.images == "" {
		return nil, fmt.Errorf("IDX files without train-images-idx3-ubyte")
	}
	for i, s := range x.splits {
		name := [2]string{"train", "t10k"}[i]
		if (s.images == "") != (s.labelsPath == "") {
			return nil, fmt.Errorf("IDX files of %s: want both %s-images-idx3-ubyte and %s-labels-idx1-ubyte", name, name, name)
		}
		if s.count != len(s.labels) {
			return nil, fmt.Errorf("%s has %d images, but %s has %d labels", s.images, s.count, s.labelsPath, len(s.labels))
		}
	}
	l := &listing{kind: "IDX"}
	present := slices.Clone(train.labels)
	slices.Sort(present)
	for i, label := range slices.Compact(present) { // the classes are the labels that are there
		x.class[label] = int32(i) + 1
		l.classes = append(l.classes, strconv.Itoa(int(label)))
	}
	for i := range x.splits {
		s := &x.splits[i]
		s.first = len(l.items)
		for k, label := range s.labels {
			if x.class[label] == 0 {
				return nil, fmt.Errorf("%s: label %d of image %d is not in %s", val.labelsPath, label, k, train.labelsPath)
			}
			l.items = append(l.items, item{val: i == 1, label: x.class[label] - 1, name: fmt.Sprintf("%s#%d", s.images, k),
				width: s.width, height: s.height})
		}
	}
	return l, nil
}

func (x *idx) read(e entry, r io.Reader, emit emitFunc) error {
	at := slices.IndexFunc(x.splits[:], func(s idxSplit) bool { return s.images == e.path })
	if at < 0 {
		return nil
	}
	r, err := idxReader(e, r)
	if err != nil {
		return err
	}
	dims, err := readIDXHeader(r, 3)
	if err != nil {
		return err
	}
	s := x.splits[at]
	for i := range min(dims[0], s.count) {
		// The image's own size goes before its pixels: the two splits need not agree.
		data := make([]byte, 4+dims[1]*dims[2])
		binary.LittleEndian.PutUint16(data, uint16(dims[1]))
		binary.LittleEndian.PutUint16(data[2:], uint16(dims[2]))
		if _, err := io.ReadFull(r, data[4:]); err != nil {
			return fmt.Errorf("header claims %d images of %dx%d, but the file ends within image %d", dims[0], dims[1], dims[2], i)
		}
		if err := emit(s.first+i, data, nil); err != nil {
			return err
		}
	}
	if n, _ := io.ReadFull(r, make([]byte, 1)); n > 0 {
		return fmt.Errorf("header claims %d images of %dx%d, but more bytes follow them", dims[0], dims[1], dims[2])
	}
	return nil
}

func (x *idx) decode(data []byte) (image.Image, error) {
	h, w := int(binary.LittleEndian.Uint16(data)), int(binary.LittleEndian.Uint16(data[2:]))
	return &image.Gray{Pix: data[4:], Stride: w, Rect: image.Rect(0, 0, w, h)}, nil
}
