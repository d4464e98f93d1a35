package layout

import (
	"bufio"
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
	"strconv"

	"duet/dataloader/tree"
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

// idx is what was seen of the images and of the labels for training, and for validation.
type idx struct {
	files  [2][2]*idxFile
	bad    error // what is wrong with the first file that is damaged
	seen   bool
	prefix string // of the names of all files, such as "emnist-letters-"
}

type idxFile struct {
	*tree.Entry
	dims   []int
	labels []byte
}

// look reports whether a file is an IDX file by its name, and reads from r what there is to know.
func (x *idx) look(t *tree.Tree, e *tree.Entry, r io.Reader) bool {
	match := idxName.FindStringSubmatch(path.Base(e.Name))
	if match != nil {
		x.bad = cmp.Or(x.bad, under(e, x.file(e, match, r, t.UnpackedLimit(e.Size))))
	}
	return match != nil
}

// file reads a file of so matched a name. Images may be at most so many bytes.
func (x *idx) file(e *tree.Entry, match []string, r io.Reader, limit int64) error {
	if x.seen && match[1] != x.prefix {
		return Advise("of another data set than %strain-images-idx3-ubyte and its like: give the files of one as paths, or "+
			"put them in a folder of their own", x.prefix)
	}
	x.seen, x.prefix = true, match[1]
	file, rank := &x.files[0][0], 3
	switch {
	case match[3] == "labels" && match[2] == "train":
		file, rank = &x.files[0][1], 1
	case match[3] == "labels":
		file, rank = &x.files[1][1], 1
	case match[2] != "train":
		file = &x.files[1][0]
	}
	if *file != nil {
		return fmt.Errorf("the same array as %s: keep one of them", (*file).Name)
	}
	*file = &idxFile{Entry: e}
	return (*file).read(r, rank, limit)
}

// read reads the header, and all labels. The images may be at most so many bytes.
func (f *idxFile) read(r io.Reader, rank int, limit int64) error {
	r, dims, err := f.header(r, rank)
	if err != nil {
		return err
	}
	if f.dims = dims; rank == 1 {
		if f.labels, err = io.ReadAll(io.LimitReader(r, int64(dims[0])+1)); err != nil {
			return err
		}
		switch n := len(f.labels); {
		case n > dims[0]:
			return fmt.Errorf("header claims %d labels, but more follow it", dims[0])
		case n < dims[0]:
			return fmt.Errorf("header claims %d labels, but %d follow it", dims[0], n)
		}
		return nil
	}
	what := fmt.Sprintf("header claims %d images of %dx%d", dims[0], dims[1], dims[2])
	claimed := int64(dims[0]) * int64(dims[1]) * int64(dims[2])
	switch whole := int64(4+4*rank) + claimed; {
	case path.Ext(f.Name) != ".gz" && f.Size != whole:
		return fmt.Errorf("%s, which is a file of %d bytes, but it has %d", what, whole, f.Size)
	case claimed > limit:
		return fmt.Errorf("%s: want at most %d MiB in a file of %d bytes", what, limit>>20, f.Size)
	}
	return nil
}

// header reads the header of an array of bytes with so many dimensions, and bounds its sizes. more reads what follows
// it, and unzips a file that is named .gz.
func (f *idxFile) header(r io.Reader, rank int) (more io.Reader, dims []int, err error) {
	more = bufio.NewReader(r)
	if path.Ext(f.Name) == ".gz" {
		if more, err = gzip.NewReader(more); err != nil {
			return nil, nil, fmt.Errorf("not a gzip file: %w", err)
		}
	}
	var head, size [4]byte
	if _, err := io.ReadFull(more, head[:]); err != nil {
		return nil, nil, errors.New("not an IDX file: shorter than 4 bytes")
	}
	if want := [4]byte{0, 0, idxUint8, byte(rank)}; head != want {
		return nil, nil, fmt.Errorf("IDX header %x: want %x, %d dimensions of bytes", head, want, rank)
	}
	for i := range rank {
		if _, err := io.ReadFull(more, size[:]); err != nil {
			return nil, nil, fmt.Errorf("IDX header ends before size %d of %d", i+1, rank)
		}
		n, limit := binary.BigEndian.Uint32(size[:]), uint32(idxMaxSide)
		if i == 0 {
			limit = idxMaxItems
		}
		if n < 1 || n > limit {
			return nil, nil, fmt.Errorf("IDX header: size %d of %d is %d: want 1 to %d", i+1, rank, n, limit)
		}
		dims = append(dims, int(n))
	}
	return more, dims, nil
}

// IDX lists IDX files. The classes are the labels that are there.
func IDX(s *Survey) (*Listing, error) {
	if !s.idx.seen {
		return nil, &NotThis{}
	}
	if s.idx.bad != nil {
		return nil, s.idx.bad
	}
	l := &Listing{Kind: "IDX"}
	var arrays []*array
	var class [256]int32 // label in the file -> label + 1
	for i, name := range []string{"train", "t10k"} {
		images, labels := s.idx.files[i][0], s.idx.files[i][1]
		switch {
		case i == 0 && images == nil:
			return nil, errors.New("IDX files without train-images-idx3-ubyte")
		case (images == nil) != (labels == nil):
			return nil, fmt.Errorf("IDX files of %s: want both %s-images-idx3-ubyte and %s-labels-idx1-ubyte", name, name, name)
		case images == nil:
			continue
		case images.dims[0] != labels.dims[0]:
			return nil, fmt.Errorf("%s has %d images, but %s has %d labels", images.Name, images.dims[0], labels.Name,
				labels.dims[0])
		case i == 0:
			for k, label := range slices.Compact(slices.Sorted(slices.Values(labels.labels))) {
				class[label] = int32(k) + 1
				l.Classes = append(l.Classes, Class{ID: strconv.Itoa(int(label))})
			}
		}
		a := &array{Entry: images.Entry, val: i == 1, height: images.dims[1], width: images.dims[2], read: images.images}
		for k, label := range labels.labels {
			if class[label] == 0 {
				return nil, fmt.Errorf("%s: label %d of image %d is not in %s", labels.Name, label, k, s.idx.files[0][1].Name)
			}
			a.labels = append(a.labels, class[label]-1)
		}
		arrays = append(arrays, a)
	}
	return s.arrayListing(l, arrays)
}

// images reads the images of a file that had these dimensions when it was listed.
func (f *idxFile) images(r io.Reader, emit func(int, image.Image) error) error {
	r, now, err := f.header(r, 3)
	if err != nil {
		return err
	}
	n, h, w := f.dims[0], f.dims[1], f.dims[2]
	if !slices.Equal(now, f.dims) {
		return fmt.Errorf("has changed since it was listed: %d images of %dx%d, then %d of %dx%d", n, h, w, now[0], now[1],
			now[2])
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
