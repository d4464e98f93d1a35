package export

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"duet/alexnet/convert/interpret"
	"duet/alexnet/convert/onnx"
)

// An Engine gives the probabilities of the classes for images as they are stored, each [Height, Width, 3].
type Engine func(ctx context.Context, images [][]byte) ([][]float64, error)

// Both the engine and what a file is tried with round to float32 after every sum: scores of a hundred may differ by
// 1e-4, and a probability then by such a part of itself. Where weights are float16, the engine has the same rounded
// ones.
const (
	// Tolerance is by how much a probability may differ from the engine's.
	Tolerance = 1e-4
	// relativeTol is by which part of it, so that a thousand classes that are about equally probable show something.
	relativeTol = 1e-3
)

// allowed is by how much a probability may differ. What is rarer than by chance counts as much as by chance.
func allowed(p float64, classes int) float64 {
	return min(Tolerance, relativeTol*max(p, 1/float64(classes)))
}

// Trials are the images that a file is tried on.
func (n *Network) Trials() [][]byte { return trials(n.Input.Height, n.Input.Width) }

// trials are images that show what may be wrong: a slope in each colour, of another direction, which tells red from
// blue, rows from columns and the crop's place; noise; black and white, whose values are the largest there are.
func trials(height, width int) [][]byte {
	random := rand.New(rand.NewPCG(2012, 1))
	draw := []func(x, y float64) [3]float64{
		func(x, y float64) [3]float64 { return [3]float64{255 * x, 255 * y, 255 * (1 - x) * (1 - y)} },
		func(_, _ float64) [3]float64 {
			return [3]float64{255 * random.Float64(), 255 * random.Float64(), 255 * random.Float64()}
		},
		func(_, _ float64) [3]float64 { return [3]float64{} },
		func(_, _ float64) [3]float64 { return [3]float64{255, 255, 255} },
	}
	all := make([][]byte, len(draw))
	for i := range all {
		all[i] = make([]byte, 0, height*width*3)
		for y := range height {
			for x := range width {
				for _, v := range draw[i](float64(x)/float64(width), float64(y)/float64(height)) {
					all[i] = append(all[i], byte(v+0.5))
				}
			}
		}
	}
	return all
}

// verify reads the file that was written, and takes what it computes against the engine's.
func (n *Network) verify(ctx context.Context, path string, engine Engine, r *Result) error {
	images := n.Trials()
	want, err := engine(ctx, images)
	if err != nil {
		return err
	}
	m, err := onnx.Read(path)
	if err != nil {
		return err
	}
	r.Images = len(images)
	for i, image := range images {
		if err := ctx.Err(); err != nil {
			return err
		}
		got, err := interpret.Run(ctx, m, map[string]*interpret.Tensor{
			imagesName: interpret.Bytes([]int{1, n.Input.Height, n.Input.Width, 3}, image)}, probsName)
		if err != nil {
			return err
		}
		if len(got.Data) != len(want[i]) {
			return fmt.Errorf("the file gives %d probabilities, duet %d", len(got.Data), len(want[i]))
		}
		for class, p := range want[i] {
			d := math.Abs(float64(got.Data[class]) - p)
			if tol := allowed(p, len(want[i])); !(d <= tol) {
				return fmt.Errorf("image %d of its own check has class %d with probability %v by the file and %v by duet: "+
					"want them within %.1g", i, class, got.Data[class], p, tol)
			}
			r.Difference = max(r.Difference, d)
		}
	}
	return nil
}
