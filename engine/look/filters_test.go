package look_test

import (
	"bytes"
	"image/png"
	"math"
	"strings"
	"testing"

	"duet/configs"
	"duet/engine/checkpoint"
	"duet/engine/look"
	"duet/engine/model"
)

func TestSelectivity(t *testing.T) {
	for name, c := range map[string]struct {
		red, green, blue []float32
		want             float64
	}{
		"brightness":      {[]float32{1, -2}, []float32{1, -2}, []float32{1, -2}, 0},
		"red and green":   {[]float32{1, 0}, []float32{-1, 0}, []float32{0, 0}, 1},
		"red alone":       {[]float32{3, 0}, []float32{0, 0}, []float32{0, 0}, 2. / 3},
		"half and half":   {[]float32{1, 1}, []float32{1, -1}, []float32{1, 0}, 2. / 5}, // 3 of brightness, 2 of colour
		"nothing":         {[]float32{0, 0}, []float32{0, 0}, []float32{0, 0}, 0},
		"the same, large": {[]float32{1e18, 1e18}, []float32{1e18, -1e18}, []float32{1e18, 0}, 2. / 5},
	} {
		weights := append(append(append([]float32(nil), c.red...), 0, 0), append(c.green, 0, 0)...)
		weights = append(weights, append(c.blue, 0, 0)...)
		if got := (look.Filter{Weights: weights, Channels: 3, Side: 2}).Selectivity(); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got := (look.Filter{Weights: make([]float32, 8), Channels: 2, Side: 2}).Selectivity(); got != 0 {
		t.Errorf("of two channels: %v", got)
	}
}

// trained is a checkpoint of quick whose weights are those of initialisation, but for what change does to them.
func trained(t *testing.T, change func(name string, weights []float32)) (model.Setup, model.Input, *checkpoint.File) {
	t.Helper()
	c, err := configs.Load("quick", nil)
	if err != nil {
		t.Fatal(err)
	}
	s, in := c.Setup(), model.RandomInput(c.Data, 10)
	g, err := s.Graph(in, false)
	if err != nil {
		t.Fatal(err)
	}
	f := &checkpoint.File{Meta: checkpoint.Meta{Step: 7}}
	for _, p := range g.Params {
		weights := p.Initial(1)
		change(p.Name, weights)
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: weights})
	}
	return s, in, f
}

// The filters of each tower are its rows of the whole network's weights.
func TestReadFilters(t *testing.T) {
	s, in, f := trained(t, func(name string, weights []float32) {
		if name == "conv1.weight" { // 32 filters of 75 weights: the second tower's look at brightness
			for i := range weights[16*75:] {
				weights[16*75+i] = float32(i/75 + 1)
			}
		}
	})
	x, err := look.ReadFilters(s, in, f, "")
	if err != nil {
		t.Fatal(err)
	}
	if x.Layer != "conv1" || x.Step != 7 || len(x.Towers) != 2 || len(x.Towers[0]) != 16 || len(x.Towers[1]) != 16 {
		t.Fatalf("%s, step %d, %d towers", x.Layer, x.Step, len(x.Towers))
	}
	if x.Selectivity(0) < 0.5 || x.Selectivity(1) != 0 || x.Towers[1][3].Weights[5] != 4 || x.Towers[0][0].Side != 5 {
		t.Errorf("selectivity %v and %v, a weight of %v", x.Selectivity(0), x.Selectivity(1), x.Towers[1][3].Weights[5])
	}
	// A row of 16 filters for each tower, of 5×5 weights of two pixels; a filter that is the same everywhere is white.
	sheet := x.Image(2)
	if size := sheet.Bounds().Size(); size.X != 16*12-2 || size.Y != 2*10+8 {
		t.Errorf("an image of %v", size)
	}
	if r, g, b, a := sheet.At(0, 18).RGBA(); r>>8 != 255 || g != r || b != r || a != r {
		t.Errorf("the second tower begins with %v", sheet.At(0, 18))
	}
	p := x.Sheet()
	b, err := p.Encode(".png")
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	white := 0 // the second tower's filters, of one weight each
	for px := range m.Bounds().Dx() {
		if r, g, b, _ := m.At(px, m.Bounds().Dy()-60).RGBA(); r>>8 == 255 && g == r && b == r {
			white++
		}
	}
	if white != m.Bounds().Dx() {
		t.Errorf("%d of %d pixels of a row are white", white, m.Bounds().Dx())
	}
	if d := draw(t, p); len(d.labels) != 3 || !strings.HasPrefix(d.labels[2].text, "tower 1, 16 filters of 5×5") {
		t.Errorf("labels %v", d.labels)
	}
	other, err := look.ReadFilters(s, in, f, "conv2")
	if err != nil || other.Layer != "conv2" || other.Towers[0][0].Channels != 16 {
		t.Errorf("conv2: %+v, error %v", other, err)
	}
	for layer, want := range map[string]string{"fc4": "no convolution fc4: want one of conv1, conv2",
		"norm1": "no convolution norm1"} {
		if _, err := look.ReadFilters(s, in, f, layer); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", layer, err)
		}
	}
	f.Tensors = f.Tensors[1:]
	if _, err := look.ReadFilters(s, in, f, "conv1"); err == nil || !strings.Contains(err.Error(), "has no conv1.weight") {
		t.Errorf("without it: %v", err)
	}
}
