package board

import (
	"html/template"
	"slices"
	"strconv"

	"duet/engine/look"
)

// mostDrawn is how many points a chart has, shared among its curves. Each has at least leastDrawn, and at most two a
// pixel.
const (
	mostDrawn  = 8_000
	leastDrawn = 80
)

// Pixels of a chart, before the page fits it in.
const chartWidth, chartHeight = 600, 270

// A drawing is how a curve is drawn.
type drawing struct {
	of, by           string
	smooth, from, to float64
	points           int
	validation       bool
}

// A chart is one as the page has it: what is seen, and what the page's script reads its values from.
type chart struct {
	Title string
	SVG   template.HTML
	Data  chartData
}

type chartData struct {
	Frame  look.Frame
	By     string
	Curves []curveData
}

type curveData struct {
	Name, Colour string
	X, Y         numbers
}

// numbers are written in as many digits as a screen shows.
type numbers []float64

func (n numbers) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 10*len(n)+2), '[')
	for i, x := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, x, 'g', 7, 64)
	}
	return append(b, ']'), nil
}

// draw gives a run's curve of a drawing, which is kept until something is measured.
func (r *run) draw(d drawing) look.Curve {
	if c, known := r.drawn[d]; known {
		return c
	}
	if r.drawn == nil || len(r.drawn) > 64 { // somebody zooms and smooths
		r.drawn = map[drawing]look.Curve{}
	}
	steps, validations := r.curve.Curves(d.of, d.by, d.smooth)
	for validation, c := range map[bool]look.Curve{false: steps, true: validations} {
		if d.to > d.from {
			c = c.Within(d.from, d.to)
		}
		one := d
		one.validation = validation
		r.drawn[one] = c.Thin(d.points)
	}
	return r.drawn[d]
}

// charts draws what a view has chosen. Callers hold b.mu.
func (b *Board) charts(v view) (all []chart, err error) {
	some, _ := b.chosen(v)
	points := min(max(mostDrawn/max(len(some), 1), leastDrawn), 2*chartWidth)
	for _, of := range v.Of {
		c := look.Chart{X: v.By, From: v.From, To: v.To}
		one := chart{Title: look.Title(of)}
		for _, r := range some {
			group := slices.Index(b.runs, r)
			for _, validation := range []bool{false, true} {
				curve := r.draw(drawing{of, v.By, v.Smooth, v.From, v.To, points, validation})
				if len(curve.X) == 0 {
					continue
				}
				one.Data.Curves = append(one.Data.Curves, curveData{curve.Name, look.Colour(group), curve.X, curve.Y})
				curve.Name, curve.Group = "", group
				c.Curves = append(c.Curves, curve)
			}
		}
		if all = append(all, one); len(c.Curves) == 0 {
			continue
		}
		svg, frame, err := c.Inline(chartWidth, chartHeight)
		if err != nil {
			return nil, err
		}
		last := &all[len(all)-1]
		last.SVG, last.Data.Frame, last.Data.By = template.HTML(svg), frame, v.By
	}
	return all, nil
}
