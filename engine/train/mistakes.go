package train

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"maps"
	"slices"

	"golang.org/x/image/draw"

	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/engine/metrics"
	"duet/engine/model"
	"duet/internal/disk"
)

const (
	worstImages  = 12
	worstGuesses = 5
	thumbnail    = 128 // pixels of the longer side, at most
)

// Mistakes is what a run's last validation took its images for: mistakes.json in the run's folder.
type Mistakes struct {
	Step      uint64    `json:"step"`
	Images    int       `json:"images"`
	Classes   []string  `json:"classes"`   // their names, by label
	Confusion [][3]int  `json:"confusion"` // class, what it was taken for, images: in this order, the right ones too
	Worst     []Mistake `json:"worst"`     // the images with the largest losses, the worst first
}

// A Mistake is an image that a network is wrong about.
type Mistake struct {
	File          string           `json:"file"` // the image's name in the source of the data
	Class         int              `json:"class"`
	Loss          metrics.Number   `json:"loss"`      // cross entropy in nats
	Taken         []int            `json:"taken_for"` // the most probable classes, the first one first
	Probabilities []metrics.Number `json:"probabilities"`
	PNG           []byte           `json:"png"` // the image, of at most 128 pixels a side
}

// mistakes gathers, while a validation goes on, what it gets wrong.
type mistakes struct {
	images int
	counts map[[2]int]int // by class and what it was taken for
	worst  model.Worst
}

func newMistakes() *mistakes {
	return &mistakes{counts: map[[2]int]int{}, worst: model.Worst{Most: worstImages}}
}

// add takes down an image of the validation.
func (m *mistakes) add(t model.Tested) error {
	if t.Label < 0 {
		return nil
	}
	v := t.Verdict(worstGuesses)
	m.images++
	m.counts[[2]int{v.Label, v.Guesses[0].Label}]++
	m.worst.Add(v)
	return nil
}

// write replaces the file of the folder.
func (m *mistakes) write(f *Folder, step uint64, in model.Input, set *packed.Set) error {
	x := Mistakes{Step: step, Images: m.images}
	for label := range in.Classes {
		x.Classes = append(x.Classes, in.ClassName(label))
	}
	for _, pair := range slices.SortedFunc(maps.Keys(m.counts),
		func(a, b [2]int) int { return slices.Compare(a[:], b[:]) }) {
		x.Confusion = append(x.Confusion, [3]int{pair[0], pair[1], m.counts[pair]})
	}
	files, err := set.Files()
	if err != nil {
		return err
	}
	r, err := set.NewReader()
	if err != nil {
		return err
	}
	defer r.Close()
	for _, v := range m.worst.All() {
		one := Mistake{File: files[v.Index], Class: v.Label, Loss: metrics.Number(v.Loss)}
		for _, g := range v.Guesses {
			one.Taken = append(one.Taken, g.Label)
			one.Probabilities = append(one.Probabilities, metrics.Number(g.Probability))
		}
		image := picture.RGB{Pix: make([]byte, set.Height()*set.Width()*3), Width: set.Width(), Height: set.Height()}
		if err := r.Read(v.Index, image.Pix); err != nil {
			return err
		}
		if one.PNG, err = small(&image); err != nil {
			return err
		}
		x.Worst = append(x.Worst, one)
	}
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	return disk.Replace(f.Mistakes(), append(text, '\n'))
}

// small is a thumbnail of an image, as PNG.
func small(m image.Image) ([]byte, error) {
	size := m.Bounds().Size()
	if longest := max(size.X, size.Y); longest > thumbnail {
		to := image.NewRGBA(image.Rect(0, 0, max(size.X*thumbnail/longest, 1), max(size.Y*thumbnail/longest, 1)))
		draw.CatmullRom.Scale(to, to.Bounds(), m, m.Bounds(), draw.Src, nil)
		m = to
	}
	var b bytes.Buffer
	err := png.Encode(&b, m)
	return b.Bytes(), err
}

// ParseMistakes reads mistakes.json. Whatever that says, the classes that it names are there.
func ParseMistakes(text []byte) (*Mistakes, error) {
	var m Mistakes
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	class := func(where string, label int) error {
		if label < 0 || label >= len(m.Classes) {
			return fmt.Errorf("%s: class %d, want one of %d", where, label, len(m.Classes))
		}
		return nil
	}
	for i, c := range m.Confusion {
		where := fmt.Sprintf("confusion[%d]", i)
		if err := cmp.Or(class(where, c[0]), class(where, c[1])); err != nil {
			return nil, err
		}
		if c[2] < 0 {
			return nil, fmt.Errorf("%s: %d images", where, c[2])
		}
	}
	for i, w := range m.Worst {
		where := fmt.Sprintf("worst[%d]", i)
		if len(w.Taken) != len(w.Probabilities) {
			return nil, fmt.Errorf("%s: %d classes, %d probabilities", where, len(w.Taken), len(w.Probabilities))
		}
		for _, label := range append([]int{w.Class}, w.Taken...) {
			if err := class(where, label); err != nil {
				return nil, err
			}
		}
	}
	return &m, nil
}
