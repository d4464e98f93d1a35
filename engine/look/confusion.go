package look

import (
	"cmp"
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"
	"strconv"
)

// A Confusion counts what images of each class were taken for.
type Confusion struct {
	Names  []string // of the classes, by label
	Counts [][]int  // [true][taken for]
}

// NewConfusion has counted nothing yet.
func NewConfusion(names []string) *Confusion {
	x := &Confusion{Names: names, Counts: make([][]int, len(names))}
	for i := range x.Counts {
		x.Counts[i] = make([]int, len(names))
	}
	return x
}

// A Pair is two classes of which one was taken for the other.
type Pair struct {
	True, Taken int // labels
	Count       int // images
	Of          int // images of the true class
}

// Images is how many there are of a class.
func (x *Confusion) Images(class int) (n int) {
	for _, count := range x.Counts[class] {
		n += count
	}
	return n
}

// Pairs are the mistakes, the most frequent first, of equal ones that with the greater share of its class.
func (x *Confusion) Pairs() (all []Pair) {
	for of, row := range x.Counts {
		images := x.Images(of)
		for taken, count := range row {
			if taken != of && count > 0 {
				all = append(all, Pair{of, taken, count, images})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Of, b.Of))
	})
	return all
}

// Picture draws the matrix: a row for each true class, a column for what its images were taken for, dark where most of
// a class's images are; below it the most confused pairs. Where there are few classes they have their names, of
// columns the numbers, and cells their counts; of many there is a dot for each cell.
func (x *Confusion) Picture(title string) Picture {
	const most, named, listed, nameSpace, top = 640.0, 40, 12, 120.0, 72.0
	n := float64(len(x.Names))
	withNames := len(x.Names) <= named
	left, side := float64(margin), most
	if withNames {
		left, side = margin+nameSpace, n*min(math.Floor(most/n), 44)
	}
	pairs := x.Pairs()
	shown := min(len(pairs), listed)
	width := max(left+side+margin, 560)
	height := top + side + 36 + float64(shown+1)*17
	return Picture{width, height, func(c *canvas) {
		c.rect(0, 0, width, height, color.White, nil)
		heading := style{size: 14, bold: true, ink: ink}
		c.text(margin, 26, heading, c.fitting(heading, title, width-2*margin))
		c.text(left, 48, style{size: 11, ink: ink}, "across: the class that it was taken for; down: the true one")
		if withNames {
			x.cells(c, left, top, side/n, nameSpace)
		} else {
			c.image(left, top, scaled(x.image(), int(most)*pngScale))
			c.rect(left, top, side, side, color.Transparent, color.Gray{0x80})
		}
		y := top + side + 30
		c.text(margin, y, style{size: 12, bold: true, ink: ink}, mistakes(len(pairs)))
		for _, p := range pairs[:shown] {
			y += 17
			line := fmt.Sprintf("%d of %d  %s  taken for  %s", p.Count, p.Of, x.Names[p.True], x.Names[p.Taken])
			c.text(margin, y, style{size: 12, ink: ink}, c.fitting(style{size: 12}, line, width-2*margin))
		}
	}}
}

func mistakes(pairs int) string {
	if pairs == 0 {
		return "no image was taken for another class"
	}
	return "most confused"
}

// cells draws the matrix with names and numbers.
func (x *Confusion) cells(c *canvas, left, top, cell, nameSpace float64) {
	name, number := style{size: 11, ink: ink, align: 1}, style{size: 11, ink: ink, align: 0.5}
	for of, row := range x.Counts {
		y, digits := top+float64(of)*cell, strconv.Itoa(of)
		c.text(left-6, y+cell/2+4, name, c.fitting(name, x.Names[of]+"  "+digits, nameSpace-6))
		if c.width(number, digits) < cell {
			c.text(left+float64(of)*cell+cell/2, top-5, number, digits)
		}
		images := x.Images(of)
		for taken, count := range row {
			at := left + float64(taken)*cell
			shade := shadeOf(count, images)
			c.rect(at, y, cell, cell, shade, color.Gray{0xe0})
			text := style{size: 11, ink: ink, align: 0.5}
			if shade.R < 0x80 {
				text.ink = color.White
			}
			if digits := strconv.Itoa(count); count > 0 && c.width(text, digits) < cell {
				c.text(at+cell/2, y+cell/2+4, text, digits)
			}
		}
	}
}

// image is the matrix, a pixel a cell.
func (x *Confusion) image() *image.RGBA {
	n := len(x.Names)
	m := image.NewRGBA(image.Rect(0, 0, n, n))
	for of, row := range x.Counts {
		images := x.Images(of)
		for taken, count := range row {
			m.SetRGBA(taken, of, shadeOf(count, images))
		}
	}
	return m
}

// shadeOf is the colour of a share of a class's images; small ones can be told from none.
func shadeOf(count, of int) color.RGBA {
	if count == 0 {
		return color.RGBA{0xff, 0xff, 0xff, 0xff}
	}
	share := math.Sqrt(float64(count) / float64(of))
	mix := func(to float64) uint8 { return uint8(0xf0 + (to-0xf0)*share) }
	return color.RGBA{mix(0x12), mix(0x3a), mix(0x6b), 0xff}
}
