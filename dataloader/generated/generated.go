// Package generated is the source "generated": one of ten shapes or patterns on a plain ground, with random colours,
// place, size, turn, shading and noise. Either of the two colours may be the brighter, so that no single pixel tells
// the class: a linear classifier stays far above the error of a small convolutional network.
package generated

import (
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"math"

	"duet/dataloader/layout"
	"duet/dataloader/source"
	"duet/internal/invalid"
	"duet/internal/rng"
)

// A shape is a signed distance in pixels to the edge of a figure, negative inside, at (u, v) from its centre; r is its
// radius, or half the period of a pattern. Quilez's "2D distance functions" explains such formulas.
type shape struct {
	name     string
	turn     float64 // largest turn to either side, in radians
	pattern  bool    // fills the image
	distance func(u, v, r float64) float64
}

// shapes are the classes in the order of their labels; a generated set of n classes has the first n.
var shapes = []shape{
	{"disc", 0, false, func(u, v, r float64) float64 { return math.Hypot(u, v) - r }},
	{"horizontal", 0.2, true, func(u, v, r float64) float64 { return stripe(v, r) }},
	{"square", 0.25, false, func(u, v, r float64) float64 { return max(math.Abs(u), math.Abs(v)) - 0.88*r }},
	{"vertical", 0.2, true, func(u, v, r float64) float64 { return stripe(u, r) }},
	{"ring", 0, false, func(u, v, r float64) float64 { return math.Abs(math.Hypot(u, v)-0.78*r) - 0.22*r }},
	{"checkerboard", 0.2, true, func(u, v, r float64) float64 {
		a, b := stripe(u, r), stripe(v, r)
		return max(min(a, b), -max(a, b)) // inside exactly one of the two
	}},
	{"triangle", 0.4, false, func(u, v, r float64) float64 {
		return max(v, math.Abs(u)*math.Sqrt(3)/2-v/2) - 0.55*r
	}},
	{"diagonal", 0.2, true, func(u, v, r float64) float64 { return stripe((u+v)*math.Sqrt2/2, r) }},
	{"cross", 0.25, false, func(u, v, r float64) float64 {
		a, b := math.Abs(u), math.Abs(v)
		return max(max(a, b)-r, min(a, b)-0.28*r)
	}},
	{"gradient", math.Pi, true, func(u, v, r float64) float64 { return u / (4 * r) }},
}

// stripe is the distance to stripes of width r across x.
func stripe(x, r float64) float64 {
	return math.Abs(x-2*r*math.Round(x/(2*r))) - r/2
}

// numbers hands out the words of one image's stream in order.
type numbers struct {
	stream rng.Stream
	next   uint64
}

// between is uniform in [low, high).
func (n *numbers) between(low, high float64) float64 {
	n.next++
	return low + (high-low)*float64(n.stream.Float32(n.next-1))
}

// colors draws two colours, 0 to 255, at least a third of the longest possible distance apart.
func (n *numbers) colors() (a, b [3]float64) {
	for {
		distance := 0.
		for c := range 3 {
			a[c], b[c] = n.between(0, 255), n.between(0, 255)
			distance += (a[c] - b[c]) * (a[c] - b[c])
		}
		if distance >= 3*85*85 {
			return a, b
		}
	}
}

// draw is image number index of a split: [size,size] of shape s.
func (s shape) draw(size int, seed uint64, split, index uint32) *image.RGBA {
	n := &numbers{stream: rng.New(seed, rng.Generate, split, index)}
	ground, figure := n.colors()
	side := float64(size)
	cx, cy := n.between(0.35, 0.65)*side, n.between(0.35, 0.65)*side
	r := n.between(0.2, 0.34) * side
	if s.pattern {
		r = max(n.between(0.07, 0.14)*side, 1.5)
	}
	turn := n.between(-s.turn, s.turn)
	mirror := 1.
	if n.between(0, 1) < 0.5 {
		mirror = -1
	}
	shadeX, shadeY := n.between(-25, 25), n.between(-25, 25) // grey levels from the middle to the edge
	noise := n.between(4, 24)                                // standard deviation in grey levels
	sin, cos := math.Sincos(turn)
	m := image.NewRGBA(image.Rect(0, 0, size, size))
	words := n.next/4 + 1 // blocks of the stream that are still unused
	for y := range size {
		for x := range size {
			dx, dy := (float64(x)+0.5-cx)*mirror, float64(y)+0.5-cy
			inside := min(max(0.5-s.distance(cos*dx-sin*dy, sin*dx+cos*dy, r), 0), 1)
			shade := shadeX*(2*(float64(x)+0.5)/side-1) + shadeY*(2*(float64(y)+0.5)/side-1)
			block := n.stream.Block(words)
			words++
			p := m.Pix[m.PixOffset(x, y):]
			for c := range 3 {
				v := ground[c] + (figure[c]-ground[c])*inside + shade + noise*nearNormal(block[c])
				p[c] = uint8(min(max(v+0.5, 0), 255))
			}
			p[3] = 255
		}
	}
	return m
}

