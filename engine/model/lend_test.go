package model_test

import (
	"slices"
	"testing"

	"duet/engine/backend"
	"duet/engine/model"
	"duet/engine/plan"
)

// mute is a device that does not lend.
type mute struct {
	backend.Device
	name string
}

func (m *mute) Name() string { return m.name }

// lending is one that does.
type lending struct {
	mute
	lent *backend.Lent
}

func (l *lending) Lend(bytes int64) (*backend.Lent, error) {
	l.lent = backend.NewLent(make([]uint8, bytes), l, nil)
	return l.lent, nil
}

func TestLendAsksTheFirstDevice(t *testing.T) {
	lender := func(name string) *lending { return &lending{mute: mute{name: name}} }
	for _, c := range []struct {
		name    string
		devices []backend.Device
		lends   bool
	}{
		{"one", []backend.Device{lender("cuda:0")}, true},
		{"two", []backend.Device{lender("cuda:0"), lender("cuda:1")}, true},
		{"two backends", []backend.Device{lender("cuda:0"), lender("dnnl:0")}, false},
		{"no lender", []backend.Device{&mute{name: "tpu:0"}}, false},
	} {
		m := &model.Model{Devices: c.devices}
		l, err := m.Lend(12)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if len(l.Data) != 12 {
			t.Errorf("%s: lent %d bytes, want 12", c.name, len(l.Data))
		}
		if first, is := c.devices[0].(*lending); c.lends != (is && first.lent == l) {
			t.Errorf("%s: lent by the first device: %v, want %v", c.name, !c.lends, c.lends)
		}
		if _, err := m.Lend(-1); err == nil {
			t.Errorf("%s: -1 bytes: no error", c.name)
		}
	}
}

// TestLentImagesTrainTheSame: steps on lent images come to the losses of steps on arrays, bit for bit, though the images
// are written over as soon as Wait returns.
func TestLentImagesTrainTheSame(t *testing.T) {
	for _, d := range devices() {
		t.Run(d, func(t *testing.T) {
			arrays, lent := losses(t, d, false), losses(t, d, true)
			if !slices.Equal(arrays, lent) {
				t.Errorf("losses %v on lent images, %v on arrays", lent, arrays)
			}
			if slices.Equal(arrays[:1], arrays[1:2]) {
				t.Errorf("losses %v: two batches are the same", arrays)
			}
		})
	}
}

// losses are those of six steps, of which each second one is waited for.
func losses(t *testing.T, device string, lent bool) (all []float32) {
	m, b := stepper(t, device)
	l, err := m.Lend(len(b.Images))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // its error would be Wait's
	p, loss := m.Training(), make([]float32, 1)
	for n := range 6 {
		var images any = b.Images
		data := b.Images
		if lent {
			if err := l.Wait(); err != nil {
				t.Fatal(err)
			}
			images, data = l, l.Data
		}
		for i := range data {
			data[i] = uint8(i*(n+3) + i>>8)
		}
		for _, in := range []struct {
			name string
			host any
		}{
			{model.Counters, []uint32{1, 0, uint32(n), 0}}, {model.Images, images}, {model.Draws, b.Draws},
			{model.Labels, b.Labels}, {plan.Rate, []float32{0.01}},
		} {
			if err := p.Upload(in.name, in.host); err != nil {
				t.Fatal(err)
			}
		}
		p.Run()
		if n%2 == 0 {
			continue
		}
		if err := p.Download(model.Loss, loss); err != nil {
			t.Fatal(err)
		}
		all = append(all, loss[0])
	}
	return all
}
