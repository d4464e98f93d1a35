package train_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"duet/engine/checkpoint"
	"duet/engine/metrics"
	"duet/engine/train"
)

// frozen are layers that do not learn: the cut is behind the pooling, before an exchange, before another one that is
// of features, and before dropout.
var frozen = map[string][]string{
	"conv1":        {"conv1"},
	"conv1, conv2": {"conv1", "conv2"},
	"convolutions": {"conv1", "conv2", "conv3"},
	"all but fc5":  {"conv1", "conv2", "conv3", "fc4"},
}

// probe are overrides with which features can be cached.
func probe(layers []string, more ...string) []string {
	sets := append([]string{"data.random_crop=false", "train.max_steps=9", "train.checkpoint_steps=2", "train.keep=20"},
		more...)
	for _, l := range layers {
		sets = append(sets, "network.layers."+l+".frozen=true")
	}
	return sets
}

const caching = "train.cache_features=true"

// TestCachedFeatures: a run that trains on features comes to the same bits as one that trains on images, on every
// placement, wherever the frozen layers end, with the features in memory and in a file.
func TestCachedFeatures(t *testing.T) {
	for name, c := range averaged {
		for what, layers := range frozen {
			t.Run(name+"/"+what, func(t *testing.T) {
				r, ctx := newRuns(t), context.Background()
				sets := probe(layers, c.sets...)
				if what == "convolutions" { // ten views of each image, and averages
					sets = append(sets, "train.views=10", "train.ema=0.5")
				}
				_, err := r.train(ctx, "images", sets...)
				r.check(err)
				var said bytes.Buffer
				r.console = &said
				_, err = r.train(ctx, "features", append(sets, caching)...)
				r.check(err)
				if !strings.Contains(said.String(), "features of=train images=64 numbers=") ||
					!strings.Contains(said.String(), "in=memory") {
					t.Errorf("it says %s", said.String())
				}
				r.alike("features", "images", 2, 4, 6, 8, 9)
				defer train.LimitRoom(1, 0)()
				said.Reset()
				_, err = r.train(ctx, "file", append(sets, caching)...)
				r.check(err)
				r.alike("file", "images", 9)
				if !strings.Contains(said.String(), "in=file") {
					t.Errorf("it says %s", said.String())
				}
				if left, err := os.ReadDir(r.path("file")); err != nil || slices.ContainsFunc(left,
					func(e os.DirEntry) bool { return strings.Contains(e.Name(), "features") }) {
					t.Errorf("%v is left, %v", left, err)
				}
			})
		}
	}
}

// alike wants two runs to have the same records, and in their checkpoints the same numbers.
func (r *runs) alike(name, like string, steps ...uint64) {
	r.t.Helper()
	for _, step := range steps {
		a, err := checkpoint.Load(r.store(name).StepPath(step))
		r.check(err)
		b, err := checkpoint.Load(r.store(like).StepPath(step))
		r.check(err)
		for i, want := range b.Tensors {
			if got := a.Tensors[i]; got.Name != want.Name || !slices.Equal(got.Data, want.Data) {
				r.t.Fatalf("step %d: %s of %s and %s of %s differ", step, got.Name, name, want.Name, like)
			}
		}
		a.Meta.Config, b.Meta.Config = "", "" // in which the key is
		if got, want := fmt.Sprint(a.Meta), fmt.Sprint(b.Meta); len(a.Tensors) != len(b.Tensors) || got != want {
			r.t.Errorf("step %d: %d tensors, %s; want %d, %s", step, len(a.Tensors), got, len(b.Tensors), want)
		}
	}
	r.eachStepOnce(name, like)
}

