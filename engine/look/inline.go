package look

import (
	"bytes"
	"fmt"
	"regexp"
)

// A Frame is where a chart's numbers lie in its picture: pixels from the top left, and what the axes are there.
type Frame struct {
	Width, Height            float64 // of the picture
	Left, Right, Top, Bottom float64 // of the curves in it
	X, Y                     [2]float64
}

// Inline is a chart of so many pixels as an SVG element for a page whose policy refuses styles in elements, such as
// default-src 'self': they are attributes, which a style sheet overrules.
func (c Chart) Inline(width, height float64) (svg []byte, f Frame, err error) {
	p, err := c.plot()
	if err != nil {
		return nil, f, err
	}
	data := p.DataCanvas(place(&canvas{height: height, unit: px}, 0, width, height))
	f = Frame{Width: width, Height: height, Left: float64(data.Min.X / px), Right: float64(data.Max.X / px),
		Top: height - float64(data.Max.Y/px), Bottom: height - float64(data.Min.Y/px),
		X: [2]float64{p.X.Min, p.X.Max}, Y: [2]float64{p.Y.Min, p.Y.Max}}
	whole, err := Picture{width, height, func(c *canvas) { p.Draw(place(c, 0, width, height)) }}.Encode(".svg")
	return inline(whole), f, err
}

var (
	svgSize  = regexp.MustCompile(` width="[0-9.]+pt" height="[0-9.]+pt"`)
	svgStyle = regexp.MustCompile(`style="([^"<>]*)"`)
)

// inline takes what stands before an SVG's element and its size from it, and makes attributes of styles.
func inline(svg []byte) []byte {
	svg = svg[max(bytes.Index(svg, []byte("<svg")), 0):]
	if size := svgSize.FindIndex(svg); size != nil {
		svg = append(svg[:size[0]:size[0]], svg[size[1]:]...)
	}
	return svgStyle.ReplaceAllFunc(svg, func(style []byte) []byte {
		var b bytes.Buffer
		for one := range bytes.SplitSeq(style[len(`style="`):len(style)-1], []byte{';'}) {
			if key, value, ok := bytes.Cut(one, []byte{':'}); ok {
				fmt.Fprintf(&b, `%s="%s" `, bytes.TrimSpace(key), bytes.TrimSpace(value))
			}
		}
		return bytes.TrimSpace(b.Bytes())
	})
}

// Colour is that of a group of curves, such as "#1f77b4".
func Colour(group int) string {
	c := colours[group%len(colours)]
	return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)
}
