package model_test

import (
	"bytes"
	"reflect"
	"testing"

	"duet/configs"
	"duet/engine/model"
)

// TestLayers: what a network is said to be is the same for every placement, and is what the plans of both compute.
func TestLayers(t *testing.T) {
	var before []model.Layer
	for _, placement := range []string{onOne, onTwo} {
		c := config(t, placement)
		in := model.RandomInput(c.Data, 4)
		layers, err := c.Setup().Layers(in)
		check(t, err)
		if before != nil && !reflect.DeepEqual(layers, before) {
			t.Errorf("%s: %+v, want %+v", placement, layers, before)
		}
		before = layers
		m := newModel(t, c, in, model.ForBench)
		flops, parameters := 0.0, 0
		for _, l := range layers {
			flops, parameters = flops+l.FLOPs, parameters+l.Parameters
		}
		computed := 0.0
		for _, s := range m.Training().Report().Steps {
			if !s.Backward && !s.Update {
				computed += s.FLOPs / float64(m.Batch)
			}
		}
		if parameters != m.Parameters() || !near(flops, computed) {
			t.Errorf("%s: %d parameters and %v operations an image, the plan has %d and %v", placement, parameters, flops,
				m.Parameters(), computed)
		}
	}
	var table bytes.Buffer
	check(t, model.WriteLayers(&table, before))
	// conv1 5x5x3 to 8 at a stride of 2, conv2 3x3x4 to 16, conv3 3x3x16 to 16, fc4 16 maps of 4x4 to 32, fc5 to 4 classes
	want := `layer  output     parameters  share    MFLOP an image  activations  weights
input  [3 20 20]  0           0.0 %    0.0             76800        0
conv1  [8 10 10]  608         5.1 %    0.1             51200        2432
norm1  [8 10 10]  0           0.0 %    0.0             51200        0
pool1  [8 4 4]    0           0.0 %    0.0             8192         0
conv2  [16 4 4]   592         5.0 %    0.0             16384        2368
conv3  [16 4 4]   2320        19.5 %   0.1             16384        9280
fc4    [32]       8224        69.2 %   0.0             2048         32896
drop4  [32]       0           0.0 %    0.0             2048         0
fc5    [4]        132         1.1 %    0.0             256          528
all               11876       100.0 %  0.2             224512       47504
`
	if table.String() != want {
		t.Errorf("the table is\n%s", table.String())
	}
}

// TestLayersOfThePaper: operations and bytes of some layers of the network of 2012, counted by hand.
func TestLayersOfThePaper(t *testing.T) {
	for precision, bytes := range map[string]int64{"fp32": 4, "bf16": 2} {
		c, err := configs.Load("alexnet", []string{"devices.precision=" + precision})
		check(t, err)
		layers, err := c.Setup().Layers(model.RandomInput(c.Data, 1000))
		check(t, err)
		byName, parameters := map[string]model.Layer{}, 0
		for _, l := range layers {
			byName[l.Name] = l
			parameters += l.Parameters
		}
		if parameters != 60_965_224 || len(layers) != 16 {
			t.Errorf("%d parameters of %d layers", parameters, len(layers))
		}
		conv2 := model.Layer{Name: "conv2", Output: []int{256, 27, 27}, Parameters: 256*48*25 + 256,
			FLOPs:       2 * 256 * 27 * 27 * 48 * 25,
			Activations: 128 * 256 * 27 * 27 * bytes, Weights: (256*48*25 + 256) * 4}
		conv2.Share = float64(conv2.Parameters) / 60_965_224
		if !reflect.DeepEqual(byName["conv2"], conv2) {
			t.Errorf("%s: %+v, want %+v", precision, byName["conv2"], conv2)
		}
		if fc6 := byName["fc6"]; fc6.FLOPs != 2*9216*4096 || fc6.Parameters != 9217*4096 || !reflect.DeepEqual(fc6.Output,
			[]int{4096}) {
			t.Errorf("%+v", fc6)
		}
	}
}
