package board

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/png"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"

	"duet"
	"duet/engine/look"
	"duet/engine/train"
	"duet/internal/invalid"
)

const (
	mostMistakes = 16 << 20 // bytes of a mistakes.json
	mostClasses  = 4096     // of a matrix that is drawn
	mostWorst    = 24       // images that are drawn
)

// A drawn picture is of a file, as it was.
type drawn struct {
	of  stamp
	png []byte
	err error
}

// A source is the newest file of some sort in a run's folder, a path below the folder of the runs; "" where there is
// none yet.
type source struct {
	what string
	find func(*run) (file string, of stamp)
}

var (
	fromCheckpoint = source{"checkpoint", func(r *run) (string, stamp) { return r.checkpoint, r.files.checkpoint }}
	fromValidation = source{"validation", func(r *run) (file string, of stamp) {
		if of = r.files.mistakes; of != (stamp{}) {
			file = path.Join(r.Name, train.MistakesName)
		}
		return file, of
	}}
)

// A kind of picture of a run.
type kind struct {
	name, Title, Alt string
	from             source
	draw             func(b *Board, file string) (look.Picture, error)
}

var kinds = []*kind{
	{"filters", "Filters", "the filters of the first convolution, tower above tower", fromCheckpoint, drawFilters},
	{"worst", "Worst predictions", "the images with the largest losses, and what they are taken for",
		fromValidation, drawWorst},
	{"confusion", "Confusion", "which classes are taken for which", fromValidation, drawConfusion},
}

// A panel is a picture on the page.
type panel struct {
	*kind
	URL template.URL // another one for each state of what it is drawn of
	Of  string       // what it is drawn of
}

// panels are the pictures that there are of a run.
func (r *run) panels() (all []panel) {
	for _, k := range kinds {
		if file, of := k.from.find(r); file != "" {
			p := panel{kind: k, Of: path.Base(file)}
			q := url.Values{"run": {r.Name}, "of": {fmt.Sprintf("%s-%d", p.Of, of.written)}}
			p.URL = template.URL("/" + k.name + ".png?" + q.Encode())
			if k.from.what == fromValidation.what {
				p.Of = "the last validation"
			}
			all = append(all, p)
		}
	}
	return all
}

// inline puts the picture itself in the place of its address.
func (p *panel) inline(b *Board, run string) error {
	png, err := b.pictureOf(p.kind, run)
	p.URL = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png))
	return err
}

// newestOf is a file that a run has now.
func (b *Board) newestOf(name string, s source) (file string, of stamp, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look()
	r := b.find(name)
	if r == nil {
		return "", of, refuse(http.StatusNotFound, "run=%q: %w", name, errNotThere)
	}
	if file, of = s.find(r); file == "" {
		return "", of, refuse(http.StatusNotFound, "run=%q has no %s yet", name, s.what)
	}
	return file, of, nil
}

// path is that of a file below the folder of the runs.
func (b *Board) path(file string) string { return filepath.Join(b.dir, filepath.FromSlash(file)) }

// pictureOf draws a picture of a run as PNG, once for each state of what it is drawn of.
func (b *Board) pictureOf(k *kind, name string) ([]byte, error) {
	file, of, err := b.newestOf(name, k.from)
	if err != nil {
		return nil, err
	}
	b.heavy.Lock()
	defer b.heavy.Unlock()
	key := k.name + "/" + name
	d := b.drawn[key]
	if d.of == of {
		return d.png, d.err
	}
	d = drawn{of: of}
	p, err := k.draw(b, file)
	if err == nil {
		d.png, err = p.Encode(".png")
	}
	d.err = err
	if len(b.drawn) > 64 {
		clear(b.drawn)
	}
	b.drawn[key] = d
	return d.png, d.err
}

func drawFilters(b *Board, file string) (p look.Picture, err error) {
	x, err := duet.ReadFilters(b.path(file), "")
	if err != nil {
		return p, err
	}
	return x.Sheet(), nil
}

// mistakes reads what a validation got wrong.
func (b *Board) mistakes(file string) (*train.Mistakes, error) {
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	text, err := lastOf(root, file, mostMistakes)
	if err != nil {
		return nil, err
	}
	m, err := train.ParseMistakes(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}

func drawConfusion(b *Board, file string) (p look.Picture, err error) {
	m, err := b.mistakes(file)
	if err != nil {
		return p, err
	}
	if len(m.Classes) > mostClasses {
		return p, refuse(http.StatusUnprocessableEntity, "%d classes, want at most %d for a matrix", len(m.Classes),
			mostClasses)
	}
	x := look.NewConfusion(printable(m.Classes))
	for _, c := range m.Confusion {
		x.Counts[c[0]][c[1]] = c[2]
	}
	return x.Picture(fmt.Sprintf("%d validation images after step %d", m.Images, m.Step)), nil
}

func drawWorst(b *Board, file string) (p look.Picture, err error) {
	m, err := b.mistakes(file)
	if err != nil {
		return p, err
	}
	names := printable(m.Classes)
	var all []look.Sighting
	for n, w := range m.Worst[:min(len(m.Worst), mostWorst)] {
		s := look.Sighting{Title: names[w.Class],
			Note: fmt.Sprintf("loss %.3g  %s", float64(w.Loss), invalid.Printable(w.File))}
		if s.Image, err = thumbnail(w.PNG); err != nil {
			return p, fmt.Errorf("%s: worst[%d]: png: %w", file, n, err)
		}
		for i, class := range w.Taken[:min(len(w.Taken), guesses)] {
			s.Bars = append(s.Bars, look.Bar{Name: names[class], Probability: float64(w.Probabilities[i]),
				True: class == w.Class})
		}
		all = append(all, s)
	}
	return look.Sightings(fmt.Sprintf("The largest losses of %d validation images after step %d", m.Images, m.Step),
		all), nil
}

// thumbnail decodes a small image.
func thumbnail(text []byte) (image.Image, error) {
	c, err := png.DecodeConfig(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if c.Width > 1024 || c.Height > 1024 {
		return nil, fmt.Errorf("%d x %d pixels, want a small image", c.Width, c.Height)
	}
	return png.Decode(bytes.NewReader(text))
}

func printable(all []string) (names []string) {
	for _, name := range all {
		names = append(names, invalid.Printable(name))
	}
	return names
}

// servePicture answers with a picture of a run.
func (b *Board) servePicture(k *kind) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		png, err := b.pictureOf(k, r.URL.Query().Get("run"))
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "image/png")
		_, err = w.Write(png)
		return err
	}
}
