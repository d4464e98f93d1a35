package dataloader_test

import (
	"context"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"duet/dataloader"
	"duet/dataloader/generated"
	"duet/dataloader/prepare"
)

// augmented asks for everything that a loader can draw, on images of 12x12.
func augmented() dataloader.Config {
	c := dataloader.Default()
	c.Path, c.Crop, c.Pad, c.RandomCrop, c.Mirror, c.ColorNoise = "generated", 10, 2, true, true, 0.1
	return c
}

// A taken batch is a copy of what a loader gave.
type taken struct {
	images        []uint8
	labels, index []int32
	draws         []float32
	valid, view   int
	epoch         float64
}

// take copies n batches, or all until io.EOF when n is 0.
func take(t testing.TB, l *dataloader.Loader, n int) (all []taken) {
	t.Helper()
	defer l.Close()
	for n == 0 || len(all) < n {
		b, err := l.Next(context.Background())
		if err == io.EOF && n == 0 {
			return all
		}
		check(t, err)
		all = append(all, taken{slices.Clone(b.Images), slices.Clone(b.Labels), slices.Clone(b.Index), slices.Clone(b.Draws),
			b.Valid, b.View, b.Epoch})
		check(t, l.Release(b))
	}
	return all
}

func same(a, b taken) bool {
	return slices.Equal(a.images, b.images) && slices.Equal(a.labels, b.labels) && slices.Equal(a.index, b.index) &&
		slices.Equal(a.draws, b.draws) && a.valid == b.valid && a.view == b.view && a.epoch == b.epoch
}

// Batches of 7 run over the borders of epochs of 40; every epoch has every image once, in another order.
func TestEveryImageOnceAnEpoch(t *testing.T) {
	s := open(t, small(t), "train")
	var row []int32
	for i, b := range take(t, dataloader.NewTrainLoader(s, augmented(), 7, 1, 0, nil), 40) {
		row = append(row, b.index...)
		if want := float64(7*(i+1)) / 40; b.epoch != want || b.valid != 7 {
			t.Fatalf("batch %d: epoch %v, valid %d, want %v and 7", i, b.epoch, b.valid, want)
		}
		for k, index := range b.index {
			size := len(b.images) / 7
			if b.labels[k] != s.Labels()[index] || !slices.Equal(b.images[k*size:(k+1)*size], s.Stored(int(index))) {
				t.Fatalf("batch %d row %d is not image %d", i, k, index)
			}
		}
	}
	var first []int32
	for epoch := range 7 {
		order := row[epoch*40 : epoch*40+40]
		sorted := slices.Clone(order)
		slices.Sort(sorted)
		for i, v := range sorted {
			if int(v) != i {
				t.Fatalf("epoch %d: image %d is missing: %v", epoch, i, sorted)
			}
		}
		if slices.Equal(order, first) {
			t.Errorf("epoch %d has the order of epoch 0", epoch)
		}
		if epoch == 0 {
			first = order
		}
	}
}

// What step s holds depends on neither where the loader started, nor its workers, nor what it makes ready ahead.
func TestStepsArePure(t *testing.T) {
	s := open(t, small(t), "train")
	want := take(t, dataloader.NewTrainLoader(s, augmented(), 9, 77, 0, nil), 30)
	for _, workers := range []int{1, 2, 8} {
		for _, first := range []int{0, 1, 4, 13, 29} {
			c := augmented()
			c.Workers, c.Prefetch = workers, workers%3
			for i, got := range take(t, dataloader.NewTrainLoader(s, c, 9, 77, uint64(9*first), nil), 30-first) {
				if !same(got, want[first+i]) {
					t.Fatalf("%d workers, from step %d: step %d differs", workers, first, first+i)
				}
			}
		}
	}
	if other := take(t, dataloader.NewTrainLoader(s, augmented(), 9, 78, 0, nil), 1); slices.Equal(other[0].index,
		want[0].index) || slices.Equal(other[0].draws, want[0].draws) {
		t.Error("two seeds give the same batch")
	}
}

// An image's augmentation does not depend on which batch it comes in.
func TestDrawsBelongToTheImage(t *testing.T) {
	s := open(t, small(t), "train")
	plain := augmented()
	plain.Shuffle = false
	byImage := func(c dataloader.Config, batch int) map[int32][]float32 {
		draws, width := map[int32][]float32{}, c.DrawWidth()
		for _, b := range take(t, dataloader.NewTrainLoader(s, c, batch, 5, 0, nil), 40/batch) {
			for k, index := range b.index {
				draws[index] = b.draws[width*k : width*(k+1)]
			}
		}
		return draws
	}
	for _, area := range [][]float64{nil, {0.2, 1}} {
		plain.CropArea = area
		shuffled := plain
		shuffled.Shuffle = true
		want := byImage(plain, 1)
		for index, got := range byImage(shuffled, 8) {
			if !slices.Equal(got, want[index]) {
				t.Errorf("image %d: %v in shuffled batches of 8, %v alone", index, got, want[index])
			}
		}
	}
}

