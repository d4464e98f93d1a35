package dataloader_test

import (
	"context"
	"path/filepath"
	"testing"

	"duet/dataloader/generated"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run packs a source into a new folder.
func run(t testing.TB, source string, o prepare.Options) (dir string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "set")
	_, err := prepare.Run(context.Background(), []string{source}, out, o)
	check(t, err)
	return out
}

// small is a generated set of 40 and 12 images of 12x12.
func small(t testing.TB) string {
	return run(t, "generated", prepare.Options{Settings: prepare.Settings{Seed: 3},
		Generated: generated.Options{Classes: 4, Train: 40, Val: 12, Size: 12}})
}

// open opens a split until the end of the test.
func open(t testing.TB, dir, split string) *packed.Set {
	t.Helper()
	s, err := packed.Open(dir, split)
	check(t, err)
	t.Cleanup(func() { s.Close() })
	return s
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
