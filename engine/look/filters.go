package look

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"slices"
	"strings"

	"duet/engine/checkpoint"
	"duet/engine/model"
	"duet/engine/op"
)

// Filters are the kernels of a convolution as a checkpoint has them, by tower.
type Filters struct {
	Layer  string
	Step   uint64
	Towers [][]Filter
}

// A Filter is the kernel of one output map.
type Filter struct {
	Weights  []float32 // [Channels, Side, Side]
	Channels int
	Side     int
}

// ReadFilters reads the filters of a layer, or of the first convolution where the name is "". s is the setup that the
// checkpoint was trained with, in its input.
func ReadFilters(s model.Setup, in model.Input, f *checkpoint.File, layer string) (*Filters, error) {
	g, err := s.Describe(in, false)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, p := range g.Params {
		name, isWeight := strings.CutSuffix(p.Name, ".weight")
		if !isWeight || len(p.Shape) != 4 {
			continue
		}
		known = append(known, name)
		if layer != "" && layer != name {
			continue
		}
		t, ok := f.Tensor(p.Name)
		if !ok || !slices.Equal(t.Shape, p.Shape) {
			return nil, fmt.Errorf("the checkpoint has no %s of %v", p.Name, p.Shape)
		}
		x, size, at := &Filters{Layer: name, Step: f.Meta.Step}, op.Type{Shape: p.Shape[1:]}.Len(), 0
		for _, part := range p.Parts {
			tower := make([]Filter, part.Rows)
			for i := range tower {
				tower[i] = Filter{t.Data[at : at+size], p.Shape[1], p.Shape[2]}
				at += size
			}
			x.Towers = append(x.Towers, tower)
		}
		return x, nil
	}
	return nil, fmt.Errorf("no convolution %s: want one of %s", layer, strings.Join(known, ", "))
}

// Selectivity is how much of a filter of three channels is about colour, 0 to 1: the share of the sum of its squared
// weights that is left when each channel's weight gives way to its difference from the mean of the three. A filter that
// looks at brightness alone has the same weights in every channel, and 0; one whose channels' weights add up to nothing
// everywhere has 1. It is 0 for a filter of zeros, and of other than three channels.
func (f Filter) Selectivity() float64 {
	if f.Channels != 3 {
		return 0
	}
	n := f.Side * f.Side
	var colour, all float64
	for i := range n {
		var sum, squares float64
		for c := range 3 {
			w := float64(f.Weights[c*n+i])
			sum, squares = sum+w, squares+w*w
		}
		colour, all = colour+squares-sum*sum/3, all+squares
	}
	if all == 0 {
		return 0
	}
	return min(max(colour/all, 0), 1)
}

// InColour says whether the filters see three channels.
func (x *Filters) InColour() bool { return x.Towers[0][0].Channels == 3 }

// Selectivity is the mean of a tower's filters.
func (x *Filters) Selectivity(tower int) float64 {
	var sum float64
	for _, f := range x.Towers[tower] {
		sum += f.Selectivity()
	}
	return sum / float64(len(x.Towers[tower]))
}

// largest is the largest magnitude among weights, or 1 where all are 0.
func largest(weights []float32) float32 {
	var most float32
	for _, w := range weights {
		most = max(most, w, -w)
	}
	if most == 0 {
		return 1
	}
	return most
}

// level is a weight as a brightness: 0 is in the middle, the largest magnitude at an end.
func level(w, most float32) uint8 { return uint8(127.5 + 127*w/most + 0.5) }

// tiles are the filters of a tower as squares of so many pixels a weight: those of three channels in colour, columns
// of them beside each other; of others each channel in grey, a row for each filter.
func tiles(filters []Filter, columns, pixel int) *image.RGBA {
	side, channels := filters[0].Side*pixel, 1
	if c := filters[0].Channels; c != 3 {
		columns, channels = c, c
	}
	count := len(filters) * channels
	rows := (count + columns - 1) / columns
	m := image.NewRGBA(image.Rect(0, 0, columns*(side+pixel)-pixel, rows*(side+pixel)-pixel))
	for k := range count {
		f, channel := filters[k/channels], k%channels
		most, n := largest(f.Weights), f.Side*f.Side
		x, y := k%columns*(side+pixel), k/columns*(side+pixel)
		for v := range side {
			for u := range side {
				at := v/pixel*f.Side + u/pixel
				c := color.RGBA{A: 255}
				if channels == 1 {
					c.R, c.G, c.B = level(f.Weights[at], most), level(f.Weights[n+at], most), level(f.Weights[2*n+at], most)
				} else {
					c.R = level(f.Weights[channel*n+at], most)
					c.G, c.B = c.R, c.R
				}
				m.SetRGBA(x+u, y+v, c)
			}
		}
	}
	return m
}

// columns is how many filters of three channels stand side by side.
const columns = 16

// Image is the filters as Sheet has them, without its words: so many pixels a weight, the towers a row apart.
func (x *Filters) Image(pixel int) image.Image {
	var all []*image.RGBA
	var size image.Point
	for _, filters := range x.Towers {
		m := tiles(filters, columns, pixel)
		all = append(all, m)
		size = image.Pt(max(size.X, m.Rect.Dx()), size.Y+m.Rect.Dy()+4*pixel)
	}
	sheet := image.NewRGBA(image.Rect(0, 0, size.X, size.Y-4*pixel))
	y := 0
	for _, m := range all {
		draw.Draw(sheet, m.Rect.Add(image.Pt(0, y)), m, image.Point{}, draw.Src)
		y += m.Rect.Dy() + 4*pixel
	}
	return sheet
}

// Sheet draws the filters, each between its own least and largest weight: those of the first convolution in colour, as
// Figure 3 of the paper of 2012, of others the channels of each in a row. One tower lies above the other.
func (x *Filters) Sheet() Picture {
	const across, most = 760, 8 // pixels; pixels a weight
	first := x.Towers[0][0]
	wide := columns * (first.Side + 1)
	if first.Channels != 3 {
		wide = first.Channels * (first.Side + 1)
	}
	pixel := min(max(across*pngScale/wide, 1), most)
	var images []*image.RGBA
	width, height := 0.0, 40.0
	for _, filters := range x.Towers {
		m := tiles(filters, columns, pixel)
		images = append(images, m)
		width, height = max(width, float64(m.Bounds().Dx())/pngScale), height+float64(m.Bounds().Dy())/pngScale+36
	}
	width = max(width+2*margin, 420)
	return Picture{width, height, func(c *canvas) {
		c.rect(0, 0, width, height, color.White, nil)
		c.text(margin, 24, style{size: 14, bold: true, ink: ink}, fmt.Sprintf("%s after step %d", x.Layer, x.Step))
		y := 50.0
		for t, m := range images {
			title := fmt.Sprintf("tower %d, %d filters of %d×%[3]d", t, len(x.Towers[t]), first.Side)
			if first.Channels == 3 {
				title += fmt.Sprintf(", colour selectivity %.3f", x.Selectivity(t))
			}
			c.text(margin, y, style{size: 12, ink: ink}, title)
			c.image(margin, y+8, m)
			y += float64(m.Bounds().Dy())/pngScale + 36
		}
	}}
}
