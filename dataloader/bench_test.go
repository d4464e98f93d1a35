package dataloader_test

import (
	"context"
	"fmt"
	"testing"

	"duet/dataloader"
	"duet/dataloader/generated"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
)

// BenchmarkFeed gives images/s and the bytes that a loader brings into its batches; 256x256 are 393 MB, more than any
// cache; batches of 128 as in the paper. duet data bench compares with plain copies.
func BenchmarkFeed(b *testing.B) {
	for _, size := range []int{32, 256} {
		o := prepare.Options{Settings: prepare.Settings{Size: size},
			Generated: generated.Options{Classes: 10, Train: 2000, Size: 32}}
		raw := run(b, "generated", o)
		o.Codec = packed.JPEG
		jpeg := run(b, "generated", o)
		name := func(kind string) string { return fmt.Sprintf("%dx%d/%s", size, size, kind) }
		for _, c := range []struct{ name, dir, cache string }{{"mmap", raw, "mmap"}, {"ram", raw, "ram"},
			{"jpeg", jpeg, "mmap"}} {
			b.Run(name(c.name), func(b *testing.B) {
				s := open(b, c.dir, packed.Train)
				if c.cache == dataloader.CacheRAM {
					check(b, s.Load(context.Background(), nil))
				}
				benchmarkLoader(b, s, size)
			})
		}
	}
}

const benchBatch = 128

func benchmarkLoader(b *testing.B, s *packed.Set, size int) {
	c := augmented()
	c.Crop = size - 4
	l := dataloader.NewTrainLoader(s, c, benchBatch, 1, 0, nil)
	defer l.Close()
	next := func() {
		batch, err := l.Next(context.Background())
		check(b, err)
		check(b, l.Release(batch))
	}
	for range s.Len()/benchBatch + 1 { // an epoch: every page is there
		next()
	}
	b.SetBytes(int64(benchBatch * size * size * 3))
	b.ReportAllocs()
	for b.Loop() {
		next()
	}
	b.ReportMetric(benchBatch*float64(b.N)/b.Elapsed().Seconds(), "images/s")
}
