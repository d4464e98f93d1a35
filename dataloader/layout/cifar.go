package layout

import (
	"cmp"
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

// CIFAR's binary versions: records of one label byte (CIFAR-10) or two, coarse and fine (CIFAR-100, of which the fine
// one is used), and 32x32 pixels, all red ones first, then green, then blue. Source:
// https://www.cs.toronto.edu/~kriz/cifar.html.
const (
	cifarSide     = 32
	cifarPixels   = cifarSide * cifarSide
	cifarMaxFile  = 1 << 30
	cifarMaxNames = 1 << 16 // bytes
)

var cifarBatch = regexp.MustCompile(`^data_batch_[0-9]+(\.bin)?$`)

// cifarKinds are CIFAR-10 and CIFAR-100.
var cifarKinds = [2]struct{ kind, train, val, names string }{
	{"CIFAR-10 binary", "data_batch_1.bin", "test_batch.bin", "batches.meta.txt"},
	{"CIFAR-100 binary", "train.bin", "test.bin", "fine_label_names.txt"},
}

// cifarClasses are the names for a CIFAR-10 that comes without its batches.meta.txt.
var cifarClasses = []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}

// cifar is what was seen of each kind.
type cifar struct {
	names   [2][]string
	arrays  [2][]*array
	bad     [2]error // what is wrong with the first file that is damaged
	pickled string
}

func (c *cifar) seen() bool { return len(c.arrays[0])+len(c.arrays[1]) > 0 || c.pickled != "" }

// look reports whether a file is CIFAR's, and reads from r what there is to know.
func (c *cifar) look(e *tree.Entry, r io.Reader) bool {
	base := path.Base(e.Name)
	batch := cifarBatch.MatchString(base)
	for more, kind := range cifarKinds {
		switch {
		case base == kind.names:
			text, err := io.ReadAll(io.LimitReader(r, cifarMaxNames))
			c.names[more] = strings.Fields(string(text))
			c.bad[more] = cmp.Or(c.bad[more], under(e, err))
			return true
		case base == kind.train || base == kind.val || more == 0 && batch && path.Ext(base) == ".bin":
			a, err := newCIFAR(more, e, r)
			if err == nil {
				a.val = base == kind.val
				c.arrays[more] = append(c.arrays[more], a)
			}
			c.bad[more] = cmp.Or(c.bad[more], under(e, err))
			return true
		}
	}
	if batch {
		c.pickled = e.Name
	}
	return false
}

// newCIFAR reads the labels of a file, whose records have so many bytes more than one before their pixels.
func newCIFAR(more int, e *tree.Entry, r io.Reader) (*array, error) {
	record := make([]byte, 1+more+3*cifarPixels)
	n := int64(len(record))
	if e.Size == 0 || e.Size%n != 0 || e.Size > cifarMaxFile {
		return nil, fmt.Errorf("%d bytes: want a whole number of CIFAR-%d records of %d bytes, at most %d MiB of them",
			e.Size, [2]int{10, 100}[more], n, cifarMaxFile>>20)
	}
	a := &array{Entry: e, width: cifarSide, height: cifarSide}
	for k := range e.Size / n {
		if _, err := io.ReadFull(r, record); err != nil {
			return nil, fmt.Errorf("record %d of %d: %w", k, e.Size/n, err)
		}
		a.labels = append(a.labels, int32(record[more]))
	}
	a.read = func(r io.Reader, emit func(int, image.Image) error) error {
		record := make([]byte, n)
		for k := range a.labels {
			if _, err := io.ReadFull(r, record); err != nil {
				return fmt.Errorf("record %d: %w", k, err)
			}
			if err := emit(k, cifarImage(record[1+more:])); err != nil {
				return err
			}
		}
		return nil
	}
	return a, nil
}

func cifarImage(data []byte) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, cifarSide, cifarSide))
	for i := range cifarPixels {
		p := m.Pix[4*i : 4*i+4]
		p[0], p[1], p[2], p[3] = data[i], data[cifarPixels+i], data[2*cifarPixels+i], 255
	}
	return m
}

// CIFAR lists CIFAR-10's or CIFAR-100's binary files.
func CIFAR(s *Survey) (*Listing, error) {
	c, which := &s.cifar, 0
	switch {
	case c.bad[0] != nil:
		return nil, c.bad[0]
	case len(c.arrays[0]) > 0 && len(c.arrays[1]) > 0:
		return nil, fmt.Errorf("both CIFAR-10 (%s) and CIFAR-100 (%s): give one of them", c.arrays[0][0].Name,
			c.arrays[1][0].Name)
	case c.bad[1] != nil && (s.Format != "" || c.names[1] != nil): // else a train.bin may be anything
		return nil, c.bad[1]
	case len(c.arrays[1]) > 0:
		which = 1
	case len(c.arrays[0]) == 0 && c.pickled != "":
		return nil, fmt.Errorf("%s is of CIFAR-10's Python version: get the binary version", c.pickled)
	case len(c.arrays[0]) == 0:
		return nil, &NotThis{}
	}
	if s.Format == "" && s.idx.seen {
		return nil, errors.New("CIFAR's files and IDX files together: want one of them, or its format named")
	}
	names, arrays, kind := c.names[which], slices.Clone(c.arrays[which]), cifarKinds[which]
	for k := 0; len(c.names[which]) == 0 && k < [2]int{10, 100}[which]; k++ {
		names = append(names, [2]string{cifarClasses[k%10], fmt.Sprint(k)}[which])
	}
	l := &Listing{Kind: kind.kind}
	for _, name := range names {
		l.Classes = append(l.Classes, Class{ID: name})
	}
	trained := make([]bool, len(names))
	met, val := map[string]string{}, 0
	for _, a := range arrays {
		base := path.Base(a.Name)
		if first, twice := met[base]; twice {
			return nil, fmt.Errorf("%s: the same array as %s: keep one of them", a.Name, first)
		}
		met[base] = a.Name
		for k, label := range a.labels {
			if int(label) >= len(names) {
				return nil, fmt.Errorf("%s: record %d has label %d: want 0 to %d", a.Name, k, label, len(names)-1)
			}
			trained[label] = trained[label] || !a.val
		}
		if a.val {
			val++
		}
	}
	if len(arrays) == val {
		return nil, fmt.Errorf("%s, but no %s to train on", arrays[0].Name, kind.train)
	}
	if k := slices.Index(trained, false); k >= 0 {
		return nil, fmt.Errorf("class %s has no training image", names[k])
	}
	return s.arrayListing(l, arrays)
}
