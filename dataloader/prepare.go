package dataloader

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"duet/engine/rng"
)

// PrepareOptions say how a source becomes a packed set. The zero value is usable.
type PrepareOptions struct {
	// Size is the side of the packed images in pixels. 0: kept when all images are square, alike and at most 256, else 256.
	Size int
	// ValFraction of every class, chosen by Seed, becomes the validation split of a source that has none.
	ValFraction float64
	Seed        uint64
	// Workers is the number of goroutines that decode; 0: one a core. It does not change the result.
	Workers int
	// Generated is what the source "generated" draws; the zero value stands for the default.
	Generated Generated
	// Progress, if any, is called after every image, from one goroutine at a time.
	Progress func(done, total, rejected int)
}

// automaticSize is the side that images of different or large sizes are brought to, as in the paper.
const automaticSize = 256

// A Summary says what Prepare made.
type Summary struct {
	Kind       string   // what the source was recognised as
	Size       int      // side of the packed images in pixels
	Train, Val int      // images
	Classes    []string // by label
	Rejected   []Rejected
}

func (o PrepareOptions) check() error {
	if o.Size < 0 || o.Size > maxSide {
		return fmt.Errorf("size %d: want 0 (automatic) to %d pixels", o.Size, maxSide)
	}
	if !(o.ValFraction >= 0 && o.ValFraction < 1) {
		return fmt.Errorf("validation fraction %v: want 0 up to, not including, 1", o.ValFraction)
	}
	return nil
}

// request is what a set made from source with these options records of them.
func (o PrepareOptions) request(source string) request {
	r := request{Source: source, Size: o.Size, ValFraction: o.ValFraction, Seed: o.Seed}
	if source == generatedPath {
		r.Generated = &o.Generated
	} else {
		r.Source = filepath.ToSlash(filepath.Clean(source))
	}
	return r
}

// Prepare packs a source into the folder out, which must not exist; the package comment lists the sources. Images that
// cannot be read are left out and listed in the Summary and in rejected.csv. On an error nothing is left behind, and
// what a killed process left is removed by the next Prepare of the same out.
func Prepare(ctx context.Context, source, out string, o PrepareOptions) (Summary, error) {
	if err := o.check(); err != nil {
		return Summary{}, err
	}
	if o.Generated == (Generated{}) {
		o.Generated = Default().Generated
	}
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return Summary{}, err
		}
		return Summary{}, fmt.Errorf("%s exists: name another folder, or remove it first", out)
	}
	src, err := openSource(source, o)
	if err != nil {
		return Summary{}, err
	}
	l, err := src.list(ctx)
	if err != nil {
		return Summary{}, err
	}
	l.splitOff(o.ValFraction, o.Seed)
	size := o.Size
	if size == 0 {
		size = l.automaticSize()
	}
	p, err := newPublication(out)
	if err != nil {
		return Summary{}, err
	}
	defer p.abandon()
	k := &packer{src: src, listing: l, dir: p.dir, size: size, workers: workerCount(o.Workers), progress: o.Progress}
	info, err := k.pack(ctx)
	if err != nil {
		return Summary{}, fmt.Errorf("prepare %s: %w", source, err)
	}
	info.Request = o.request(source)
	if err := writeSetInfo(p.dir, info); err != nil {
		return Summary{}, err
	}
	if err := p.publish(); err != nil {
		return Summary{}, err
	}
	return Summary{Kind: l.kind, Size: size, Train: info.Splits["train"].Images, Val: info.Splits["val"].Images,
		Classes: l.classes, Rejected: l.rejected}, nil
}

// automaticSize is the side of the images when they are all square, alike and small, else 256.
func (l *listing) automaticSize() int {
	side := 0
	for _, it := range l.items {
		if it.width == 0 {
			continue // unreadable
		}
		if it.width != it.height || it.width > automaticSize || (side != 0 && side != it.width) {
			return automaticSize
		}
		side = it.width
	}
	if side == 0 {
		return automaticSize
	}
	return side
}

// splitOff makes a validation split out of a fraction of every class when the source has none: at least one image of
// a class of two or more, and never all of it.
func (l *listing) splitOff(fraction float64, seed uint64) {
	if fraction == 0 {
		return
	}
	members := make([][]int, len(l.classes))
	for i, it := range l.items {
		if it.val {
			return
		}
		members[it.label] = append(members[it.label], i)
	}
	for label, items := range members {
		n := len(items)
		take := min(max(int(math.Round(fraction*float64(n))), 1), n-1)
		order := rng.New(seed, rng.Split, uint32(label)&rng.MaxStream, 0).Permutation(n)
		for _, at := range order[:max(take, 0)] {
			l.items[items[at]].val = true
		}
	}
}
