package dataloader

import (
	"context"
	"path/filepath"
	"slices"
	std "testing" // testing is a planner

	"duet/dataloader/generated"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
)

// TestUpcoming: what the system is asked to read ahead are the images of the batches that come, neither fewer nor
// others; of an evaluation's views once, and of a training within an epoch alone.
func TestUpcoming(t *std.T) {
	const batch = 5
	dir := filepath.Join(t.TempDir(), "set")
	o := prepare.Options{Generated: generated.Options{Classes: 4, Train: 40, Val: 12, Size: 12}}
	if _, err := prepare.Run(context.Background(), []string{"generated"}, dir, o); err != nil {
		t.Fatal(err)
	}
	open := func(split string) *packed.Set {
		s, err := packed.Open(dir, split)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	train, val := open(packed.Train), open(packed.Val)
	c := Default()
	c.Crop = 10
	training := func(shuffle bool) func() planner {
		return func() planner {
			return &training{set: train, aug: newAugmenter(train, c, 1),
				orders: orders{shuffle: shuffle, seed: 1, n: train.Len()}, seen: 3 * batch}
		}
	}
	testing := func(views int) func() planner {
		return func() planner {
			a := newAugmenter(val, c, 0)
			return &testing{set: val, views: a.views(views)}
		}
	}
	for _, k := range []struct {
		name    string
		planner func() planner
		// asked says whether the images of the n-th batch are wanted when it is so many ahead.
		asked func(n, ahead int) bool
	}{
		{"training", training(false), func(_, ahead int) bool { return ahead < 40/batch }},
		{"shuffled", training(true), func(_, ahead int) bool { return ahead < 40/batch }},
		{"one view", testing(1), func(n, _ int) bool { return n < 3 }},
		{"ten views", testing(10), func(n, _ int) bool { return n%10 == 0 && n < 30 }},
	} {
		t.Run(k.name, func(t *std.T) {
			var batches [][]int32
			p, b := k.planner(), newTestBatch(batch)
			for len(batches) < 60 && p.plan(b) {
				batches = append(batches, slices.Clone(b.Index[:b.Valid]))
			}
			p = k.planner()
			for n := 0; n < 35 && n < len(batches); n++ {
				for ahead := range 12 {
					var want []int32
					if n+ahead < len(batches) && k.asked(n+ahead, ahead) {
						want = batches[n+ahead]
					}
					if got := p.upcoming(ahead, make([]int32, batch)); !slices.Equal(got, want) {
						t.Errorf("%d batches before batch %d: %v, want %v", ahead, n+ahead, got, want)
					}
				}
				p.plan(b)
			}
		})
	}
}

func newTestBatch(n int) *Batch {
	return &Batch{Labels: make([]int32, n), Draws: make([]float32, n*DrawWidth), Index: make([]int32, n)}
}
