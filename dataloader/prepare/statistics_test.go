package prepare_test

import (
	"math"
	"testing"

	"duet/dataloader/generated"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/dataloader/source/mini"
)

// The statistics agree with a plain computation over all pixels, however many shards there are.
func TestStatistics(t *testing.T) {
	for _, shard := range []int{0, 1} {
		dir, _ := run(t, "generated", prepare.Options{Settings: prepare.Settings{Seed: 3, ShardMiB: shard},
			Generated: generated.Options{Classes: 4, Train: 600, Val: 12, Size: 32}})
		s := open(t, dir, "train")
		if n := len(s.Index.Splits["train"].Shards); n != 1+shard {
			t.Fatalf("%d shards, want %d", n, 1+shard)
		}
		pixels := s.Height() * s.Width()
		image, channel := make([]float64, 3*pixels), [3]float64{}
		for i := range s.Len() {
			for p, v := range s.Stored(i) {
				image[p%3*pixels+p/3] += float64(v) / float64(s.Len())
				channel[p%3] += float64(v) / float64(s.Len()*pixels)
			}
		}
		const tol = 1e-3 // float32 at 255
		for i, want := range image {
			if got := float64(s.MeanImage()[i]); !(math.Abs(got-want) <= tol) {
				t.Fatalf("mean image at %d = %v, want %v", i, got, want)
			}
		}
		for c, want := range channel {
			if got := float64(s.ChannelMean()[c]); !(math.Abs(got-want) <= tol) {
				t.Errorf("channel mean %d = %v, want %v", c, got, want)
			}
		}
		checkColors(t, s, colorCovariance(s, channel))
	}
}

// checkColors rebuilds the covariance from the principal components.
func checkColors(t *testing.T, s *packed.Set, covariance [3][3]float64) {
	t.Helper()
	eigen, std := s.ColorEigen(), s.ColorStd()
	for i := range 3 {
		for j := range 3 {
			rebuilt, dot := 0., 0.
			for k := range 3 {
				rebuilt += float64(eigen[k][i]) * float64(eigen[k][j]) * float64(std[k]) * float64(std[k])
				dot += float64(eigen[i][k]) * float64(eigen[j][k])
			}
			if want := covariance[i][j]; !(math.Abs(rebuilt-want) <= 1e-5*covariance[0][0]) {
				t.Errorf("covariance %d,%d from the PCA = %v, want %v", i, j, rebuilt, want)
			}
			if want := map[bool]float64{true: 1}[i == j]; !(math.Abs(dot-want) <= 1e-5) {
				t.Errorf("eigenvectors %d and %d: product %v, want %v", i, j, dot, want)
			}
		}
	}
	if !(std[0] >= std[1] && std[1] >= std[2] && std[2] >= 0) {
		t.Errorf("standard deviations %v: want the largest first", std)
	}
}

// colorCovariance is the covariance of R, G and B over all pixels of a set.
func colorCovariance(s *packed.Set, mean [3]float64) (covariance [3][3]float64) {
	count := float64(s.Len() * s.Height() * s.Width())
	for n := range s.Len() {
		image := s.Stored(n)
		for p := 0; p < len(image); p += 3 {
			for i := range 3 {
				for j := range 3 {
					covariance[i][j] += (float64(image[p+i]) - mean[i]) * (float64(image[p+j]) - mean[j]) / count
				}
			}
		}
	}
	return covariance
}

// A set of one grey has no spread at all: nothing becomes NaN.
func TestStatisticsWithoutSpread(t *testing.T) {
	for _, v := range []uint8{0, 50, 255} {
		f := mini.Files{"a/x.png": mini.GreyPNG(9, 9, v), "b/x.png": mini.GreyPNG(9, 9, v)}
		dir, _ := run(t, f.Folder(t), prepare.Options{})
		s := open(t, dir, "train")
		if want := float32(v); s.ColorStd() != [3]float32{} || s.ChannelMean() != [3]float32{want, want, want} {
			t.Errorf("std %v, mean %v, want 0 and %v", s.ColorStd(), s.ChannelMean(), want)
		}
	}
}
