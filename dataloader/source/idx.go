package source

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
	"strings"
)

// IDX files, as MNIST and Fashion-MNIST come: two zero bytes, a type, the number of dimensions, their sizes as
// big-endian uint32, then the elements. Source: http://yann.lecun.com/exdb/mnist.
const (
	idxUint8    = 8
	idxMaxSide  = 4096
	idxMaxItems = 1 << 24
)

// idxName finds split and content in names such as train-images-idx3-ubyte.gz, t10k-labels.idx1-ubyte and
// emnist-letters-test-images-idx3-ubyte.
var idxName = regexp.MustCompile(`^((?:[a-z0-9]+-)*)(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(\.gz)?$`)

type idx struct {
	splits [2]idxSplit // train, val
	seen   bool
	prefix string // of the names of all files, such as "emnist-letters-"
}

type idxSplit struct {
	images     *array
	count      int
	labelsPath string
	labels     []byte
}

func newIDX() *idx { return &idx{} }

func (x *idx) any() bool { return x.seen }

func (x *idx) look(e entry, r io.Reader) (bool, error) {
	match := idxName.FindStringSubmatch(path.Base(e.path))
	if match == nil {
		return false, nil
	}
	if x.seen && match[1] != x.prefix {
		return true, fmt.Errorf("of another data set than %strain-images-idx3-ubyte and its like: give the files of one as paths, or put them in a folder of their own", x.prefix)
	}
	x.seen, x.prefix = true, match[1]
	r, err := idxReader(e, r)
	if err != nil {
		return true, err
	}
	split := &x.splits[0]
	if match[2] != "train" {
		split = &x.splits[1]
	}
	if match[3] == "images" {
		return true, split.lookImages(e, r, split != &x.splits[0])
	}
	return true, split.lookLabels(e, r)
}

func (s *idxSplit) lookImages(e entry, r io.Reader, val bool) error {
	if s.images != nil {
		return fmt.Errorf("the same array as %s: keep one of them", s.images.path)
	}
	dims, err := readIDXHeader(r, 3)
	if err != nil {
		return err
	}
	claimed, limit := int64(dims[0])*int64(dims[1])*int64(dims[2]), unpackedLimit(e.size)
	switch header := int64(4 + 4*len(dims)); {
	case path.Ext(e.path) != ".gz" && e.size != header+claimed:
		return fmt.Errorf("header claims %d images of %dx%d, which is a file of %d bytes, but it has %d", dims[0], dims[1], dims[2], header+claimed, e.size)
	case claimed > limit:
		return fmt.Errorf("header claims %d images of %dx%d: want at most %d MiB in a file of %d bytes", dims[0], dims[1], dims[2], limit>>20, e.size)
	}
	s.count, s.images = dims[0], &array{entry: e, val: val, height: dims[1], width: dims[2]}
	s.images.path = strings.Clone(e.path)
	return nil
}

func (s *idxSplit) lookLabels(e entry, r io.Reader) error {
	if s.labelsPath != "" {
		return fmt.Errorf("the same array as %s: keep one of them", s.labelsPath)
	}
	dims, err := readIDXHeader(r, 1)
	if err != nil {
		return err
	}
	s.labelsPath = strings.Clone(e.path)
	if s.labels, err = io.ReadAll(io.LimitReader(r, int64(dims[0])+1)); err != nil {
		return err
	}
	if len(s.labels) != dims[0] {
		return fmt.Errorf("header claims %d labels, but %s", dims[0], idxLength(len(s.labels), dims[0]))
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

func (x *idx) listing() (*Listing, []*array, error) {
	if !x.seen {
		return nil, nil, nil
	}
	train, val := &x.splits[0], &x.splits[1]
	if train.images == nil {
		return nil, nil, fmt.Errorf("IDX files without train-images-idx3-ubyte")
	}
	l := &Listing{Kind: "IDX"}
	var arrays []*array
	var class [256]int32                           // label in the file -> label + 1
	for i, label := range distinct(train.labels) { // the classes are the labels that are there
		class[label] = int32(i) + 1
		l.Classes = append(l.Classes, Class{ID: strconv.Itoa(int(label))})
	}
	for i, s := range x.splits {
		name := [2]string{"train", "t10k"}[i]
		if (s.images == nil) != (s.labelsPath == "") {
			return nil, nil, fmt.Errorf("IDX files of %s: want both %s-images-idx3-ubyte and %s-labels-idx1-ubyte", name, name, name)
		}
		if s.images == nil {
			continue
		}
		if s.count != len(s.labels) {
			return nil, nil, fmt.Errorf("%s has %d images, but %s has %d labels", s.images.path, s.count, s.labelsPath, len(s.labels))
		}
		s.images.labels = make([]int32, s.count)
		for k, label := range s.labels {
			if class[label] == 0 {
				return nil, nil, fmt.Errorf("%s: label %d of image %d is not in %s", val.labelsPath, label, k, train.labelsPath)
			}
			s.images.labels[k] = class[label] - 1
		}
		arrays = append(arrays, s.images)
	}
	return l, arrays, nil
}

func distinct(labels []byte) []byte {
	all := slices.Clone(labels)
	slices.Sort(all)
	return slices.Compact(all)
}

func (x *idx) records(a *array, r io.Reader, emit func(int, image.Image) error) error {
	r, err := idxReader(a.entry, r)
	if err != nil {
		return err
	}
	dims, err := readIDXHeader(r, 3)
	if err != nil {
		return err
	}
	n, h, w := len(a.labels), a.height, a.width
	if dims[0] != n || dims[1] != h || dims[2] != w {
		return fmt.Errorf("has changed since it was listed: %d images of %dx%d, then %d of %dx%d", n, h, w, dims[0], dims[1], dims[2])
	}
	for k := range n {
		m := image.NewGray(image.Rect(0, 0, w, h))
		if _, err := io.ReadFull(r, m.Pix); err != nil {
			return fmt.Errorf("header claims %d images of %dx%d, but the file ends within image %d", n, h, w, k)
		}
		if err := emit(k, m); err != nil {
			return err
		}
	}
	if more, _ := io.ReadFull(r, make([]byte, 1)); more > 0 {
		return fmt.Errorf("header claims %d images of %dx%d, but more bytes follow them", n, h, w)
	}
	return nil
}

func (x *idx) String() string { return "IDX files" }
