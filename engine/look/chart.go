package look

import (
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Curve is a line of a Chart. Points that are no numbers are left out.
type Curve struct {
	Name   string
	X, Y   []float64
	Group  int  // curves of one group have one colour
	Marked bool // points are marked and the line is dashed, as of what is measured now and then
	Faint  bool // the line is pale, as of what a smoothed one is beside
}

// Len and XY are the points of a curve.
func (c Curve) Len() int                { return len(c.X) }
func (c Curve) XY(i int) (x, y float64) { return c.X[i], c.Y[i] }

// A Chart is curves over one axis.
type Chart struct {
	X, Y     string // what the axes are
	LogX     bool   // the axis of X is logarithmic, and all X above 0
	Curves   []Curve
	From, To float64 // the part of the axis that is drawn; all of it where To is not above From
}

// colours of groups, of which each differs from its neighbours in brightness too.
var colours = []color.RGBA{{0x1f, 0x77, 0xb4, 0xff}, {0xff, 0x7f, 0x0e, 0xff}, {0x2c, 0xa0, 0x2c, 0xff},
	{0xd6, 0x27, 0x28, 0xff}, {0x94, 0x67, 0xbd, 0xff}, {0x8c, 0x56, 0x4b, 0xff}, {0xe3, 0x77, 0xc2, 0xff},
	{0x17, 0xbe, 0xcf, 0xff}}

// Charts draws charts below each other. An error is of numbers that cannot be drawn.
func Charts(charts []Chart) (Picture, error) {
	const height = 300 // of a chart, in pixels
	var plots []*plot.Plot
	for _, c := range charts {
		p, err := c.plot()
		if err != nil {
			return Picture{}, err
		}
		plots = append(plots, p)
	}
	return Picture{pictureWidth, float64(height * len(charts)), func(c *canvas) {
		c.rect(0, 0, pictureWidth, c.height, color.White, nil)
		for i, p := range plots {
			p.Draw(place(c, float64(height*i), pictureWidth, height))
		}
	}}, nil
}

// place is where a chart of so many pixels lies, whose upper left is at (0, y).
func place(c *canvas, y, width, height float64) draw.Canvas {
	return draw.Canvas{Canvas: c, Rectangle: vg.Rectangle{Min: c.at(8, y+height-4), Max: c.at(width-16, y+8)}}
}

func (c Chart) plot() (*plot.Plot, error) {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = c.X, c.Y
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	for s, pixels := range map[*text.Style]vg.Length{&p.X.Label.TextStyle: 13, &p.Y.Label.TextStyle: 13,
		&p.X.Tick.Label: 12, &p.Y.Tick.Label: 12, &p.Legend.TextStyle: 12} {
		s.Font = font.From(sans, pixels*px)
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(roundTicks), plot.TickerFunc(roundTicks)
	if c.LogX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(decades)
	}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = lightest, lightest
	p.Add(grid)
	p.Legend.Top = true
	for _, one := range c.Curves {
		one = one.Thin(mostPoints)
		if len(one.X) == 0 {
			continue
		}
		line, marks, err := plotter.NewLinePoints(one)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = colours[one.Group%len(colours)], 1.2*px
		if one.Faint {
			pale := colours[one.Group%len(colours)]
			pale.R, pale.G, pale.B = pale.R/3+0xaa, pale.G/3+0xaa, pale.B/3+0xaa
			line.Color = pale
		}
		marks.Color, marks.Shape, marks.Radius = line.Color, draw.CircleGlyph{}, 2*px
		// Without its GlyphBoxes, which would make room for half a line's width, and take a fifth of the time.
		if p.Add(struct {
			plot.Plotter
			plot.DataRanger
		}{line, line}); one.Marked {
			line.Dashes = []vg.Length{4 * px, 3 * px}
			p.Add(marks)
		}
		if one.Name != "" {
			p.Legend.Add(one.Name, line)
		}
	}
	if c.To > c.From {
		p.X.Min, p.X.Max = c.From, c.To
	}
	return p, nil
}

// mostTicks are on an axis.
const mostTicks = 16

// roundTicks are marks at multiples of 1, 2 or 5 times a power of ten, some six of them.
func roundTicks(least, most float64) (ticks []plot.Tick) {
	apart := (most - least) / 6
	if !(apart > 0) {
		return []plot.Tick{{Value: least, Label: strconv.FormatFloat(least, 'g', 6, 64)}}
	}
	power := math.Pow(10, math.Floor(math.Log10(apart)))
	step := 10 * power
	for _, one := range []float64{5, 2, 1} {
		if one*power >= apart {
			step = one * power
		}
	}
	first := math.Ceil(least / step)
	for k := range mostTicks { // counted: of numbers beyond 2^53 the next may be the same
		value := (first + float64(k)) * step
		if !(value <= most) {
			break
		}
		ticks = append(ticks, plot.Tick{Value: value, Label: strconv.FormatFloat(value, 'g', 6, 64)})
	}
	return ticks
}

// decades are marks at powers of ten, every few of them where there are many.
func decades(least, most float64) (ticks []plot.Tick) {
	first, last := math.Ceil(math.Log10(least)-1e-9), math.Floor(math.Log10(most)+1e-9)
	apart := max(math.Ceil((last-first)/8), 1)
	for k := first; k <= last; k += apart {
		x := math.Pow(10, k)
		ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'g', 1, 64)})
	}
	return ticks
}

