package model_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"duet/configs"
	_ "duet/engine/backend/cuda" // where built with the tag gpu
	_ "duet/engine/backend/dnnl" // where built with the tag dnnl
	_ "duet/engine/backend/reference"
	"duet/engine/model"
	"duet/engine/train"
)

// placements of the smoke preset.
const (
	onOne     = `devices.towers=["reference:0"]`
	onTwo     = `devices.towers=["reference:0", "reference:1"]`
	onWatched = `devices.towers=["watched:0"]`
)

// small shrinks the smoke preset: four classes, 64 images of which 16 make a step, 24 to validate, which is no
// multiple.
var small = []string{"data.generated.train=64", "data.generated.val=24", "train.epochs=0", "train.max_steps=12",
	"train.schedule.at_epochs=[2]", "devices.tune=false"}

// set makes the small set, once a test.
func set(t *testing.T) (packed string) {
	t.Helper()
	return "data.packed=" + filepath.Join(t.TempDir(), "data")
}

// config is the smoke preset with overrides after those of small.
func config(t testing.TB, sets ...string) *train.Config {
	t.Helper()
	c, err := configs.Load("smoke", slices.Concat(small, sets))
	check(t, err)
	return c
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a configuration's data until the end of a test.
func open(t *testing.T, c *train.Config) *train.Data {
	t.Helper()
	data, err := train.OpenData(context.Background(), c.Data, train.DataHooks{})
	check(t, err)
	t.Cleanup(func() { check(t, data.Close()) })
	return data
}

// newModel makes a model until the end of a test.
func newModel(t testing.TB, c *train.Config, in model.Input, purpose model.Purpose) *model.Model {
	t.Helper()
	m, err := model.New(context.Background(), c.Setup(), in, purpose, model.Hooks{})
	check(t, err)
	t.Cleanup(func() { check(t, m.Close()) })
	return m
}

// asking is a context that asks look too, whenever it is asked whether it has ended.
type asking struct {
	context.Context
	look func() error
}

func (a asking) Err() error            { return errors.Join(a.look(), a.Context.Err()) }
func (a asking) Done() <-chan struct{} { _ = a.look(); return a.Context.Done() }

var errEnough = errors.New("enough")

// few is a context that ends when it was asked more than so often.
func few(times int) context.Context {
	return asking{context.Background(), func() error {
		if times--; times < 0 {
			return errEnough
		}
		return nil
	}}
}

// addTol is the rounding of some additions and multiplications in float64.
const addTol = 1e-12

func near(got, want float64) bool { return math.Abs(got-want) <= addTol*math.Abs(want) }
