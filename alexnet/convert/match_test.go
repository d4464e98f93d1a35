package convert_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"duet/alexnet/convert"
	"duet/engine/checkpoint"
	"duet/engine/model"
)

// params are those of layers by their names and the shapes of their weights.
func params(layers ...model.Param) (all []model.Param) {
	for _, w := range layers {
		all = append(all, model.Param{Name: w.Name + ".weight", Shape: w.Shape},
			model.Param{Name: w.Name + ".bias", Shape: w.Shape[:1]})
	}
	return all
}

func layer(name string, shape ...int) model.Param { return model.Param{Name: name, Shape: shape} }

// weight has the numbers 0, 1, 2, ...
func weight(name string, shape ...int) checkpoint.Tensor {
	n := 1
	for _, s := range shape {
		n *= s
	}
	t := checkpoint.Tensor{Name: name, Shape: shape, Data: make([]float32, n)}
	for i := range t.Data {
		t.Data[i] = float32(i)
	}
	return t
}

func source(bias bool, weights ...checkpoint.Tensor) *convert.Source {
	s := &convert.Source{Format: "test"}
	for _, w := range weights {
		l := convert.Layer{Name: strings.TrimSuffix(w.Name, ".weight"), Weight: w}
		if bias {
			n := w.Shape[0]
			b := weight(l.Name+".bias", n)
			l.Bias = &b
		}
		s.Layers = append(s.Layers, l)
	}
	return s
}

var network = params(layer("conv1", 4, 3, 5, 5), layer("conv2", 6, 2, 3, 3), layer("conv3", 6, 2, 3, 3),
	layer("fc4", 10, 24))

