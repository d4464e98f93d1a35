package dataloader

import (
	"fmt"

	"duet/dataloader/packed"
	"duet/internal/rng"
)

// NewTrainLoader gives the batches of training without end, after so many images that were seen before. What a batch
// holds depends on seed and that alone: its images stand one after the other in the endless row of the epochs' orders,
// each epoch a permutation of the set (or the set's own order without c.Shuffle): that of epoch e is rng.New(seed,
// rng.Shuffle, 0, e).Permutation. Batches run over the border of epochs. allocate, if any, gives the memory for the
// images. A mistake in the arguments is the error of the first Next.
func NewTrainLoader(set *packed.Set, c Config, batch int, seed, seen uint64, allocate Allocate) *Loader {
	return NewTrainLoaderOf(nil, set, c, batch, seed, seen, allocate)
}

// NewTrainLoaderOf is NewTrainLoader with rows in the place of the images; nil: these.
func NewTrainLoaderOf(rows Rows, set *packed.Set, c Config, batch int, seed, seen uint64, allocate Allocate) *Loader {
	return newLoader(set, rows, c, batch, c.DrawWidth(), allocate, &training{set: set, aug: newAugmenter(set, c, seed),
		orders: orders{shuffle: c.Shuffle, seed: seed, n: set.Len()}, seen: seen})
}

// NewEvalLoader gives every image from the one numbered from once, in order, then io.EOF. views is 1 for the centre,
// or 10: then the same images come ten times in a row, Batch.View telling which crop it is. The last batch may have
// fewer Valid rows.
func NewEvalLoader(set *packed.Set, c Config, batch, views, from int, allocate Allocate) *Loader {
	return NewEvalLoaderOf(nil, set, c, batch, views, from, allocate)
}

// NewEvalLoaderOf is NewEvalLoader with rows in the place of the images; nil: these.
func NewEvalLoaderOf(rows Rows, set *packed.Set, c Config, batch, views, from int, allocate Allocate) *Loader {
	if views != 1 && views != 10 {
		return &Loader{err: fmt.Errorf("%d views: want 1 or 10", views)}
	}
	aug := newAugmenter(set, c, 0)
	return newLoader(set, rows, c, batch, DrawWidth, allocate,
		&testing{set: set, views: aug.views(views), from: from, first: from})
}

// orders are the orders of the epochs. Two are kept: a batch may run over a border, and reading ahead is beyond it.
type orders struct {
	shuffle bool
	seed    uint64
	n       int
	epochs  [2]uint64
	kept    [2][]int32
}

// image is the image at a position of the endless row.
func (o *orders) image(position uint64) int32 {
	epoch, at := position/uint64(o.n), position%uint64(o.n)
	if !o.shuffle {
		return int32(at)
	}
	slot := epoch % 2
	if o.kept[slot] == nil || o.epochs[slot] != epoch {
		o.kept[slot], o.epochs[slot] = rng.New(o.seed, rng.Shuffle, 0, uint32(epoch)).Permutation(o.n), epoch
	}
	return o.kept[slot][at]
}

// training plans the batches of training.
type training struct {
	set    *packed.Set
	aug    augmenter
	orders orders
	seen   uint64 // images before the next batch
}

func (t *training) plan(b *Batch) bool {
	n, batch := uint64(t.set.Len()), uint64(len(b.Index))
	for i := range b.Index {
		position := t.seen + uint64(i)
		b.Index[i] = t.orders.image(position)
		b.Labels[i] = t.set.Labels()[b.Index[i]]
		t.aug.put(b.Draws, i, uint32(position/n), b.Index[i])
	}
	t.seen += batch
	b.Valid, b.View = len(b.Index), 0
	b.Epoch = float64(t.seen) / float64(n)
	return true
}

// upcoming gives what lies less than an epoch ahead: the rest is in memory by then, or will not stay there.
func (t *training) upcoming(ahead int, index []int32) []int32 {
	batch := uint64(len(index))
	if uint64(ahead+1)*batch > uint64(t.set.Len()) {
		return nil
	}
	for i := range index {
		index[i] = t.orders.image(t.seen + uint64(ahead)*batch + uint64(i))
	}
	return index
}

// testing plans the batches of an evaluation.
type testing struct {
	set         *packed.Set
	views       []augmentation
	from        int
	first, view int
}

func (t *testing) plan(b *Batch) bool {
	n, batch := t.set.Len(), len(b.Index)
	if t.first >= n {
		return false
	}
	b.Valid, b.View = min(batch, n-t.first), t.view
	b.Epoch = float64(t.first+b.Valid) / float64(n)
	for i := range b.Index {
		b.Index[i] = int32(t.first)
		if i < b.Valid {
			b.Index[i] += int32(i)
		}
		b.Labels[i] = t.set.Labels()[b.Index[i]]
		t.views[t.view].put(b.Draws, i)
	}
	if t.view++; t.view == len(t.views) {
		t.first, t.view = t.first+batch, 0
	}
	return true
}

// upcoming is nothing for the second to last views: the first has brought their images.
func (t *testing) upcoming(ahead int, index []int32) []int32 {
	number := (t.first-t.from)/len(index)*len(t.views) + t.view + ahead // of the batch
	if number%len(t.views) != 0 {
		return nil
	}
	first := t.from + number/len(t.views)*len(index)
	for i := range index {
		if first+i >= t.set.Len() {
			return index[:i]
		}
		index[i] = int32(first + i)
	}
	return index
}
