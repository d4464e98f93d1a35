package export_test

import (
	"path/filepath"
	"testing"

	"duet/alexnet/convert/export"
)

// inverted is a dropout of the kind that is nothing in a test.
const inverted = "network.layers.drop4.inverted=true"

// TestInputs: whatever the sizes of images, crops and pads are, the file computes what the engine does.
func TestInputs(t *testing.T) {
	for name, c := range map[string]struct {
		side, crop, pad string
		mean            bool
		more            []string
	}{
		"as it is":        {side: "20", crop: "20"},
		"odd":             {side: "23", crop: "20", mean: true},
		"odd crop":        {side: "24", crop: "19", mean: true},
		"padded":          {side: "20", crop: "24", pad: "2", mean: true},
		"padded unevenly": {side: "20", crop: "23", pad: "2", mean: true},
		"scales":          {side: "23", crop: "20", more: []string{"data.std=[58.395, 57.12, 70.5]", inverted}},
		"a layer on one tower": {side: "24", crop: "20", more: []string{"network.layers.conv2.towers=1",
			"network.layers.conv2.exchange=true"}},
		"halves":     {side: "24", crop: "20", more: []string{"network.layers.fc4.exchange=false"}},
		"across":     {side: "24", crop: "20", more: []string{"network.layers.norm1.across=true"}},
		"paper's":    {side: "24", crop: "20", more: []string{"network.layers.norm1.alpha_over_n=false"}},
		"a wide LRN": {side: "24", crop: "20", more: []string{"network.layers.norm1.n=99", "network.layers.norm1.alpha=1"}},
		"rounded up": {side: "24", crop: "19", more: []string{"network.layers.pool1.ceil_mode=true",
			"network.layers.pool1.kernel=2", "network.layers.pool1.stride=3"}},
		"padded windows": {side: "24", crop: "20", more: []string{"network.layers.pool1.pad=2",
			"network.layers.pool1.ceil_mode=true"}},
	} {
		t.Run(name, func(t *testing.T) {
			pad := c.pad
			if pad == "" {
				pad = "0"
			}
			side := map[string]int{"20": 20, "23": 23, "24": 24}[c.side]
			in := input(side, 4)
			if c.mean {
				in.MeanShape, in.Mean = []int{3, side, side}, make([]float32, 3*side*side)
				for i := range in.Mean {
					in.Mean[i] = float32(i*i%211) + 0.25
				}
			}
			for _, half := range []bool{false, true} {
				n := network(t, "smoke", 3, in, append(c.more, "data.crop="+c.crop, "data.pad="+pad)...)
				if n.Half = half; half {
					check(t, n.Round())
				}
				r, err := n.ONNX(t.Context(), filepath.Join(t.TempDir(), "x.onnx"), engine(t, n))
				check(t, err)
				if !(r.Difference <= export.Tolerance/10) || r.Images < 4 || r.Parameters == 0 {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}
