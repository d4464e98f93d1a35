package look

import (
	"fmt"
	"image"
	"image/color"

	"duet/engine/model"
)

// A LayerMaps is what a layer gave for an image.
type LayerMaps struct {
	model.Activation
	Values []float32 // [Shape...]
}

// Maps draws what every layer gave for an image, the towers beside each other: each map as a tile, dark where it is 0
// and bright at the largest activation of the layer; what is below 0 is blue. A feature is a small square.
func Maps(title string, m image.Image, layers []LayerMaps) Picture {
	const across, heading, gap, inset = 360, 18, 24, 112
	towers := 1
	for _, l := range layers {
		towers = max(towers, l.Towers)
	}
	width := float64(2*margin + towers*(across+gap) - gap)
	type block struct {
		title string
		tiles []*image.RGBA
	}
	var blocks []block
	height := 44.0 + inset + gap
	for _, l := range layers {
		b := block{title: l.describe()}
		tall := 0
		for t := range l.Towers {
			tiles := l.tiles(t, across*pngScale)
			b.tiles = append(b.tiles, tiles)
			tall = max(tall, tiles.Bounds().Dy())
		}
		blocks = append(blocks, b)
		height += heading + float64(tall)/pngScale + gap/2
	}
	return Picture{width, height + margin, func(c *canvas) {
		c.rect(0, 0, width, c.height, color.White, nil)
		bold := style{size: 14, bold: true, ink: ink}
		c.text(margin, 26, bold, c.fitting(bold, title, width-2*margin))
		c.image(margin, 44, scaled(m, inset*pngScale))
		if towers > 1 {
			for t := range towers {
				c.text(margin+float64(t)*(across+gap), 44+inset+16, style{size: 12, bold: true, ink: ink},
					fmt.Sprintf("tower %d", t))
			}
		}
		y := 44.0 + inset + gap
		for _, b := range blocks {
			c.text(margin, y+13, style{size: 12, ink: ink}, b.title)
			y += heading
			tall := 0
			for t, tiles := range b.tiles {
				c.image(margin+float64(t)*(across+gap), y, tiles)
				tall = max(tall, tiles.Bounds().Dy())
			}
			y += float64(tall)/pngScale + gap/2
		}
	}}
}

func (l LayerMaps) describe() string {
	if len(l.Shape) == 3 {
		return fmt.Sprintf("%s: %d maps of %d×%d, up to %.3g", l.Layer, l.Shape[0], l.Shape[1], l.Shape[2],
			largest(l.Values))
	}
	return fmt.Sprintf("%s: %d features, up to %.3g", l.Layer, l.Shape[0], largest(l.Values))
}

// tiles are the maps of a tower in rows of so many pixels at most.
func (l LayerMaps) tiles(tower, across int) *image.RGBA {
	maps, h, w := l.Shape[0]/l.Towers, 1, 1
	if len(l.Shape) == 3 {
		h, w = l.Shape[1], l.Shape[2]
	}
	columns, least := min(max(across/(2*max(h, w)+2), 8), 16), 1
	if h*w == 1 {
		columns, least = 64, 8
	}
	columns = min(columns, maps)
	tile := max(across/columns-2, least) // pixels of the longer side
	if max(h, w) < tile {
		tile = min(tile/max(h, w), 8) * max(h, w)
	}
	high, wide := max(tile*h/max(h, w), 1), max(tile*w/max(h, w), 1)
	rows := (maps + columns - 1) / columns
	sheet := image.NewRGBA(image.Rect(0, 0, columns*(wide+2)-2, rows*(high+2)-2))
	most := largest(l.Values)
	for k := range maps {
		values := l.Values[(tower*maps+k)*h*w:][:h*w]
		m := image.NewRGBA(image.Rect(0, 0, w, h))
		for i, v := range values {
			m.SetRGBA(i%w, i/w, heat(v/most))
		}
		x, y := k%columns*(wide+2), k/columns*(high+2)
		to := scaled(m, max(high, wide))
		for v := range to.Bounds().Dy() {
			for u := range to.Bounds().Dx() {
				sheet.SetRGBA(x+u, y+v, to.RGBAAt(u, v))
			}
		}
	}
	return sheet
}