// nearNormal is the sum of the four bytes of a word, shifted and scaled to mean 0 and variance 1.
func nearNormal(word uint32) float64 {
	sum := word&255 + word>>8&255 + word>>16&255 + word>>24
	return (float64(sum) - 510) / math.Sqrt(4*(256*256-1)/12.)
}

// Options say what the source "generated" draws.
type Options struct {
	Classes int `toml:"classes" json:"classes"` // 2 to 10
	Train   int `toml:"train" json:"train"`     // images of the training split
	Val     int `toml:"val" json:"val"`         // images of the validation split
	Size    int `toml:"size" json:"size"`       // side in pixels
}

// Default is what the zero value of Options stands for.
func Default() Options { return Options{Classes: 10, Train: 8000, Val: 1000, Size: 40} }

// Validate checks the values. Its error is an *invalid.Error.
func (o Options) Validate() error {
	for _, v := range []struct {
		key            string
		got, low, high int
	}{
		{"classes", o.Classes, 2, len(shapes)},
		{"train", o.Train, o.Classes, 1 << 24},
		{"val", o.Val, 0, 1 << 24},
		{"size", o.Size, 8, 512},
	} {
		if v.got < v.low || v.got > v.high {
			return invalid.Key("generated."+v.key, "%d, want %d to %d", v.got, v.low, v.high)
		}
	}
	return nil
}

// generated is the source of these images. Item i of a split has label i modulo the number of classes.
type generated struct {
	Options
	seed uint64
}

// Open is the source of images that o and the seed alone determine. Its errors are of o.
func Open(o Options, seed uint64) (source.Source, error) {
	if o == (Options{}) {
		o = Default()
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return &generated{o, seed}, nil
}

func (g *generated) List(ctx context.Context, progress func(int)) (*source.Listing, error) {
	l := &source.Listing{Kind: source.GeneratedPath}
	for _, s := range shapes[:g.Classes] {
		l.Classes = append(l.Classes, source.Class{ID: s.name})
	}
	for i := range g.Train + g.Val {
		name, k := "train#%d", i
		if i >= g.Train {
			name, k = "val#%d", i-g.Train
		}
		l.Items = append(l.Items, layout.NewItem(fmt.Sprintf(name, k), int32(k%g.Classes), i >= g.Train))
	}
	if g.Size <= layout.MaxSide {
		l.Side = g.Size
	}
	l.Fingerprint = fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "generated %+v seed %d", g.Options, g.seed)))
	if progress != nil {
		progress(len(l.Items))
	}
	return l, ctx.Err()
}

func (g *generated) Read(ctx context.Context, want func(int) bool, emit func(int, source.Fetch) error) error {
	for i := range g.Train + g.Val {
		if err := ctx.Err(); err != nil {
			return err
		}
		if want != nil && !want(i) {
			continue
		}
		if err := emit(i, func([]byte) (source.Content, error) {
			return source.Content{Image: g.image(i)}, nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (g *generated) image(i int) image.Image {
	split := uint32(0)
	if i >= g.Train {
		split, i = 1, i-g.Train
	}
	return shapes[i%g.Classes].draw(g.Size, g.seed, split, uint32(i))
}

func (g *generated) Unchanged() error { return nil }

func (g *generated) Close() error { return nil }
