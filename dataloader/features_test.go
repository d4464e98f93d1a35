package dataloader_test

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"duet/dataloader"
)

// TestFeatures: a loader gives in the place of images what was put for them, part after part, view by view.
func TestFeatures(t *testing.T) {
	s := open(t, small(t), "train")
	for _, name := range []string{"memory", "file"} {
		t.Run(name, func(t *testing.T) {
			path := ""
			if name == "file" {
				path = filepath.Join(t.TempDir(), "features")
			}
			parts, number := []int{3, 2}, func(image, view, i int) float32 { return float32(image*1000 + view*10 + i) }
			f, err := dataloader.NewFeatures(s.Len(), 10, parts, path)
			check(t, err)
			defer func() { check(t, f.Close()) }()
			for image := range s.Len() {
				for view := range 10 {
					row := make([]float32, 5)
					for i := range row {
						row[i] = number(image, view, i)
					}
					check(t, f.Put(image, view, row))
				}
			}
			if path != "" {
				if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the file has a name: %v", err)
				}
			}
			for what, l := range map[string]*dataloader.Loader{
				"training": dataloader.NewTrainLoaderOf(f, s, augmented(), 7, 1, 0, nil),
				"testing":  dataloader.NewEvalLoaderOf(f, s, augmented(), 7, 10, 0, nil),
			} {
				batches := 0
				for ; what == "testing" || batches < 12; batches++ {
					b, err := l.Next(context.Background())
					if err == io.EOF {
						break
					}
					check(t, err)
					got := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b.Images))), 7*5)
					for i, image := range b.Index {
						for k := range 5 {
							at := 3*i + k // all images' first parts, and then their second ones
							if k >= 3 {
								at = 3*7 + 2*i + k - 3
							}
							if want := number(int(image), b.View, k); got[at] != want || len(b.Images) != 4*7*5 {
								t.Fatalf("%s: batch %d, image %d, number %d is %v, want %v", what, batches, image, k, got[at], want)
							}
						}
					}
					check(t, l.Release(b))
				}
				check(t, l.Close())
				if batches < 12 {
					t.Errorf("%s: %d batches", what, batches)
				}
			}
		})
	}
}

// TestFeaturesDoNotAllocate: a step on features allocates nothing, as one on images does not.
func TestFeaturesDoNotAllocate(t *testing.T) {
	s := open(t, small(t), "train")
	for _, path := range []string{"", filepath.Join(t.TempDir(), "features")} {
		f, err := dataloader.NewFeatures(s.Len(), 1, []int{300, 200}, path)
		check(t, err)
		for image := range s.Len() {
			check(t, f.Put(image, 0, make([]float32, 500)))
		}
		c := augmented()
		c.Shuffle = false // an order is a permutation, which an epoch allocates
		l := dataloader.NewTrainLoaderOf(f, s, c, 4, 1, 0, nil)
		step := func() {
			b, err := l.Next(context.Background())
			check(t, err)
			check(t, l.Release(b))
		}
		for range 50 {
			step()
		}
		if n := testing.AllocsPerRun(500, step); n != 0 {
			t.Errorf("path %q: %v allocations a step", path, n)
		}
		check(t, l.Close())
		check(t, f.Close())
	}
}

// TestFeaturesAltered: what is read otherwise than it was written is no feature.
func TestFeaturesAltered(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "features"), filepath.Join(dir, "other name")
	check(t, os.WriteFile(path, nil, 0o600))
	check(t, os.Link(path, other))
	f, err := dataloader.NewFeatures(3, 1, []int{2}, path)
	check(t, err)
	defer func() { check(t, f.Close()) }()
	for image := range 3 {
		check(t, f.Put(image, 0, []float32{1, math.Pi}))
	}
	b, err := dataloader.NewBatch(1, f.Bytes(), dataloader.DrawWidth, nil)
	check(t, err)
	b.Index[0] = 1
	check(t, f.Fill(b, 0))
	data, err := os.ReadFile(other)
	check(t, err)
	data[9] ^= 1
	check(t, os.WriteFile(other, data, 0o600))
	if err := f.Fill(b, 0); err == nil || !strings.Contains(err.Error(), "features of image 1 ") {
		t.Errorf("altered: %v", err)
	}
	check(t, os.Truncate(other, 12))
	if err := f.Fill(b, 0); err == nil || !strings.Contains(err.Error(), "features of image 1: ") {
		t.Errorf("cut: %v", err)
	}
}

// TestRandom: whatever draws another image in every epoch is named, and nothing else.
func TestRandom(t *testing.T) {
	for want, change := range map[string]func(c *dataloader.Config){
		"":            func(c *dataloader.Config) { c.Shuffle, c.Pad = true, 2 },
		"random_crop": func(c *dataloader.Config) { c.RandomCrop = true },
		"mirror":      func(c *dataloader.Config) { c.Mirror = true },
		"color_noise": func(c *dataloader.Config) { c.ColorNoise = 0.1 },
		"crop_area":   func(c *dataloader.Config) { c.CropArea = []float64{0.5, 1} },
		"rotate":      func(c *dataloader.Config) { c.Rotate = 5 },
		"brightness":  func(c *dataloader.Config) { c.Brightness = 0.5 },
		"contrast":    func(c *dataloader.Config) { c.Contrast = 0.5 },
	} {
		c := dataloader.Default()
		change(&c)
		if key, is, off := c.Random(); key != want || want != "" && (is == nil || off == nil) {
			t.Errorf("%q: found %q, %v, want %v", want, key, is, off)
		}
		if want == "" && c.Warps() {
			t.Error("it warps")
		}
	}
}
