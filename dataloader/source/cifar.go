package source

import (
	"fmt"
	"image"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
)

// CIFAR's binary versions: records of one label byte (CIFAR-10) or two, coarse and fine (CIFAR-100, of which the fine one
// is used), and 32x32 pixels, all red ones first, then green, then blue.
// Source: https://www.cs.toronto.edu/~kriz/cifar.html.
const (
	cifarSide     = 32
	cifarPixels   = cifarSide * cifarSide
	cifarMaxFile  = 1 << 30
	cifarMaxNames = 1 << 16 // bytes
)

var (
	cifarTrain   = regexp.MustCompile(`^data_batch_[0-9]+\.bin$`)
	cifarPickled = regexp.MustCompile(`^data_batch_[0-9]+$`)
)

// cifarClasses are the names for a CIFAR-10 that comes without its batches.meta.txt.
var cifarClasses = []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}

type cifar struct {
	forced  bool
	names   [2][]string // of CIFAR-10 and CIFAR-100
	arrays  [2][]*array
	bad     error // of a train.bin, which may be anything
	pickled string
}

func newCIFAR(forced bool) *cifar { return &cifar{forced: forced} }

func (c *cifar) any() bool { return len(c.arrays[0])+len(c.arrays[1]) > 0 || c.pickled != "" }

func (c *cifar) look(e entry, r io.Reader) (bool, error) {
	switch name := path.Base(e.path); {
	case name == "test_batch.bin" || cifarTrain.MatchString(name):
		return true, c.array(0, e, name == "test_batch.bin", r)
	case name == "train.bin" || name == "test.bin":
		if err := c.array(1, e, name == "test.bin", r); err != nil {
			c.bad = under(e.path, err)
		}
		return true, nil
	case cifarPickled.MatchString(name):
		c.pickled = strings.Clone(e.path)
	case name == "batches.meta.txt":
		return true, c.readNames(0, r)
	case name == "fine_label_names.txt":
		return true, c.readNames(1, r)
	}
	return false, nil
}

func (c *cifar) readNames(which int, r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, cifarMaxNames))
	c.names[which] = strings.Fields(string(text))
	return err
}

// array reads the labels of a file.
func (c *cifar) array(which int, e entry, val bool, r io.Reader) error {
	record := make([]byte, 1+which+3*cifarPixels)
	n := int64(len(record))
	if e.size == 0 || e.size%n != 0 || e.size > cifarMaxFile {
		return fmt.Errorf("%d bytes: want a whole number of CIFAR-%d records of %d bytes, at most %d MiB of them", e.size, [2]int{10, 100}[which], n,
			cifarMaxFile>>20)
	}
	a := &array{entry: e, val: val, width: cifarSide, height: cifarSide, fine: which == 1}
	a.path = strings.Clone(e.path)
	for k := range e.size / n {
		if _, err := io.ReadFull(r, record); err != nil {
			return fmt.Errorf("record %d of %d: %w", k, e.size/n, err)
		}
		a.labels = append(a.labels, int32(record[which]))
	}
	c.arrays[which] = append(c.arrays[which], a)
	return nil
}

func (c *cifar) listing() (*Listing, []*array, error) {
	which := 0
	switch {
	case len(c.arrays[0]) > 0 && len(c.arrays[1]) > 0:
		return nil, nil, fmt.Errorf("both CIFAR-10 (%s) and CIFAR-100 (%s): give one of them", c.arrays[0][0].path, c.arrays[1][0].path)
	case c.bad != nil && (c.forced || c.names[1] != nil):
		return nil, nil, c.bad
	case len(c.arrays[1]) > 0:
		which = 1
	case len(c.arrays[0]) == 0 && c.pickled != "":
		return nil, nil, fmt.Errorf("%s is of CIFAR-10's Python version: get the binary version", c.pickled)
	case len(c.arrays[0]) == 0:
		return nil, nil, nil
	}
	names, arrays := c.names[which], slices.Clone(c.arrays[which])
	if len(names) == 0 && which == 0 {
		names = cifarClasses
	}
	if len(names) == 0 {
		for k := range 100 {
			names = append(names, fmt.Sprint(k))
		}
	}
	l := &Listing{Kind: [2]string{"CIFAR-10 binary", "CIFAR-100 binary"}[which]}
	for _, name := range names {
		l.Classes = append(l.Classes, Class{ID: name})
	}
	seen := make([]bool, len(names))
	met, val := map[string]string{}, 0
	for _, a := range arrays {
		base := path.Base(a.path)
		if first, twice := met[base]; twice {
			return nil, nil, fmt.Errorf("%s: the same array as %s: keep one of them", a.path, first)
		}
		met[base] = a.path
		for k, label := range a.labels {
			if int(label) >= len(names) {
				return nil, nil, fmt.Errorf("%s: record %d has label %d: want 0 to %d", a.path, k, label, len(names)-1)
			}
			seen[label] = seen[label] || !a.val
		}
		if a.val {
			val++
		}
	}
	if len(arrays) == val {
		return nil, nil, fmt.Errorf("%s, but no %s to train on", arrays[0].path, [2]string{"data_batch_1.bin", "train.bin"}[which])
	}
	if k := slices.Index(seen, false); k >= 0 {
		return nil, nil, fmt.Errorf("class %s has no training image", names[k])
	}
	return l, arrays, nil
}

func (c *cifar) records(a *array, r io.Reader, emit func(int, image.Image) error) error {
	labels := 1
	if a.fine {
		labels = 2
	}
	record := make([]byte, labels+3*cifarPixels)
	for k := range a.labels {
		if _, err := io.ReadFull(r, record); err != nil {
			return fmt.Errorf("record %d: %w", k, err)
		}
		data := record[labels:]
		m := image.NewRGBA(image.Rect(0, 0, cifarSide, cifarSide))
		for i := range cifarPixels {
			p := m.Pix[4*i : 4*i+4]
			p[0], p[1], p[2], p[3] = data[i], data[cifarPixels+i], data[2*cifarPixels+i], 255
		}
		if err := emit(k, m); err != nil {
			return err
		}
	}
	return nil
}

func (c *cifar) String() string { return "CIFAR's files" }