// heat is an activation from -1 to 1 as a colour: black is 0, white 1, blue -1.
func heat(v float32) color.RGBA {
	level := func(v float32) uint8 { return uint8(min(max(255*v, 0), 255) + 0.5) }
	if v < 0 {
		return color.RGBA{0, level(-v / 2), level(-v), 255}
	}
	return color.RGBA{level(v), level(v), level(v), 255}
}

// An Occlusion is how probable a class is while a square patch of the image is hidden, at many places.
type Occlusion struct {
	Side   int     // of the image in pixels
	Patch  int     // side of the patch
	Whole  float64 // probability with nothing hidden
	Hidden []Hidden
}

// Hidden is a place of the patch.
type Hidden struct {
	X, Y        int // of its upper left pixel
	Probability float64
}

// Places are the upper left corners of patches that cover an image, so many pixels apart, the last ones at its edges.
func Places(side, patch, apart int) (all []image.Point) {
	var along []int
	for at := 0; at < side-patch; at += apart {
		along = append(along, at)
	}
	along = append(along, side-patch)
	for _, y := range along {
		for _, x := range along {
			all = append(all, image.Pt(x, y))
		}
	}
	return all
}

// Taken is how much probability each pixel takes with it: the mean, over the places of the patch that hide it, of how
// much less probable the class is then. [Side, Side].
func (o Occlusion) Taken() []float64 {
	taken, count := make([]float64, o.Side*o.Side), make([]float64, o.Side*o.Side)
	for _, h := range o.Hidden {
		for y := h.Y; y < h.Y+o.Patch; y++ {
			for x := h.X; x < h.X+o.Patch; x++ {
				taken[y*o.Side+x] += o.Whole - h.Probability
				count[y*o.Side+x]++
			}
		}
	}
	for i, n := range count {
		if n > 0 {
			taken[i] /= n
		}
	}
	return taken
}

// Picture draws the image, and beside it in grey with what its pixels take from the probability of the class when they
// are hidden in red, and what they give then in blue, both by the largest of all.
func (o Occlusion) Picture(title, note string, m image.Image) Picture {
	const side = 320
	taken := o.Taken()
	var most float64
	for _, t := range taken {
		most = max(most, t, -t)
	}
	over := image.NewRGBA(image.Rect(0, 0, o.Side, o.Side))
	square := scaled(m, o.Side)
	for i, t := range taken {
		x, y := i%o.Side, i/o.Side
		p := square.RGBAAt(x, y)
		grey := (77*float64(p.R) + 150*float64(p.G) + 29*float64(p.B)) / 256
		share := 0.0
		if most > 0 {
			share = t / most
		}
		mix := func(to float64) uint8 { return uint8(grey + (to-grey)*0.8*max(share, -share)) }
		if share >= 0 {
			over.SetRGBA(x, y, color.RGBA{mix(0xe0), mix(0x20), mix(0x10), 0xff})
		} else {
			over.SetRGBA(x, y, color.RGBA{mix(0x10), mix(0x50), mix(0xe0), 0xff})
		}
	}
	return Picture{2*margin + 2*side + 16, side + 84, func(c *canvas) {
		width := float64(2*margin + 2*side + 16)
		c.rect(0, 0, width, c.height, color.White, nil)
		bold, plain := style{size: 14, bold: true, ink: ink}, style{size: 12, ink: ink}
		c.text(margin, 26, bold, c.fitting(bold, title, width-2*margin))
		c.image(margin, 44, scaled(square, side*pngScale))
		c.image(margin+side+16, 44, scaled(over, side*pngScale))
		c.text(margin, 44+side+22, plain, c.fitting(plain, note, width-2*margin))
	}}
}