func TestDraws(t *testing.T) {
	s := open(t, small(t), "train")
	off := augmented()
	off.RandomCrop, off.Mirror, off.ColorNoise, off.Shuffle = false, false, 0, false
	for _, b := range take(t, dataloader.NewTrainLoader(s, off, 40, 1, 0, nil), 2) {
		for i := range 40 {
			if got := [6]float32(b.draws[6*i : 6*i+6]); got != [6]float32{1, 1} || b.index[i] != int32(i) {
				t.Fatalf("all off: image %d, draws %v", b.index[i], got)
			}
		}
	}
	const epochs = 500
	var tops, lefts = map[float32]int{}, map[float32]int{}
	mirrored := 0
	var shift, product [3]float64
	for _, b := range take(t, dataloader.NewTrainLoader(s, augmented(), 40, 1, 0, nil), epochs) {
		for i := range 40 {
			d := b.draws[6*i : 6*i+6]
			tops[d[0]]++
			lefts[d[1]]++
			mirrored += int(d[2])
			for c := range 3 {
				shift[c] += float64(d[3+c])
				product[c] += float64(d[3+c]) * float64(d[3+(c+1)%3])
			}
		}
	}
	const n = 40 * epochs
	// Crops of 10 in 12 with 2 around: -2 to 4, each a seventh of the time.
	for _, m := range []map[float32]int{tops, lefts} {
		for at := float32(-2); at <= 4; at++ {
			if want := n / 7.; !(math.Abs(float64(m[at])-want) <= 5*math.Sqrt(want)) {
				t.Errorf("crops at %v: %d times of %d, want about %.0f", at, m[at], n, want)
			}
		}
		if len(m) != 7 {
			t.Errorf("crops at %v, want -2 to 4", m)
		}
	}
	if !(math.Abs(float64(mirrored)-n/2) <= 5*math.Sqrt(n/4)) {
		t.Errorf("mirrored %d of %d", mirrored, n)
	}
	// The covariance of the shifts is that of the pixels' colours times 0.1^2.
	mean := s.ChannelMean()
	covariance := colorCovariance(s, [3]float64{float64(mean[0]), float64(mean[1]), float64(mean[2])})
	for c := range 3 {
		largest := 0.01 * covariance[0][0]
		if got, want := product[c]/n, 0.01*covariance[c][(c+1)%3]; !(math.Abs(got-want) <= 0.1*largest) {
			t.Errorf("covariance of channels %d and %d = %v, want %v", c, (c+1)%3, got, want)
		}
		if got := shift[c] / n; !(math.Abs(got) <= 5*math.Sqrt(largest/n)*2) {
			t.Errorf("mean shift of channel %d = %v, want 0", c, got)
		}
	}
}

func TestEvaluation(t *testing.T) {
	s := open(t, small(t), "val") // 12 images
	c := augmented()
	for _, views := range []int{1, 10} {
		all := take(t, dataloader.NewEvalLoader(s, c, 5, views, 0, nil), 0)
		if len(all) != 3*views {
			t.Fatalf("%d views: %d batches, want %d", views, len(all), 3*views)
		}
		// Crops of 10 from 12: the corners are at 0 and 2, the centre at 1.
		places := [][3]float32{{0, 0}, {0, 2}, {2, 0}, {2, 2}, {1, 1}, {0, 0, 1}, {0, 2, 1}, {2, 0, 1}, {2, 2, 1}, {1, 1, 1}}
		if views == 1 {
			places = [][3]float32{{1, 1}}
		}
		for i, b := range all {
			first, valid := i/views*5, 5
			if first == 10 {
				valid = 2
			}
			if b.valid != valid || b.view != i%views || b.epoch != float64(first+valid)/12 {
				t.Errorf("%d views, batch %d: valid %d, view %d, epoch %v", views, i, b.valid, b.view, b.epoch)
			}
			for k := range 5 {
				want := first
				if k < valid {
					want += k
				}
				size := len(b.images) / 5
				if int(b.index[k]) != want || b.labels[k] != s.Labels()[want] ||
					!slices.Equal(b.images[k*size:(k+1)*size], s.Stored(want)) {
					t.Errorf("%d views, batch %d, row %d: image %d, want %d", views, i, k, b.index[k], want)
				}
				if got := [3]float32(b.draws[6*k : 6*k+3]); got != places[i%views] ||
					[3]float32(b.draws[6*k+3:6*k+6]) != [3]float32{} {
					t.Errorf("%d views, batch %d, row %d: draws %v, want %v", views, i, k, b.draws[6*k:6*k+6], places[i%views])
				}
			}
		}
	}
}

