package train_test

import (
	"bytes"
	"context"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"duet/engine/metrics"
	"duet/engine/train"
)

// TestMistakes: the file of the last validation agrees with its line of metrics and with the data.
func TestMistakes(t *testing.T) {
	r := newRuns(t)
	c := r.config()
	_, err := r.train(context.Background(), "run", "train.max_steps=7")
	r.check(err)
	m, err := train.ParseMistakes(r.mistakes("run"))
	r.check(err)
	_, validations := r.metrics("run")
	last := validations[len(validations)-1]
	data, err := train.OpenData(context.Background(), c.Data, train.DataHooks{})
	r.check(err)
	defer data.Close()
	files, err := data.Val.Files()
	r.check(err)
	reader, err := data.Val.NewReader()
	r.check(err)
	defer reader.Close()

	images, right := 0, 0
	of := make([]int, len(m.Classes))
	for i, c := range m.Confusion {
		if i > 0 && !(m.Confusion[i-1][0] < c[0] || m.Confusion[i-1][0] == c[0] && m.Confusion[i-1][1] < c[1]) {
			t.Errorf("confusion: %v after %v", c, m.Confusion[i-1])
		}
		images, of[c[0]] = images+c[2], of[c[0]]+c[2]
		if c[0] == c[1] {
			right += c[2]
		}
	}
	if got := 1 - float64(right)/float64(images); m.Step != last.Step || images != 24 || m.Images != images ||
		math.Abs(got-last.Top1Error) > 1e-12 {
		t.Errorf("step %d, %d images of %d, error %v; the metrics say step %d, error %v", m.Step, images, m.Images, got,
			last.Step, last.Top1Error)
	}
	for label, name := range m.Classes {
		if name != data.Val.Classes()[label].ID || of[label] != 6 {
			t.Errorf("class %d is %q with %d images, want %v with 6", label, name, of[label], data.Val.Classes()[label])
		}
	}
	if len(m.Worst) != 12 {
		t.Fatalf("%d images, want 12", len(m.Worst))
	}
	for i, w := range m.Worst {
		index := -1
		for k, file := range files {
			if file == w.File {
				index = k
			}
		}
		if index < 0 || int(data.Val.Labels()[index]) != w.Class || i > 0 && w.Loss > m.Worst[i-1].Loss {
			t.Fatalf("image %d: %q of class %d, loss %v after %v", i, w.File, w.Class, w.Loss, m.Worst[max(i-1, 0)].Loss)
		}
		for k, taken := range w.Taken {
			if math.Abs(-math.Log(float64(w.Probabilities[k]))-float64(w.Loss)) > 1e-6 && taken == w.Class {
				t.Errorf("%s: loss %v of probability %v", w.File, w.Loss, w.Probabilities[k])
			}
		}
		pixels := make([]byte, 3*data.Val.Height()*data.Val.Width())
		r.check(reader.Read(index, pixels))
		drawn, err := png.Decode(bytes.NewReader(w.PNG))
		r.check(err)
		for p := range len(pixels) / 3 {
			x, y := p%data.Val.Width(), p/data.Val.Width()
			red, green, blue, _ := drawn.At(x, y).RGBA()
			if !bytes.Equal([]byte{byte(red >> 8), byte(green >> 8), byte(blue >> 8)}, pixels[3*p:3*p+3]) {
				t.Fatalf("%s: pixel %d,%d is %v", w.File, x, y, drawn.At(x, y))
			}
		}
	}
}

// TestMistakesNotWritten: a file of mistakes that cannot be written ends the run, which can go on.
func TestMistakesNotWritten(t *testing.T) {
	r, ctx := newRuns(t), context.Background()
	_, err := r.train(ctx, "whole", "train.max_steps=6")
	r.check(err)
	inTheWay := filepath.Join(r.path("run"), "mistakes.json.new")
	r.told = &told{step: func(s metrics.Step) error {
		if s.Step == 5 {
			r.check(os.Mkdir(inTheWay, 0o755))
		}
		return nil
	}}
	_, err = r.train(ctx, "run", "train.max_steps=6")
	wantError(t, err, "mistakes.json.new")
	r.told = nil
	r.check(os.Remove(inTheWay))
	_, err = r.resume(ctx, "run", "train.max_steps=6")
	r.check(err)
	r.eachStepOnce("run", "whole")
	r.same("run", "whole", 6)
}
