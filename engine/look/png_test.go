package look_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"duet/engine/look"
	"duet/engine/model"
)

// TestPNG holds pictures against those of testdata, which somebody has looked at: -update draws them anew. Letters and
// edges may be rounded otherwise on another processor, so some pixels may differ, and all of them a little.
func TestPNG(t *testing.T) {
	const meanTol, farTol = 0.25, 0.002 // of 255 levels; share of the pixels that differ by 32 of them or more
	red, blue := plain(8, color.RGBA{R: 200}), plain(8, color.RGBA{B: 200})
	ramp := make([]float32, 2*3*6*6)
	for i := range ramp {
		ramp[i] = float32(i % 36)
	}
	curves, err := look.Charts(look.Plot([]look.Run{two}, []string{"loss"}, "step", 0))
	if err != nil {
		t.Fatal(err)
	}
	s, in, f := trained(t, func(string, []float32) {})
	filters, err := look.ReadFilters(s, in, f, "conv1")
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]look.Picture{
		"confusion": confusion(4).Picture("four classes"),
		"sightings": look.Sightings("two images", []look.Sighting{
			{Image: red, Title: "red", Note: "loss 0.1", Bars: []look.Bar{{"red", 0.9, true}, {"blue", 0.1, false}}},
			{Image: blue, Title: "blue", Note: "loss 1.6", Bars: []look.Bar{{"red", 0.8, false}, {"blue", 0.2, true}}}}),
		"neighbours": look.Neighbourhoods("one image", []look.Neighbourhood{{Image: red, Title: "red",
			Nearest: []look.Neighbour{{red, "red", 0}, {blue, "blue", 3.5}}}}),
		"maps": look.Maps("a layer", red, []look.LayerMaps{{Values: ramp,
			Activation: model.Activation{Layer: "conv1", Shape: []int{6, 6, 6}, Towers: 2}}}),
		"curves":  curves,
		"filters": filters.Sheet(),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := p.Encode(".png")
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".png")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			known, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			mean, far := differences(t, got, known)
			if mean > meanTol || far > farTol {
				t.Errorf("%s: pixels differ by %.3g levels, %.3g %% of them by 32 or more; look at the picture that is drawn now "+
					"(go test ./engine/look -run TestPNG -update)", path, mean, 100*far)
			}
		})
	}
}

// differences are how far the channels of two PNGs differ in the mean, of 255 levels, and the share of the pixels that
// differ by 32 or more.
func differences(t *testing.T, a, b []byte) (mean, far float64) {
	t.Helper()
	var both [2]image.Image
	for i, text := range [][]byte{a, b} {
		m, err := png.Decode(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		both[i] = m
	}
	size := both[0].Bounds()
	if size != both[1].Bounds() {
		t.Fatalf("%v, want %v", size, both[1].Bounds())
	}
	for y := range size.Dy() {
		for x := range size.Dx() {
			largest := 0
			p, q := color.RGBAModel.Convert(both[0].At(x, y)).(color.RGBA), color.RGBAModel.Convert(both[1].At(x,
				y)).(color.RGBA)
			for _, d := range []int{int(p.R) - int(q.R), int(p.G) - int(q.G), int(p.B) - int(q.B)} {
				largest = max(largest, d, -d)
				mean += float64(max(d, -d))
			}
			if largest >= 32 {
				far++
			}
		}
	}
	pixels := float64(size.Dx() * size.Dy())
	return mean / 3 / pixels, far / pixels
}