// TestFit: which layer of a file a network's is taken from, and what is said of the rest.
func TestFit(t *testing.T) {
	theirs := source(true, weight("features.0.weight", 4, 3, 5, 5), weight("features.3.weight", 6, 2, 3, 3),
		weight("features.6.weight", 6, 2, 3, 3), weight("classifier.1.weight", 10, 24))
	inOrder := map[string]string{"conv1": "features.0", "conv2": "features.3", "conv3": "features.6",
		"fc4": "classifier.1"}
	other := source(true, weight("conv3.weight", 6, 2, 3, 3), weight("conv1.weight", 4, 3, 5, 5),
		weight("conv2.weight", 6, 2, 3, 3), weight("fc4.weight", 10, 24))
	for _, c := range []struct {
		name   string
		source *convert.Source
		o      convert.Options
		want   map[string]string
		says   string // of the error
	}{
		{"in the order of both", theirs, convert.Options{}, inOrder, ""},
		{"by names that are the network's", other, convert.Options{},
			map[string]string{"conv1": "conv1", "conv2": "conv2", "conv3": "conv3", "fc4": "fc4"}, ""},
		{"by names that are given", theirs,
			convert.Options{Names: map[string]string{"conv2": "features.6", "conv3": "features.3"}},
			map[string]string{"conv1": "features.0", "conv2": "features.6", "conv3": "features.3", "fc4": "classifier.1"},
			""},
		{"a name that the file does not have", theirs, convert.Options{Names: map[string]string{"conv2": "features.7"}}, nil,
			`conv2 is the file's "features.7", but it has no such layer, it has features.0, features.3`},
		{"a name that the network does not have", theirs, convert.Options{Names: map[string]string{"conv9": "features.3"}},
			nil, `the names have one for "conv9", but the network has no such layer`},
		{"a name of another shape", theirs, convert.Options{Names: map[string]string{"conv2": "features.0"}}, nil,
			`conv2 is the file's "features.0", but that is [4 3 5 5], want [6 2 3 3]`},
		{"a layer made a convolution", source(true, weight("a", 4, 3, 5, 5), weight("b", 6, 2, 3, 3),
			weight("c", 6, 2, 3, 3), weight("d", 10, 6, 2, 2)), convert.Options{},
			map[string]string{"conv1": "a", "conv2": "b", "conv3": "c", "fc4": "d"}, ""},
		{"what does not fit", source(true, weight("a", 4, 3, 5, 5), weight("b", 6, 2, 3, 3), weight("c", 6, 3, 3, 3)),
			convert.Options{}, nil, "nothing fits conv3.weight [6 2 3 3], conv3.bias [6], fc4.weight [10 24], fc4.bias [10] " +
				"of the network; there is no place for c [6 3 3 3], c.bias [6] of the file"},
		{"no bias", source(false, theirs.Layers[0].Weight, theirs.Layers[1].Weight, theirs.Layers[2].Weight,
			theirs.Layers[3].Weight), convert.Options{}, nil, "nothing fits conv1.bias [4], conv2.bias [6]"},
		{"a part of it", source(true, weight("x", 7, 7), weight("a", 4, 3, 5, 5), weight("c", 6, 2, 3, 3)),
			convert.Options{}, map[string]string{"conv1": "a", "conv2": "c"}, ""},
		{"nothing", source(true, weight("x", 7, 7)), convert.Options{}, nil,
			"none of the file's 1 layers fits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := convert.Fit(network, c.source, c.o)
			if err == nil && c.says != "" {
				err = m.Whole()
			}
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("%v, want %q in it", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, p := range m.Pairs {
				got[p.Layer] = p.From
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if whole := m.Whole(); (whole == nil) != (len(got) == 4) {
				t.Errorf("of %v: %v", got, whole)
			}
		})
	}
}

// TestFitSaysAll: what is missing and what is left is in the result, and in the error of Whole.
func TestFitSaysAll(t *testing.T) {
	s := source(true, weight("a", 4, 3, 5, 5))
	s.Rest = []checkpoint.Tensor{weight("counter", 1)}
	m, err := convert.Fit(network, s, convert.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Missing) != 6 || !slices.Contains(m.Missing, "fc4.weight [10 24]") ||
		!slices.Equal(m.Left, []string{"counter [1]"}) {
		t.Errorf("missing %q, left %q", m.Missing, m.Left)
	}
	err = m.Whole()
	if misfit := (*convert.Misfit)(nil); !errors.As(err, &misfit) || len(misfit.Missing) != 6 || len(misfit.Left) != 1 {
		t.Errorf("%v", err)
	}
}

// TestLayouts: an element of the file is where its axes say, and blue is where red was.
func TestLayouts(t *testing.T) {
	net := params(layer("conv1", 2, 3, 2, 1), layer("fc2", 4, 2*5))
	s := source(false, weight("conv", 2, 1, 3, 2), weight("dense", 10, 4)) // [h,w,in,out], [(place, map), out]
	for i, n := range []int{2, 4} {
		b := weight("bias", 1, n)
		s.Layers[i].Bias = &b
	}
	m, err := convert.Fit(net, s, convert.Options{BGR: true})
	if err != nil {
		t.Fatal(err)
	}
	if m.Layout != convert.HWIO {
		t.Errorf("layout %s", m.Layout)
	}
	for o := range 2 {
		for in := range 3 {
			for h := range 2 {
				if got, want := m.Tensors["conv1.weight"][(o*3+in)*2+h], float32((h*3+2-in)*2+o); got != want {
					t.Errorf("conv1.weight[%d,%d,%d,0] is %v, want %v", o, in, h, got, want)
				}
			}
		}
	}
	for o := range 4 {
		for of := range 2 {
			for place := range 5 {
				if got, want := m.Tensors["fc2.weight"][o*10+of*5+place], float32((place*2+of)*4+o); got != want {
					t.Errorf("fc2.weight[%d,%d*5+%d] is %v, want %v", o, of, place, got, want)
				}
			}
		}
	}
	square := params(layer("fc1", 3, 3))
	one := source(true, weight("w", 3, 3))
	_, err = convert.Fit(square, one, convert.Options{})
	if err == nil || !strings.Contains(err.Error(), "want --layout") {
		t.Errorf("a square weight: %v", err)
	}
	m, err = convert.Fit(square, one, convert.Options{Layout: convert.HWIO})
	if err != nil || !slices.Equal(m.Tensors["fc1.weight"], []float32{0, 3, 6, 1, 4, 7, 2, 5, 8}) {
		t.Errorf("%v, %v", m, err)
	}
}
