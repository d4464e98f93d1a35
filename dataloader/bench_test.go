package dataloader_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"duet/dataloader"
)

// BenchmarkTrainLoader gives images/s and the bytes that the loader copies; batches of 128 as in the paper.
func BenchmarkTrainLoader(b *testing.B) {
	for _, size := range []int{32, 256} {
		b.Run(fmt.Sprintf("%dx%d", size, size), func(b *testing.B) {
			dir, _ := prepare(b, "generated", dataloader.PrepareOptions{
				Size: size, Generated: dataloader.Generated{Classes: 10, Train: 2000, Size: 32}})
			s := open(b, dir, "train")
			c := augmented()
			c.Crop = size - 4
			l := dataloader.NewTrainLoader(s, c, 128, 1, 0)
			defer l.Close()
			b.SetBytes(int64(128 * size * size * 3))
			b.ReportAllocs()
			for b.Loop() {
				batch, err := l.Next(context.Background())
				check(b, err)
				l.Release(batch)
			}
			b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "images/s")
		})
	}
}

// BenchmarkPrepare packs 64 photographs' worth of JPEG, 500x375 to 256x256.
func BenchmarkPrepare(b *testing.B) {
	source := filepath.Join(b.TempDir(), "source")
	check(b, os.MkdirAll(filepath.Join(source, "a"), 0o777))
	photo := encodeJPEG(smooth(500, 375))
	for i := range 64 {
		check(b, os.WriteFile(filepath.Join(source, "a", fmt.Sprintf("%d.jpg", i)), photo, 0o666))
	}
	out := filepath.Join(b.TempDir(), "set")
	for b.Loop() {
		_, err := dataloader.Prepare(context.Background(), source, out, dataloader.PrepareOptions{})
		check(b, err)
		check(b, os.RemoveAll(out))
	}
	b.ReportMetric(64*float64(b.N)/b.Elapsed().Seconds(), "images/s")
}
