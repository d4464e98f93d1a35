package train_test

import (
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"duet/dataloader"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/engine/train"
)

// TestDataThatCannotBeUsed is an error of OpenData, and names what is wrong; nothing is left open or mapped for it.
func TestDataThatCannotBeUsed(t *testing.T) {
	stopped, stop := context.WithCancel(context.Background())
	stop()
	refused := errors.New("ten classes are too many")
	for _, c := range []struct {
		name   string
		sets   []string
		crop   int // in the place of the configuration's
		ctx    context.Context
		hooks  train.DataHooks
		damage func(dir string) error // of the set, once it is there
		words  []string
	}{
		{name: "a source that is not there", sets: []string{"data.path=nowhere"}, words: []string{"nowhere"}},
		{name: "a network that refuses the set",
			hooks: train.DataHooks{Hooks: dataloader.Hooks{Suits: func(prepare.Outline) error { return refused }}},
			words: []string{refused.Error()}},
		{name: "images smaller than the crop, before any is packed", crop: 30, words: []string{"data.crop = 30", "24x24",
			"--set data.size=30"}},
		{name: "images smaller than the crop, in a set", crop: 30, damage: func(string) error { return nil },
			words: []string{"data.crop = 30", "24x24", "prepared again with --size 30"}},
		{name: "no training split", damage: func(dir string) error { return os.RemoveAll(filepath.Join(dir, packed.Train)) },
			words: []string{packed.Train}},
		{name: "a damaged validation split", damage: func(dir string) error {
			return os.Truncate(filepath.Join(dir,
				packed.Val, "labels.npy"), 130)
		}, words: []string{filepath.Join(packed.Val, "labels.npy")}},
		{name: "damaged images, read into memory", sets: []string{"data.cache=ram"},
			damage: func(dir string) error { return flip(filepath.Join(dir, packed.Val, "images-00000.npy"), 200) },
			words:  []string{"data.cache", "images-00000.npy"}},
		{name: "interrupted while it is read into memory", sets: []string{"data.cache=ram"}, ctx: stopped,
			damage: func(string) error { return nil }, words: []string{context.Canceled.Error()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRuns(t)
			if c.damage != nil {
				data, err := train.OpenData(context.Background(), r.config().Data, train.DataHooks{})
				r.check(err)
				dir := data.Train.Dir()
				r.check(data.Close())
				r.check(c.damage(dir))
			}
			ctx := c.ctx
			if ctx == nil {
				ctx = context.Background()
			}
			config := r.config(c.sets...).Data
			if c.crop > 0 {
				config.Crop = c.crop
			}
			data, err := train.OpenData(ctx, config, c.hooks)
			if data != nil {
				t.Error("data beside an error")
				r.check(data.Close())
			}
			wantError(t, err, c.words...)
			if _, err := os.Stat(r.path("data")); c.damage == nil && err == nil {
				t.Error("it was packed all the same")
			}
		})
	}
}

// flip changes a bit of a file.
func flip(path string, at int) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[at] ^= 1
	return os.WriteFile(path, data, 0o666)
}

func TestNoValidationSplit(t *testing.T) {
	r := newRuns(t)
	dir := r.path("photos")
	for _, class := range []string{"a", "b"} {
		r.check(os.MkdirAll(filepath.Join(dir, class), 0o755))
		for i := range 8 {
			writePNG(t, filepath.Join(dir, class, strconv.Itoa(i)+".png"), uint8(i), class == "a")
		}
	}
	source := []string{onOne, "data.path=" + dir, "data.val_fraction=0", "train.batch=4", "train.max_steps=3"}
	_, err := r.train(context.Background(), "run", source...)
	wantError(t, err, "no validation split", "--val-fraction", "train.validate_steps")
	s, err := r.train(context.Background(), "without", append(source, "train.validate_steps=0")...)
	r.check(err)
	if s.Steps != 3 || s.Last != nil || !math.IsNaN(s.BestError) {
		t.Errorf("%+v", s)
	}
	if _, err := os.Stat(r.store("without").BestPath()); err == nil {
		t.Error("a best checkpoint without a validation")
	}
}

// writePNG draws a small picture.
func writePNG(t *testing.T, path string, shade uint8, striped bool) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 24, 24))
	for y := range 24 {
		for x := range 24 {
			c := color.RGBA{shade * 9, 90, 40, 255}
			if striped && x/3%2 == 0 {
				c.G = 220
			}
			img.SetRGBA(x, y, c)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
