package train_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/engine/checkpoint"
)

// TestInit: a training that begins with another's weights has them, at rest, and those of the last layer drawn where it
// has other classes; it goes on by itself, whatever becomes of the file.
func TestInit(t *testing.T) {
	r, ctx := newRuns(t), context.Background()
	_, err := r.train(ctx, "first", "train.max_steps=3")
	r.check(err)
	_, err = r.train(ctx, "drawn", "train.max_steps=1", "train.checkpoint_start=true")
	r.check(err)
	first, err := checkpoint.Load(r.store("first").StepPath(3))
	r.check(err)
	file := r.path("start.safetensors")
	r.check(checkpoint.Save(file, first))
	start := []string{"train.checkpoint_start=true", "train.max_steps=2"}
	for _, c := range []struct {
		name, init string
		sets       []string
		drawn      []string // layers
		where      string   // of the checkpoint that drew the same
	}{
		{"file", file, nil, nil, ""},
		{"folder", r.path("first"), []string{onTwo}, nil, ""},
		{"classes", file, []string{"data.generated.classes=7", "data.packed=" + r.path("seven")}, []string{"fc5"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &runs{t: t, dir: r.dir, console: r.console}
			var said bytes.Buffer
			r.console = &said
			_, err := r.train(ctx, c.name, slices.Concat(start, c.sets, []string{"train.init=" + c.init})...)
			r.check(err)
			f, err := checkpoint.Load(r.store(c.name).StepPath(0))
			r.check(err)
			for _, want := range first.Tensors {
				got, ok := f.Tensor(want.Name)
				layer, _, _ := strings.Cut(strings.TrimPrefix(want.Name, "momentum."), ".")
				switch {
				case !ok:
					t.Errorf("no %s", want.Name)
				case strings.HasPrefix(want.Name, "momentum."):
					if slices.ContainsFunc(got.Data, func(x float32) bool { return x != 0 }) {
						t.Errorf("%s moves already", want.Name)
					}
				case want.Name != "input.mean" && slices.Contains(c.drawn, layer) == slices.Equal(got.Data, want.Data):
					t.Errorf("%s: taken is %v", want.Name, slices.Equal(got.Data, want.Data))
				}
			}
			if !strings.Contains(said.String(), "weights from=") || len(c.drawn) > 0 &&
				!strings.Contains(said.String(), "fc5.weight [7 ") {
				t.Errorf("said %s", said.String())
			}
		})
	}
	var said bytes.Buffer
	other := &runs{t: t, dir: r.dir, console: &said}
	_, err = other.train(ctx, "renamed", slices.Concat(start, []string{"train.init=" + file,
		"network.layers.conv3.name=another"})...)
	r.check(err)
	if want := `left_out="[conv3.bias [16] conv3.weight [16 16 3 3]]"`; !strings.Contains(said.String(), want) {
		t.Errorf("said %s, want %s", said.String(), want)
	}
	r.check(os.Remove(file))
	whole := append(slices.Clone(start), "train.init="+file)
	_, err = r.resume(ctx, "file", append(whole, "train.max_steps=8")...)
	r.check(err)
	for name, words := range map[string]string{
		file:              "train.init: ",
		r.dir:             "without checkpoints",
		r.path("nothing"): "no such file",
	} {
		_, err := r.train(ctx, "no "+filepath.Base(name), "train.init="+name)
		wantError(t, err, words)
	}
	_, err = r.train(ctx, "other", "train.init="+r.path("first"), "network.layers.conv2.maps=12")
	wantError(t, err, "conv2.weight is [16 ")
	if !errors.Is(err, checkpoint.ErrNetwork) {
		t.Errorf("%v is no ErrNetwork", err)
	}
}
