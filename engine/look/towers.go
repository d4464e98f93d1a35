package look

import (
	"fmt"
	"image/color"

	"duet/engine/metrics"
)

// The colours of pictures of networks.
var (
	ink      = color.RGBA{0x22, 0x22, 0x22, 0xff}
	grey     = color.RGBA{0x66, 0x66, 0x66, 0xff}
	lightest = color.RGBA{0xee, 0xee, 0xee, 0xff}
	red      = color.RGBA{0xc0, 0x39, 0x2b, 0xff}
	fills    = []color.RGBA{{0xdb, 0xe9, 0xf6, 0xff}, {0xfd, 0xeb, 0xd0, 0xff}} // by tower
	borders  = []color.RGBA{{0x2f, 0x6d, 0xa3, 0xff}, {0xb9, 0x77, 0x0e, 0xff}}
)

// The measures of Boxes, in pixels.
const (
	pictureWidth = 800
	margin       = 16
	tallBox      = 46 // a layer with parameters
	lowBox       = 24 // any other
	plainGap     = 22 // above a layer with parameters
	crossedGap   = 52 // where towers exchange
)

// Boxes draws a box for each layer of each tower, the towers beside each other, and what they exchange as crossing
// arrows.
func (n *Network) Boxes() Picture {
	height := margin + 30 + lowBox + 4.0
	for _, r := range n.Rows {
		above, own := r.size()
		height += above + own
	}
	height += plainGap + lowBox + 30
	return Picture{pictureWidth, height, n.paintBoxes}
}

// weighted reports whether a layer has parameters, and exchanged whether towers meet there.
func (r Row) weighted() bool {
	for _, p := range r.Towers {
		if p != nil && p.Parameters > 0 {
			return true
		}
	}
	return false
}

func (r Row) exchanged() (bytes int64) {
	for _, n := range r.Exchanged {
		bytes += n
	}
	return bytes
}

// size is the height of a row, and of the gap above it.
func (r Row) size() (above, own float64) {
	switch {
	case r.exchanged() > 0:
		above = crossedGap
	case r.weighted():
		above = plainGap
	default:
		above = 3
	}
	if r.weighted() {
		return above, tallBox
	}
	return above, lowBox
}

// column is where a tower's boxes lie.
func (n *Network) column(tower int) (x, width float64) {
	const two, one = 328, 420
	switch {
	case n.Towers == 1:
		return (pictureWidth - one) / 2, one
	case tower == 0:
		return margin, two
	}
	return pictureWidth - margin - two, two
}

func (n *Network) paintBoxes(c *canvas) {
	c.rect(0, 0, pictureWidth, c.height, color.White, nil)
	y := margin + 16.0
	c.text(pictureWidth/2, y, style{size: 16, bold: true, ink: ink, align: 0.5}, n.Title)
	y += 14
	left, _ := n.column(0)
	right, width := n.column(n.Towers - 1)
	right += width
	image := "image " + shape(n.Image)
	if n.Towers > 1 {
		image += ", to both towers"
	}
	wide := func(text string) {
		c.rect(left, y, right-left, lowBox, lightest, grey)
		c.text((left+right)/2, y+lowBox/2+4.5, style{size: 13, ink: ink, align: 0.5}, text)
		y += lowBox
	}
	wide(image)
	met := make([]float64, n.Towers) // the lower end of what a tower has so far
	for t := range met {
		met[t] = y
	}
	for _, r := range n.Rows {
		above, own := r.size()
		y += above
		n.arrows(c, r, met, y)
		for t, p := range r.Towers {
			if p != nil {
				n.box(c, t, r, *p, y, own)
				met[t] = y + own
			}
		}
		y += own
	}
	for t := range met {
		if last := n.Rows[len(n.Rows)-1].Towers[t]; last != nil {
			x, width := n.column(t)
			c.arrow(x+width/2, met[t], x+width/2, y+plainGap, grey)
		}
	}
	y += plainGap
	wide(fmt.Sprintf("softmax over %d classes", n.Classes))
	sum := fmt.Sprintf("%s parameters, %.0f million additions and multiplications an image", grouped(n.Parameters),
		n.FLOPs/1e6)
	if n.Towers > 1 {
		sum += fmt.Sprintf("; red: bytes that cross, for a batch of %d", n.Batch)
	}
	c.text(pictureWidth/2, y+20, style{size: 12, ink: grey, align: 0.5}, sum)
}

// arrows draws what comes into a row, which begins at y.
func (n *Network) arrows(c *canvas, r Row, met []float64, y float64) {
	const aside = 60 // of what crosses, from the middle
	crossed := r.exchanged() > 0
	if !crossed && !r.weighted() {
		return
	}
	for t, p := range r.Towers {
		if p == nil {
			continue
		}
		x, width := n.column(t)
		c.arrow(x+width/2, met[t], x+width/2, y, grey)
		if r.Exchanged[t] > 0 {
			from, _ := n.column(1 - t)
			turn := float64(aside)
			if t == 1 {
				turn = -aside
			}
			c.arrow(from+width/2-turn, met[1-t], x+width/2+turn, y, red)
		}
	}
	if !crossed {
		return
	}
	text, s := decimalBytes(r.exchanged()), style{size: 12, bold: true, ink: red, align: 0.5}
	middle, half := (met[0]+y)/2, c.width(s, text)/2+6
	c.rect(pictureWidth/2-half, middle-10, 2*half, 20, color.White, red)
	c.text(pictureWidth/2, middle+4, s, text)
}

// box draws a tower's part of a layer.
func (n *Network) box(c *canvas, tower int, r Row, p Part, y, height float64) {
	const inset = 10
	x, width := n.column(tower)
	if !r.weighted() {
		c.rect(x, y, width, height, color.White, borders[tower])
		y += height/2 + 4
		c.text(x+inset, y, style{size: 12, ink: ink}, r.Name)
		c.text(x+width/2, y, style{size: 12, ink: grey, align: 0.5}, p.Does)
		c.text(x+width-inset, y, style{size: 12, ink: grey, align: 1}, shape(p.Output))
		return
	}
	c.rect(x, y, width, height, fills[tower], borders[tower])
	named := c.text(x+inset, y+18, style{size: 14, bold: true, ink: ink}, r.Name)
	if p.Activation != "" {
		c.text(x+inset+named+8, y+18, style{size: 12, ink: grey}, p.Activation)
	}
	c.text(x+width-inset, y+18, style{size: 13, ink: ink, align: 1}, shape(p.Output))
	c.text(x+inset, y+36, style{size: 12, ink: grey}, p.Does)
	c.text(x+width-inset, y+36, style{size: 12, ink: grey, align: 1},
		fmt.Sprintf("%s parameters, %.3g MFLOP", grouped(p.Parameters), p.FLOPs/1e6))
}

// shape is such as "48 × 55 × 55", maps first, or "4096".
func shape(s []int) string {
	text := fmt.Sprint(s[0])
	for _, n := range s[1:] {
		text += fmt.Sprintf(" × %d", n)
	}
	return text
}

// grouped is a whole number in groups of three digits.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// decimalBytes is such as "22.2 MB", of a million bytes each.
func decimalBytes(n int64) string {
	switch {
	case n >= 1e9:
		return metrics.FormatRate(float64(n)/1e9) + " GB"
	case n >= 1e6:
		return metrics.FormatRate(float64(n)/1e6) + " MB"
	case n >= 1e3:
		return metrics.FormatRate(float64(n)/1e3) + " kB"
	}
	return fmt.Sprintf("%d bytes", n)
}