func TestLoaderErrors(t *testing.T) {
	s := open(t, small(t), "train")
	large := augmented()
	large.Crop = 17
	changed := func(change func(c *dataloader.Config)) *dataloader.Loader {
		c := augmented()
		change(&c)
		return dataloader.NewTrainLoader(s, c, 4, 1, 0, nil)
	}
	for name, c := range map[string]struct {
		l    *dataloader.Loader
		want string
	}{
		"crop":  {dataloader.NewTrainLoader(s, large, 4, 1, 0, nil), "data.crop = 17: want at most 16"},
		"batch": {dataloader.NewTrainLoader(s, augmented(), 0, 1, 0, nil), "batch of 0 images: want 1 to 1048576"},
		"large batch": {dataloader.NewTrainLoader(s, augmented(), 1<<20+1, 1, 0, nil),
			"batch of 1048577 images: want 1 to 1048576"},
		"prefetch": {changed(func(c *dataloader.Config) { c.Prefetch = -1 }),
			"data.prefetch = -1, data.crop = 10, data.pad = 2: want at least 0, 1 and 0"},
		"no crop":       {changed(func(c *dataloader.Config) { c.Crop = 0 }), "data.crop = 0"},
		"pad":           {changed(func(c *dataloader.Config) { c.Pad = -1 }), "data.pad = -1"},
		"views":         {dataloader.NewEvalLoader(s, augmented(), 4, 5, 0, nil), "5 views: want 1 or 10"},
		"crop, testing": {dataloader.NewEvalLoader(s, large, 4, 1, 0, nil), "data.crop = 17"},
	} {
		if _, err := c.l.Next(context.Background()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		check(t, c.l.Close())
	}
}

// The largest batch, and the least that a configuration may ask for, are given.
func TestLoaderBounds(t *testing.T) {
	s := open(t, run(t, "generated", prepare.Options{Settings: prepare.Settings{Size: 1},
		Generated: generated.Options{Classes: 2, Train: 4, Size: 8}}), "train")
	c := dataloader.Default()
	c.Crop, c.Pad, c.Prefetch, c.ReadAhead = 1, 0, 0, 0
	for _, batch := range []int{1, 1 << 20} {
		b := take(t, dataloader.NewTrainLoader(s, c, batch, 1, 0, nil), 1)[0]
		if len(b.index) != batch || b.valid != batch || b.epoch != float64(batch)/4 {
			t.Errorf("a batch of %d: %d rows, epoch %v", batch, len(b.index), b.epoch)
		}
		if last := batch - 1; !slices.Equal(b.images[3*last:], s.Stored(int(b.index[last]))) {
			t.Errorf("a batch of %d: the last row is not image %d", batch, b.index[last])
		}
	}
}

func TestLoaderLife(t *testing.T) {
	s := open(t, small(t), "train")
	l := dataloader.NewTrainLoader(s, augmented(), 4, 1, 0, nil)
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	var held []*dataloader.Batch
	for {
		b, err := l.Next(context.Background())
		if err != nil { // says that all are in use, rather than waiting for ever
			if !strings.Contains(err.Error(), "in use") {
				t.Error(err)
			}
			break
		}
		held = append(held, b)
	}
	check(t, l.Release(held[0]))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("released twice without a panic")
			}
		}()
		l.Release(held[0])
	}()
	check(t, l.Close())
	check(t, l.Close())
	if _, err := l.Next(canceled); err != dataloader.ErrClosed {
		t.Errorf("after Close: %v, want %v", err, dataloader.ErrClosed)
	}
}

// In steady state a step allocates nothing, in any goroutine; the permutation of an epoch is the exception.
func TestNoAllocationPerStep(t *testing.T) {
	dir := run(t, "generated", prepare.Options{
		Generated: generated.Options{Classes: 2, Train: 4000, Size: 8}})
	s := open(t, dir, "train")
	c := augmented()
	c.Crop = 8
	windows := c
	windows.CropArea, windows.Rotate, windows.Brightness, windows.Contrast = []float64{0.1, 1}, 10, 0.4, 0.4
	for name, c := range map[string]dataloader.Config{"crops": c, "windows": windows} {
		l := dataloader.NewTrainLoader(s, c, 4, 1, 0, nil)
		ctx := context.Background()
		step := func() {
			b, err := l.Next(ctx)
			check(t, err)
			check(t, l.Release(b))
		}
		for range 50 {
			step()
		}
		if n := testing.AllocsPerRun(500, step); n != 0 {
			t.Errorf("%s: %v allocations a step", name, n)
		}
		check(t, l.Close())
	}
}