// TestCachedFeaturesStopped: a run that is stopped again and again, while it computes features too, comes to the same.
func TestCachedFeaturesStopped(t *testing.T) {
	r := newRuns(t)
	sets := probe([]string{"conv1", "conv2"}, onTwo)
	_, err := r.train(context.Background(), "images", sets...)
	r.check(err)
	sets = append(sets, caching)
	_, err = r.train(newCountdown(3), "features", sets...) // of the first images
	stopped := map[uint64]bool{}
	for times := 0; ; times++ {
		at, interrupted := interruptedAt(err)
		if !interrupted || times > 200 {
			break
		}
		stopped[at] = true
		_, err = r.resume(newCountdown(4+5*times), "features", sets...)
	}
	r.check(err)
	if !stopped[0] || len(stopped) < 3 {
		t.Errorf("stopped after the steps of %v", stopped)
	}
	r.alike("features", "images", 9)
}

// TestCachedFeaturesWithOtherKeys: a run on images goes on with features, and the other way round, to the same.
func TestCachedFeaturesWithOtherKeys(t *testing.T) {
	r, ctx := newRuns(t), context.Background()
	sets := probe([]string{"conv1"}, onOne)
	_, err := r.train(ctx, "images", sets...)
	r.check(err)
	_, err = r.train(ctx, "both", append(sets, "train.max_steps=3")...)
	r.check(err)
	_, err = r.resume(ctx, "both", append(sets, "train.max_steps=6", caching)...)
	r.check(err)
	_, err = r.resume(ctx, "both", sets...)
	r.check(err)
	r.alike("both", "images", 6, 9)
}

// TestCachedFeaturesWithoutRoom: it says before the first image how much they would take.
func TestCachedFeaturesWithoutRoom(t *testing.T) {
	r := newRuns(t)
	defer train.LimitRoom(1000, 2048)()
	_, err := r.train(context.Background(), "run", append(probe([]string{"conv1"}, onOne), caching)...)
	// 64 and 24 images of 8 maps of 4 x 4, of 4 bytes
	wantError(t, err, "train.cache_features: no room for features: 44.0 KiB, where 1000 B of memory", "2.0 KiB of disk")
	if !errors.Is(err, train.ErrNoRoom) {
		t.Errorf("%v is no ErrNoRoom", err)
	}
	defer train.LimitRoom(1000, 80<<10)() // which checkpoints want some of
	_, err = r.train(context.Background(), "more", append(probe([]string{"conv1"}, onOne), caching)...)
	wantError(t, err, "44.0 KiB", "80.0 KiB of disk are free, of which half may be taken")
}

// TestCachedFeaturesOfTheEnd: a run that was stopped after its last step, before the validation, validates on features
// too; and of one that is done none are computed.
func TestCachedFeaturesOfTheEnd(t *testing.T) {
	r := newRuns(t)
	sets := probe([]string{"conv1"}, onOne)
	_, err := r.train(context.Background(), "images", sets...)
	r.check(err)
	sets = append(sets, caching)
	r.told = &told{step: func(s metrics.Step) error {
		if s.Step == 9 {
			return errors.New("enough")
		}
		return nil
	}}
	_, err = r.train(context.Background(), "features", sets...)
	wantError(t, err, "enough")
	r.told = nil
	var said bytes.Buffer
	r.console = &said
	_, err = r.resume(context.Background(), "features", sets...)
	r.check(err)
	if strings.Contains(said.String(), "of=train") || !strings.Contains(said.String(), "of=val") {
		t.Errorf("it says %s", said.String())
	}
	r.alike("features", "images", 9)
	said.Reset()
	_, err = r.resume(context.Background(), "features", sets...)
	r.check(err)
	if strings.Contains(said.String(), "features of=") {
		t.Errorf("it says %s", said.String())
	}
}

// TestNeverCached: a configuration that was changed after it was read is checked again.
func TestNeverCached(t *testing.T) {
	r := newRuns(t)
	c := r.config(append(probe([]string{"conv1"}), caching)...)
	r.check(c.Trains())
	c.Data.Mirror = true
	wantError(t, c.Trains(), "train.cache_features: ", "data.mirror = true, want false")
}
