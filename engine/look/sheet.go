package look

import (
	"image"
	"image/color"
	"strconv"

	"golang.org/x/image/draw"
)

// A Sighting is an image with what a network says of it.
type Sighting struct {
	Image image.Image
	Title string // such as the true class
	Note  string // below the title, in small letters; may be ""
	Bars  []Bar  // the most probable classes, the first one first
}

// A Bar is a class with its probability.
type Bar struct {
	Name        string
	Probability float64
	True        bool // the class is the image's
}

const (
	cellWidth  = 184
	cellGap    = 16.0
	barHeight  = 15.0
	titleSpace = 34.0 // below an image
)

var (
	barOf   = color.RGBA{0xa9, 0xc4, 0xe2, 0xff}
	barTrue = color.RGBA{0xf0, 0x94, 0x8c, 0xff}
)

// Sightings draws images in rows, below each its title and the classes that it was taken for, as bars: in red that
// which it is. It is the left half of Figure 4 of the paper of 2012.
func Sightings(title string, all []Sighting) Picture {
	const columns = 4
	most := 0
	for _, s := range all {
		most = max(most, len(s.Bars))
	}
	height := cellWidth + titleSpace + float64(most)*barHeight + cellGap
	across := min(columns, max(len(all), 1))
	rows := (len(all) + columns - 1) / columns
	width := max(2*margin+float64(across)*(cellWidth+cellGap)-cellGap, 420)
	return Picture{width, 48 + height*float64(rows), func(c *canvas) {
		c.rect(0, 0, width, c.height, color.White, nil)
		c.text(margin, 26, style{size: 14, bold: true, ink: ink},
			c.fitting(style{size: 14, bold: true}, title, width-2*margin))
		for i, s := range all {
			s.draw(c, margin+float64(i%columns)*(cellWidth+cellGap), 44+float64(i/columns)*height)
		}
	}}
}

func (s Sighting) draw(c *canvas, x, y float64) {
	c.image(x, y, scaled(s.Image, cellWidth*pngScale))
	y += cellWidth + 14
	bold := style{size: 12, bold: true, ink: ink}
	c.text(x, y, bold, c.fitting(bold, s.Title, cellWidth))
	small := style{size: 11, ink: ink}
	c.text(x, y+13, small, c.fitting(small, s.Note, cellWidth))
	y += titleSpace - 14
	for _, b := range s.Bars {
		fill := barOf
		if b.True {
			fill = barTrue
		}
		percent := strconv.FormatFloat(100*b.Probability, 'f', 1, 64) + " %"
		share := 0.0 // also of what is no number, which no rectangle is as wide as
		if b.Probability > 0 {
			share = min(b.Probability, 1)
		}
		c.rect(x, y, max(cellWidth*share, 1), barHeight-2, fill, nil)
		c.text(x+3, y+barHeight-5, small, c.fitting(small, b.Name, cellWidth-c.width(small, percent)-14))
		c.text(x+cellWidth, y+barHeight-5, style{size: 11, ink: ink, align: 1}, percent)
		y += barHeight
	}
}

// fitting is as much of a line as is no wider than that, with an ellipsis for the rest.
func (c *canvas) fitting(s style, line string, width float64) string {
	if c.width(s, line) <= width {
		return line
	}
	letters := []rune(line)
	for len(letters) > 0 && c.width(s, string(letters)+"…") > width {
		letters = letters[:len(letters)-1]
	}
	return string(letters) + "…"
}

// scaled is an image of so many pixels a side at most: a smaller one's pixels become squares, a larger one is
// resampled. It keeps the image's proportions.
func scaled(m image.Image, side int) *image.RGBA {
	size := m.Bounds().Size()
	longest := max(size.X, size.Y)
	w, h := max(size.X*side/longest, 1), max(size.Y*side/longest, 1)
	var by draw.Interpolator = draw.CatmullRom
	if longest < side {
		by = draw.NearestNeighbor
	}
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	by.Scale(to, to.Bounds(), m, m.Bounds(), draw.Src, nil)
	return to
}

// A Neighbourhood is an image with those that are nearest to it.
type Neighbourhood struct {
	Image   image.Image
	Title   string
	Nearest []Neighbour
}

// A Neighbour is an image at a distance.
type Neighbour struct {
	Image    image.Image
	Title    string
	Distance float64
}

// Neighbourhoods draws a row for each image, with its nearest ones right of it: the right half of Figure 4 of the paper
// of 2012.
func Neighbourhoods(title string, all []Neighbourhood) Picture {
	const side, gap, text = 96, 8, 32
	most := 0
	for _, n := range all {
		most = max(most, len(n.Nearest))
	}
	width := max(2*margin+float64(most+1)*(side+gap)+gap, 420)
	return Picture{width, 48 + float64(len(all))*(side+text+gap), func(c *canvas) {
		c.rect(0, 0, width, c.height, color.White, nil)
		c.text(margin, 26, style{size: 14, bold: true, ink: ink},
			c.fitting(style{size: 14, bold: true}, title, width-2*margin))
		bold, small := style{size: 11, bold: true, ink: ink}, style{size: 11, ink: ink}
		for i, n := range all {
			x, y := float64(margin), 44+float64(i)*(side+text+gap)
			c.image(x, y, scaled(n.Image, side*pngScale))
			c.text(x, y+side+13, bold, c.fitting(bold, n.Title, side))
			for k, near := range n.Nearest {
				x := margin + float64(k+1)*(side+gap) + gap
				c.image(x, y, scaled(near.Image, side*pngScale))
				c.text(x, y+side+13, small, c.fitting(small, near.Title, side))
				c.text(x, y+side+26, small, strconv.FormatFloat(near.Distance, 'g', 4, 64))
			}
		}
	}}
}