// mostPoints of a curve are drawn: as many as there are pixels, with what is least and most at each.
const mostPoints = 2 * pictureWidth

// Thin is a curve of at most so many points: without what is no number, and of more the least and the most of each
// stretch, in their order.
func (c Curve) Thin(most int) Curve {
	thin := c
	thin.X, thin.Y = nil, nil
	for i := range c.X {
		if y := c.Y[i]; !math.IsNaN(y) && !math.IsInf(y, 0) && !math.IsNaN(c.X[i]) {
			thin.X, thin.Y = append(thin.X, c.X[i]), append(thin.Y, y)
		}
	}
	x, y := thin.X, thin.Y
	if len(x) <= most {
		return thin
	}
	thin.X, thin.Y = make([]float64, 0, most), make([]float64, 0, most)
	stretches := most / 2
	for s := range stretches {
		first, end := s*len(x)/stretches, (s+1)*len(x)/stretches
		least, most := first, first
		for i := first; i < end; i++ {
			if y[i] < y[least] {
				least = i
			}
			if y[i] >= y[most] {
				most = i
			}
		}
		thin.X, thin.Y = append(thin.X, x[min(least, most)]), append(thin.Y, y[min(least, most)])
		if least != most {
			thin.X, thin.Y = append(thin.X, x[max(least, most)]), append(thin.Y, y[max(least, most)])
		}
	}
	return thin
}

// Within is what of a curve lies from one place on its axis to another, with a point beyond each end. X must ascend.
func (c Curve) Within(from, to float64) Curve {
	first, end := 0, len(c.X)
	for i, x := range c.X {
		if x < from {
			first = i
		}
		if x > to {
			end = i + 1
			break
		}
	}
	c.X, c.Y = c.X[first:end], c.Y[first:end]
	return c
}

// Smooth is the exponential moving average of numbers by a weight from 0, which changes nothing, to less than 1, as
// TensorBoard has it: without the pull of where it began. What is no number stays so, and has no weight.
func Smooth(y []float64, weight float64) []float64 {
	smooth := make([]float64, len(y))
	var sum, of float64
	for i, one := range y {
		smooth[i] = one
		if math.IsNaN(one) || math.IsInf(one, 0) {
			continue
		}
		sum, of = weight*sum+(1-weight)*one, weight*of+(1-weight)
		smooth[i] = sum / of
	}
	return smooth
}
