package train

import (
	"fmt"
	"image"
	"image/color"
	"testing"

	"duet/dataloader/packed"
	"duet/engine/model"
)

// What a validation of ImageNet's size costs beside the network: 50,000 images of 1,000 classes, a third of them wrong.
const validationImages, validationClasses = 50_000, 1000

// BenchmarkMistakes takes down a whole validation and writes its file; the images are of 16 x 16, and what makes the
// twelve worst of 256 x 256 small is BenchmarkThumbnail.
func BenchmarkMistakes(b *testing.B) {
	set, in := validationSet(b, b.TempDir())
	defer set.Close()
	f := &Folder{Dir: b.TempDir()}
	probs := make([]float64, validationClasses)
	for b.Loop() {
		m := newMistakes()
		for i := range validationImages {
			label, taken := i%validationClasses, (i+i%3*(i%17))%validationClasses
			probs[taken] = float64(i%97+1) / 100
			if err := m.add(model.Tested{Index: i, Label: label, Probs: probs}); err != nil {
				b.Fatal(err)
			}
			probs[taken] = 0
		}
		if err := m.write(f, 1, in, set); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkThumbnail makes the images of twelve mistakes small.
func BenchmarkThumbnail(b *testing.B) {
	image := noise{256, 256}
	for b.Loop() {
		for range worstImages {
			if _, err := small(image); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// validationSet is a set of noise with the names of ImageNet's validation files.
func validationSet(b *testing.B, dir string) (*packed.Set, model.Input) {
	b.Helper()
	c := packed.Contents{Mean: make([]float32, 3*16*16), Index: packed.Index{Request: []byte("{}"),
		Layout: packed.Layout{Height: 16, Width: 16, Codec: packed.Raw}}}
	in := model.Input{Height: 16, Width: 16}
	for label := range validationClasses {
		id := fmt.Sprintf("n%08d", label)
		c.Classes = append(c.Classes, packed.Class{ID: id, Name: "class " + id})
		in.Classes, in.Names = append(in.Classes, id), append(in.Names, "class "+id)
	}
	w, err := packed.CreateShard(dir, packed.Train, 0, c.Index.Layout, 1<<30)
	if err != nil {
		b.Fatal(err)
	}
	var rows packed.Rows
	perClass := make([]int, validationClasses)
	pixels := make([]byte, 3*16*16)
	for i := range validationImages {
		pixels[i%len(pixels)] = byte(i)
		if err := w.Append(pixels); err != nil {
			b.Fatal(err)
		}
		label := i % validationClasses
		perClass[label]++
		rows.Labels, rows.Flags = append(rows.Labels, int32(label)), append(rows.Flags, 0)
		rows.Files = append(rows.Files, fmt.Sprintf("%s/ILSVRC2012_val_%08d.JPEG", in.Classes[label], i+1))
	}
	if c.Index.Checksums, err = w.Finish(); err != nil {
		b.Fatal(err)
	}
	c.Splits = map[string]packed.Rows{packed.Train: rows}
	c.Index.Splits = map[string]packed.Split{packed.Train: {Images: validationImages, PerClass: perClass,
		Shards: []int{validationImages}}}
	if err := packed.Write(dir, c); err != nil {
		b.Fatal(err)
	}
	set, err := packed.Open(dir, packed.Train)
	if err != nil {
		b.Fatal(err)
	}
	return set, in
}

// noise is an image that PNG cannot make smaller.
type noise struct{ width, height int }

func (noise) ColorModel() color.Model   { return color.RGBAModel }
func (n noise) Bounds() image.Rectangle { return image.Rect(0, 0, n.width, n.height) }
func (noise) At(x, y int) color.Color {
	return color.RGBA{uint8(x * 31 * (y + 7)), uint8(y * 57 * (x + 3)), uint8(x*y*13 + 5), 255}
}
