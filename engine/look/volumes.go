package look

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot/vg"
)

// The measures of Volumes, in pixels.
const (
	volumeGap   = 46  // between layers
	towerHeight = 210 // of the picture
	slantX      = 0.36
	slantY      = 0.26 // of a side, going back
)

// A volume is what a layer gives: maps to the right, their sides down and back. Features are a bar.
type volume struct {
	maps, side    int     // side 0: features
	width, height float64 // of its front
	x, y          float64 // the upper left of its front
	fill, border  color.Color
}

// newVolume draws areas to scale: lengths are square roots, or conv1's 48 maps would be lost beside fc6's 2,048
// features.
func newVolume(shape []int, tower int) volume {
	v := volume{maps: shape[0], width: 2.1 * math.Sqrt(float64(shape[0])), fill: fills[tower], border: borders[tower]}
	if len(shape) == 3 {
		v.side = shape[1]
		v.height = 9.5 * math.Sqrt(float64(v.side))
	} else {
		v.width, v.height = 10, min(3*math.Sqrt(float64(v.maps)), towerHeight-70)
	}
	return v
}

func (v volume) back() (x, y float64) {
	if v.side == 0 {
		return 5, 5
	}
	return slantX * v.height, slantY * v.height
}

// Volumes draws what the layers with parameters give as boxes, as Figure 2 of the paper of 2012 does: from left to
// right, one tower above the other, with the kernels that look at them; red lines are exchanges.
func (n *Network) Volumes() Picture {
	width := n.volumes(nil)
	scale := pictureWidth / width
	height := float64(towerHeight*n.Towers + 12)
	return Picture{pictureWidth, height * scale, func(c *canvas) {
		c.rect(0, 0, pictureWidth, c.height, color.White, nil)
		n.volumes(c.scaled(scale))
	}}
}

// volumes draws everything, or only finds how wide it is.
func (n *Network) volumes(c *canvas) (width float64) {
	image := newVolume(n.Image, 0)
	image.fill, image.border = lightest, grey
	x := margin + 24.0 // its height stands left of it
	image.place(x, float64(towerHeight*n.Towers)/2)
	last := make([]volume, n.Towers)
	for t := range last {
		last[t] = image
	}
	var draw []func()
	later := func(f func()) { draw = append(draw, f) }
	later(func() { c.volume(image) })
	right := func(v volume) float64 { dx, _ := v.back(); return v.x + v.width + dx }
	between := ""
	for _, r := range n.Rows {
		if !r.weighted() {
			if p := r.Towers[0]; p != nil && p.Pools {
				between = p.Does
			}
			continue
		}
		x = 0
		for _, v := range last {
			x = max(x, right(v)+volumeGap)
		}
		now := append([]volume(nil), last...)
		for t, p := range r.Towers {
			if p == nil {
				continue
			}
			v := newVolume(p.Output, t)
			v.place(x, float64(towerHeight)*(float64(t)+0.5))
			now[t] = v
			from, crossed := last[t], last[len(last)-1-t]
			later(func() {
				c.sight(from, v, p.Kernel, grey)
				if r.Exchanged[t] > 0 {
					c.sight(crossed, v, p.Kernel, red)
				}
			})
			later(func() {
				c.volume(v)
				s := style{size: 12, bold: true, ink: ink, align: 0.5}
				c.text(v.x+v.width/2, v.y+v.height+32, s, r.Name)
			})
		}
		if between != "" {
			what, size, _ := strings.Cut(between, ", ")
			at := x - volumeGap/2
			later(func() {
				c.text(at, 14, style{size: 11, ink: grey, align: 0.5}, what)
				c.text(at, 28, style{size: 11, ink: grey, align: 0.5}, size)
			})
			between = ""
		}
		last = now
	}
	for _, v := range last {
		width = max(width, right(v)+margin)
	}
	if c != nil {
		for _, f := range draw {
			f()
		}
	}
	return width
}

// place puts a volume with its left at x, and its middle at y.
func (v *volume) place(x, y float64) {
	_, dy := v.back()
	v.x, v.y = x, y-(v.height-dy)/2
}

// volume draws a box, with its numbers.
func (c *canvas) volume(v volume) {
	dx, dy := v.back()
	top := polygon(c.at(v.x, v.y), c.at(v.x+dx, v.y-dy), c.at(v.x+v.width+dx, v.y-dy), c.at(v.x+v.width, v.y))
	side := polygon(c.at(v.x+v.width, v.y), c.at(v.x+v.width+dx, v.y-dy), c.at(v.x+v.width+dx, v.y+v.height-dy),
		c.at(v.x+v.width, v.y+v.height))
	for _, path := range []vg.Path{top, side} {
		c.SetColor(v.fill)
		c.Fill(path)
		c.SetColor(v.border)
		c.SetLineWidth(1.2 * c.unit)
		c.Stroke(path)
	}
	c.rect(v.x, v.y, v.width, v.height, v.fill, v.border)
	s := style{size: 12, ink: ink, align: 0.5}
	c.text(v.x+v.width/2, v.y+v.height+16, s, fmt.Sprint(v.maps))
	if v.side > 0 {
		c.text(v.x-4, v.y+v.height-2, style{size: 11, ink: grey, align: 1}, fmt.Sprint(v.side))
	}
}

// sight draws what a layer sees of the one before: a kernel on its right side, or all of it.
func (c *canvas) sight(from, to volume, kernel int, ink color.Color) {
	dx, dy := from.back()
	x, y := from.x+from.width+dx/2, from.y+(from.height-dy)/2
	u, v := to.x, to.y+to.height/2
	if kernel == 0 || from.side == 0 {
		c.arrow(x+dx/2, y, u, v, ink)
		return
	}
	part := min(float64(kernel)/float64(from.side), 1)
	half, hx, hy := part*from.height/2, part*dx/2, part*dy/2
	corners := [][2]float64{{x - hx, y + hy - half}, {x + hx, y - hy - half}, {x + hx, y - hy + half},
		{x - hx, y + hy + half}}
	for i, corner := range corners {
		next := corners[(i+1)%len(corners)]
		c.line(corner[0], corner[1], next[0], next[1], 1, ink)
		c.line(corner[0], corner[1], u, v, 0.7, ink)
	}
}
