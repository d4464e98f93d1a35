package dataloader_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"duet/dataloader"
	"duet/dataloader/generated"
	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/dataloader/prepare"
)

// A lender gives loaders memory, and knows what they may do with it.
type lender struct {
	t       *testing.T
	mutex   sync.Mutex
	buffers []*lent
}

type lent struct {
	lender *lender
	data   []byte
	labels []int32
	draws  []float32
	used   bool // an upload reads it
	closed bool
	fails  error // of Wait
}

func (l *lender) allocate(images, bytes, draws int) (dataloader.Memory, error) {
	b := &lent{lender: l, data: make([]byte, images*bytes), labels: make([]int32, images),
		draws: make([]float32, images*draws)}
	l.buffers = append(l.buffers, b)
	return b, nil
}

func (b *lent) Arrays() ([]uint8, []int32, []float32) { return b.data, b.labels, b.draws }

func (b *lent) Wait() error {
	b.lender.mutex.Lock()
	defer b.lender.mutex.Unlock()
	b.used = false
	return b.fails
}

func (b *lent) Close() error {
	b.lender.mutex.Lock()
	defer b.lender.mutex.Unlock()
	if b.used || b.closed {
		b.lender.t.Error("closed while it is in use, or twice")
	}
	b.closed = true
	return nil
}

// Batches lie in the memory that was lent, hold what they hold without it, and are not written to before an upload from
// them is over; in the end all of it is given back.
func TestLentMemory(t *testing.T) {
	s := open(t, small(t), "train")
	want := take(t, dataloader.NewTrainLoader(s, augmented(), 7, 1, 0, nil), 40)
	lender := &lender{t: t}
	l := dataloader.NewTrainLoader(s, augmented(), 7, 1, 0, lender.allocate)
	type held struct {
		images []byte
		labels []int32
		draws  []float32
	}
	uploads := map[*lent]held{} // what each held when its last upload began
	for i := range want {
		b, err := l.Next(context.Background())
		check(t, err)
		if !slices.Equal(b.Images, want[i].images) || !slices.Equal(b.Index, want[i].index) {
			t.Fatalf("batch %d differs from one in plain memory", i)
		}
		of := b.Memory.(*lent)
		lender.mutex.Lock()
		of.used = true
		for other, began := range uploads {
			if other.used && other != of && (!slices.Equal(began.images, other.data) ||
				!slices.Equal(began.labels, other.labels) || !slices.Equal(began.draws, other.draws)) {
				t.Errorf("batch %d: memory that is being uploaded was written to", i)
			}
		}
		lender.mutex.Unlock()
		uploads[of] = held{slices.Clone(of.data), slices.Clone(of.labels), slices.Clone(of.draws)}
		check(t, l.Release(b))
	}
	check(t, l.Close())
	for i, b := range lender.buffers {
		if !b.closed {
			t.Errorf("buffer %d of %d was not given back", i, len(lender.buffers))
		}
	}
}

// Memory from which an upload fails is the error of the Release that waits for it, and of Close, which gives it back.
func TestUploadFails(t *testing.T) {
	s := open(t, small(t), "train")
	lender, failed := &lender{t: t}, errors.New("device lost")
	l := dataloader.NewTrainLoader(s, augmented(), 7, 1, 0, lender.allocate)
	for i := range 4 {
		b, err := l.Next(context.Background())
		check(t, err)
		if n := 7 * s.Index.Pixels(); len(b.Images) != n {
			t.Errorf("%d bytes, want %d", len(b.Images), n)
		}
		if i == 1 {
			b.Memory.(*lent).fails = failed
		}
		if err := l.Release(b); (i == 2) != errors.Is(err, failed) || i != 2 && err != nil { // with the next one
			t.Errorf("released batch %d: error %v", i, err)
		}
	}
	if err := l.Close(); !errors.Is(err, failed) {
		t.Errorf("closed: error %v", err)
	}
	for i, b := range lender.buffers {
		if !b.closed {
			t.Errorf("buffer %d of %d was not given back", i, len(lender.buffers))
		}
	}
	check(t, l.Close())
}

// A lender that has no memory left is the error of the first Next, and what it gave before is given back.
func TestNoMemoryToLend(t *testing.T) {
	s := open(t, small(t), "train")
	lender := &lender{t: t}
	none := errors.New("no memory")
	l := dataloader.NewTrainLoader(s, augmented(), 7, 1, 0, func(images, bytes, draws int) (dataloader.Memory, error) {
		if len(lender.buffers) == 2 {
			return nil, none
		}
		return lender.allocate(images, bytes, draws)
	})
	if _, err := l.Next(context.Background()); !errors.Is(err, none) {
		t.Errorf("error %v, want %v", err, none)
	}
	check(t, l.Close())
	for i, b := range lender.buffers {
		if !b.closed {
			t.Errorf("buffer %d was not given back", i)
		}
	}
}

