package look_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"

	"duet/engine/look"
	"duet/engine/model"
)

// plain is an image of one colour.
func plain(side int, c color.RGBA) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := 0; i < len(m.Pix); i += 4 {
		copy(m.Pix[i:], []byte{c.R, c.G, c.B, 255})
	}
	return m
}

// confusion is one of n classes with long names, each of which is taken for the next once in four times.
func confusion(n int) *look.Confusion {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("a class whose name is long, number %d", i))
	}
	x := look.NewConfusion(names)
	for i := range n {
		x.Counts[i][i], x.Counts[i][(i+1)%n] = 750, 250
	}
	return x
}

// TestSheets: whatever is drawn, no text lies over another, leaves the picture or is too small to be read.
func TestSheets(t *testing.T) {
	m := plain(32, color.RGBA{R: 200})
	long := strings.Repeat("a long name ", 9)
	sighting := look.Sighting{Image: m, Title: long, Note: long}
	for i := range 5 {
		sighting.Bars = append(sighting.Bars, look.Bar{Name: long, Probability: 1 / float64(i+1), True: i == 1})
	}
	neighbourhood := look.Neighbourhood{Image: m, Title: long}
	for i := range 6 {
		neighbourhood.Nearest = append(neighbourhood.Nearest,
			look.Neighbour{Image: m, Title: long, Distance: 1234.5678 * float64(i)})
	}
	layer := func(name string, towers int, shape ...int) look.LayerMaps {
		n := 1
		for _, d := range shape {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(i%7) - 1
		}
		return look.LayerMaps{Activation: model.Activation{Layer: name, Shape: shape, Towers: towers}, Values: values}
	}
	occlusion := look.Occlusion{Side: 32, Patch: 8, Whole: 0.5, Hidden: []look.Hidden{{X: 3, Y: 4, Probability: 0.25}}}
	for name, p := range map[string]look.Picture{
		"one image":     look.Sightings(long, []look.Sighting{sighting}),
		"nine images":   look.Sightings(long, slices.Repeat([]look.Sighting{sighting}, 9)),
		"no numbers":    look.Sightings("NaN", []look.Sighting{{Image: m, Bars: []look.Bar{{Probability: math.NaN()}}}}),
		"no bars":       look.Sightings("few", []look.Sighting{{Image: m, Title: "a"}}),
		"neighbours":    look.Neighbourhoods(long, slices.Repeat([]look.Neighbourhood{neighbourhood}, 3)),
		"two classes":   confusion(2).Picture(long),
		"ten classes":   confusion(10).Picture("data"),
		"forty classes": confusion(40).Picture("data"),
		"1000 classes":  confusion(1000).Picture("data"),
		"maps": look.Maps(long, m, []look.LayerMaps{layer("conv1", 2, 96, 55, 55), layer("pool5", 2, 256, 6, 6),
			layer("fc7", 2, 4096), layer("fc8", 1, 1000)}),
		"maps of one tower": look.Maps(long, m, []look.LayerMaps{layer("conv1", 1, 6, 3, 3)}),
		"occlusion":         occlusion.Picture(long, long, m),
	} {
		t.Run(name, func(t *testing.T) {
			d := draw(t, p)
			if len(d.labels) < 2 {
				t.Errorf("%d texts", len(d.labels))
			}
			for i, a := range d.labels {
				if a.size < 11 {
					t.Errorf("%q in letters of %v pixels", a.text, a.size)
				}
				if !a.within(d.whole) {
					t.Errorf("%q leaves the picture: %v of %v", a.text, a, d.whole)
				}
				for _, b := range d.labels[i+1:] {
					if a.meets(b) {
						t.Errorf("%q lies over %q", a.text, b.text)
					}
				}
			}
		})
	}
}

// TestConfusion: mistakes are listed by how many, then by the share of their class.
func TestConfusion(t *testing.T) {
	x := look.NewConfusion([]string{"a", "b", "c"})
	x.Counts = [][]int{{5, 2, 1}, {2, 0, 0}, {0, 3, 7}}
	want := []look.Pair{{True: 2, Taken: 1, Count: 3, Of: 10}, {True: 1, Taken: 0, Count: 2, Of: 2},
		{True: 0, Taken: 1, Count: 2, Of: 8}, {True: 0, Taken: 2, Count: 1, Of: 8}}
	if got := x.Pairs(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	d := draw(t, x.Picture("data"))
	var texts []string
	for _, l := range d.labels {
		texts = append(texts, l.text)
	}
	for _, want := range []string{"3 of 10  c  taken for  b", "7", "b  1"} {
		if !slices.Contains(texts, want) {
			t.Errorf("no %q among %q", want, texts)
		}
	}
}

// TestOcclusion: every pixel takes the mean of what the patches over it took; the picture is red where that is most.
func TestOcclusion(t *testing.T) {
	if got, want := look.Places(5, 3, 2), []image.Point{{}, {X: 2}, {Y: 2}, {X: 2, Y: 2}}; !slices.Equal(got, want) {
		t.Errorf("places %v, want %v", got, want)
	}
	if got := look.Places(4, 4, 1); !slices.Equal(got, []image.Point{{}}) {
		t.Errorf("places of a patch that hides all: %v", got)
	}
	o := look.Occlusion{Side: 4, Patch: 2, Whole: 0.9, Hidden: []look.Hidden{{X: 0, Y: 0, Probability: 0.1},
		{X: 1, Y: 0, Probability: 0.7}, {X: 2, Y: 2, Probability: 1}}}
	want := []float64{0.8, 0.5, 0.2, 0, 0.8, 0.5, 0.2, 0, 0, 0, -0.1, -0.1, 0, 0, -0.1, -0.1}
	for i, got := range o.Taken() {
		if !(math.Abs(got-want[i]) <= 1e-12) {
			t.Errorf("pixel %d takes %v, want %v", i, got, want[i])
		}
	}
	b, err := o.Picture("a", "b", plain(4, color.RGBA{R: 99, G: 99, B: 99})).Encode(".png")
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	at := func(x, y int) color.RGBA { // of the square of 4x4, whose side is 320 pixels of a screen
		return color.RGBAModel.Convert(m.At(2*(16+320+16+80*x+40), 2*(44+80*y+40))).(color.RGBA)
	}
	if c := at(0, 0); c.R < 180 || c.G > 80 {
		t.Errorf("where most is taken it is %v", c)
	}
	if c := at(0, 3); c.R != c.G || c.R != c.B {
		t.Errorf("where no patch was it is %v", c)
	}
	if c := at(3, 3); c.B <= c.R {
		t.Errorf("where some is given it is %v", c)
	}
}

// TestMaps: each tower has its own half of the maps, and each layer its own scale.
func TestMaps(t *testing.T) {
	l := look.LayerMaps{Activation: model.Activation{Layer: "conv1", Shape: []int{2, 1, 1}, Towers: 2},
		Values: []float32{4, -4}}
	b, err := look.Maps("a", plain(8, color.RGBA{}), []look.LayerMaps{l}).Encode(".png")
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	at := func(x int) color.RGBA { return color.RGBAModel.Convert(m.At(2*x+4, 2*(44+112+24+18)+4)).(color.RGBA) }
	if first, second := at(16), at(16+360+24); first != (color.RGBA{255, 255, 255, 255}) || second.B != 255 ||
		second.R != 0 {
		t.Errorf("the towers' maps are %v and %v", first, second)
	}
}
