package look_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"

	"duet/engine/look"
)

// A box is a rectangle of a picture, in pixels from the top left; a label has its text.
type box struct {
	left, top, right, bottom float64
	text                     string
	size                     float64 // of its letters
}

func (b box) meets(o box) bool {
	return b.left < o.right && o.left < b.right && b.top < o.bottom && o.top < b.bottom
}

func (b box) within(o box) bool {
	return b.left >= o.left && b.right <= o.right && b.top >= o.top && b.bottom <= o.bottom
}

// A drawing is what a picture as SVG shows.
type drawing struct {
	whole  box
	labels []box
	rects  []box // with a border
	lines  []string
}

var number = regexp.MustCompile(`-?[0-9.]+(e[-+][0-9]+)?`)

func numbers(t *testing.T, s string) (all []float64) {
	t.Helper()
	for _, one := range number.FindAllString(s, -1) {
		n, err := strconv.ParseFloat(one, 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// draw reads a picture's SVG, whose unit is a point. Letters are as wide as the font says.
func draw(t *testing.T, p look.Picture) *drawing {
	t.Helper()
	const pixel = 4. / 3
	b, err := p.Encode(".svg")
	if err != nil {
		t.Fatal(err)
	}
	d := &drawing{}
	fonts := font.NewCache(liberation.Collection())
	decoder := xml.NewDecoder(bytes.NewReader(b))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return d
		}
		if err != nil {
			t.Fatalf("%v in %.200s", err, b)
		}
		e, is := token.(xml.StartElement)
		if !is {
			continue
		}
		a := map[string]string{}
		for _, one := range e.Attr {
			a[one.Name.Local] = one.Value
		}
		switch e.Name.Local {
		case "svg":
			size := numbers(t, a["viewBox"])
			d.whole = box{right: size[2] * pixel, bottom: size[3] * pixel}
		case "text":
			var text string
			if err := decoder.DecodeElement(&text, &e); err != nil {
				t.Fatal(err)
			}
			style := a["style"]
			_, after, _ := strings.Cut(style, "font-size:")
			f := font.Font{Typeface: "Liberation", Variant: "Sans"}
			if strings.Contains(style, "font-weight:bold") {
				f.Weight = xfont.WeightBold
			}
			points := numbers(t, after)[0]
			face := fonts.Lookup(f, vg.Length(points))
			x, y := numbers(t, a["x"])[0]*pixel, d.whole.bottom+numbers(t, a["y"])[0]*pixel
			size := points * pixel
			d.labels = append(d.labels, box{x, y - 0.75*size, x + float64(face.Width(text))*pixel, y + 0.22*size, text, size})
		case "path":
			p := numbers(t, a["d"])
			if !strings.Contains(a["style"], "stroke:") {
				continue
			}
			if len(p) != 8 || p[1] != p[3] || p[0] != p[6] {
				d.lines = append(d.lines, a["style"])
				continue
			}
			d.rects = append(d.rects, box{left: p[0] * pixel, top: d.whole.bottom - p[1]*pixel, right: p[2] * pixel,
				bottom: d.whole.bottom - p[5]*pixel})
		}
	}
}