// A set as JPEG files gives the images of its files, in the same order as pixels, and a set in memory exactly the same.
func TestCodecsAndCaches(t *testing.T) {
	o := prepare.Options{Settings: prepare.Settings{Seed: 3},
		Generated: generated.Options{Classes: 4, Train: 40, Size: 12}}
	raw := open(t, run(t, "generated", o), "train")
	o.Codec = packed.JPEG
	jpeg := open(t, run(t, "generated", o), "train")
	loaded := open(t, raw.Dir(), "train")
	check(t, loaded.Load(context.Background(), nil))
	batches := func(s *packed.Set) []taken {
		return take(t, dataloader.NewTrainLoader(s, augmented(), 9, 5, 0, nil), 9)
	}
	want := batches(raw)
	for i, got := range batches(loaded) {
		if !same(got, want[i]) {
			t.Errorf("in memory: batch %d differs", i)
		}
	}
	decoder, err := picture.New(picture.Options{Size: 12})
	check(t, err)
	defer decoder.Close()
	pixels := make([]byte, 12*12*3)
	for i, got := range batches(jpeg) {
		if !slices.Equal(got.index, want[i].index) {
			t.Fatalf("as JPEG: batch %d has other images", i)
		}
		for k, index := range got.index {
			_, err := decoder.Decode(pixels, jpeg.Stored(int(index)))
			check(t, err)
			if !slices.Equal(got.images[k*len(pixels):(k+1)*len(pixels)], pixels) {
				t.Errorf("as JPEG: row %d of batch %d is not image %d", k, i, index)
			}
		}
	}
}

// A stored image that cannot be decoded is the error of the batch that has it, and says which image it is. There is no
// batch after it.
func TestDamagedImageInABatch(t *testing.T) {
	dir := run(t, "generated", prepare.Options{Settings: prepare.Settings{Codec: packed.JPEG},
		Generated: generated.Options{Classes: 2, Train: 20, Size: 16}})
	path := filepath.Join(dir, "train", "images-00000.npy")
	data, err := os.ReadFile(path)
	check(t, err)
	clear(data[128:])
	check(t, os.WriteFile(path, data, 0o666))
	c := augmented()
	l := dataloader.NewTrainLoader(open(t, dir, "train"), c, 4, 1, 0, nil)
	defer l.Close()
	_, err = l.Next(context.Background())
	if err == nil || !strings.Contains(err.Error(), "of split train of "+dir) {
		t.Errorf("error %v", err)
	}
	if _, again := l.Next(context.Background()); again == nil || again.Error() != err.Error() {
		t.Errorf("error %v, and then %v", err, again)
	}
}

// The counters say how many batches there were, and how many of them were ready.
func TestCounters(t *testing.T) {
	s := open(t, small(t), "train")
	l := dataloader.NewTrainLoader(s, augmented(), 4, 1, 0, nil)
	defer l.Close()
	for range 30 {
		b, err := l.Next(context.Background())
		check(t, err)
		check(t, l.Release(b))
	}
	n := l.Counters()
	if n.Batches != 30 || n.Ready > 30 || n.Waited < 0 || n.Ready == 30 != (n.Waited == 0) {
		t.Errorf("%+v", n)
	}
}

func TestMeasureFeed(t *testing.T) {
	s := open(t, small(t), "train")
	var told []int
	f, err := dataloader.MeasureFeed(context.Background(), s, augmented(), 8, 1,
		func(done, total int) { told = append(told, done, total) })
	check(t, err)
	if !(f.FirstPerSecond > 0 && f.ImagesPerSecond > 0 && f.CopyPerSecond > 0) || f.Batch != 8 || f.Rounds != 1 ||
		!slices.Equal(told, []int{0, 1, 1, 1}) {
		t.Errorf("%+v, told %v", f, told)
	}
	if got, want := f.BytesPerSecond, f.ImagesPerSecond*float64(s.Index.Pixels()); !(math.Abs(got/want-1) <= 1e-9) {
		t.Errorf("%v bytes/s, want %v", got, want)
	}
	if !(f.ImagesPerSecond >= f.FirstPerSecond/1000) { // it was not so much slower for a whole round
		t.Errorf("%v images/s, and %v at first", f.ImagesPerSecond, f.FirstPerSecond)
	}
	if want := f.BytesPerSecond / f.CopyPerSecond; !(math.Abs(f.Share/want-1) <= 1e-9) { // of the one round
		t.Errorf("a share of %v, want %v", f.Share, want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := dataloader.MeasureFeed(ctx, s, augmented(), 8, 2, func(int, int) { cancel() }); !errors.Is(err,
		context.Canceled) {
		t.Errorf("canceled: error %v", err)
	}
	if _, err := dataloader.MeasureFeed(context.Background(), s, augmented(), 0, 1, nil); err == nil {
		t.Error("batches of none: no error")
	}
}
