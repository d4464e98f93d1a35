package dataloader

import (
	"fmt"
	"image"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
)

// CIFAR-10's binary version: records of one label byte and 32x32 pixels, all red ones first, then green, then blue.
// Source: https://www.cs.toronto.edu/~kriz/cifar.html.
const (
	cifarSide   = 32
	cifarPixels = cifarSide * cifarSide
	cifarRecord = 1 + 3*cifarPixels
)

var (
	cifarTrain   = regexp.MustCompile(`^data_batch_[0-9]+\.bin$`)
	cifarPickled = regexp.MustCompile(`^data_batch_[0-9]+$`)
)

// cifarClasses are the names for a set that comes without its batches.meta.txt.
var cifarClasses = []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}

type cifar struct {
	classes []string
	batches []cifarBatch
	pickled string
}

type cifarBatch struct {
	path   string
	val    bool
	labels []byte
	first  int // item
}

func newCIFAR() *cifar { return &cifar{classes: cifarClasses} }

func (c *cifar) look(e entry, r io.Reader) error {
	name := path.Base(e.path)
	val := name == "test_batch.bin"
	switch {
	case e.dir:
	case val || cifarTrain.MatchString(name):
		labels, err := cifarLabels(r, e.size)
		if err != nil {
			return err
		}
		c.batches = append(c.batches, cifarBatch{path: e.path, val: val, labels: labels})
	case cifarPickled.MatchString(name):
		c.pickled = e.path
	case name == "batches.meta.txt":
		text, err := io.ReadAll(io.LimitReader(r, 1<<16))
		if err != nil {
			return err
		}
		c.classes = strings.Fields(string(text))
	}
	return nil
}

// cifarLabels reads the labels of a batch file of size bytes.
func cifarLabels(r io.Reader, size int64) ([]byte, error) {
	if size == 0 || size%cifarRecord != 0 {
		return nil, fmt.Errorf("%d bytes: want a whole number of CIFAR-10 records of %d bytes", size, cifarRecord)
	}
	var labels []byte
	record := make([]byte, cifarRecord)
	for int64(len(labels)) < size/cifarRecord {
		if _, err := io.ReadFull(r, record); err != nil {
			return nil, fmt.Errorf("record %d of %d: %w", len(labels), size/cifarRecord, err)
		}
		labels = append(labels, record[0])
	}
	return labels, nil
}

func (c *cifar) listing() (*listing, error) {
	if len(c.batches) == 0 {
		if c.pickled != "" {
			return nil, fmt.Errorf("%s is of CIFAR-10's Python version: get the binary version", c.pickled)
		}
		return nil, nil
	}
	slices.SortFunc(c.batches, func(a, b cifarBatch) int { return strings.Compare(a.path, b.path) })
	l := &listing{kind: "CIFAR-10 binary", classes: c.classes}
	trained := false
	for i := range c.batches {
		b := &c.batches[i]
		b.first = len(l.items)
		trained = trained || !b.val
		for k, label := range b.labels {
			if int(label) >= len(c.classes) {
				return nil, fmt.Errorf("%s: record %d has label %d: want 0 to %d", b.path, k, label, len(c.classes)-1)
			}
			l.items = append(l.items, item{val: b.val, label: int32(label), name: fmt.Sprintf("%s#%d", b.path, k),
				width: cifarSide, height: cifarSide})
		}
	}
	if !trained {
		return nil, fmt.Errorf("%s, but no data_batch_1.bin to train on", c.batches[0].path)
	}
	return l, nil
}

func (c *cifar) read(e entry, r io.Reader, emit emitFunc) error {
	at := slices.IndexFunc(c.batches, func(b cifarBatch) bool { return b.path == e.path })
	if at < 0 {
		return nil
	}
	for i := range c.batches[at].labels {
		record := make([]byte, cifarRecord)
		if _, err := io.ReadFull(r, record); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		if err := emit(c.batches[at].first+i, record[1:], nil); err != nil {
			return err
		}
	}
	return nil
}

func (c *cifar) decode(data []byte) (image.Image, error) {
	m := image.NewRGBA(image.Rect(0, 0, cifarSide, cifarSide))
	for i := range cifarPixels {
		p := m.Pix[4*i : 4*i+4]
		p[0], p[1], p[2], p[3] = data[i], data[cifarPixels+i], data[2*cifarPixels+i], 255
	}
	return m, nil
}
