package convert

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"duet/engine/checkpoint"
	"duet/engine/model"
)

// A Layer is a weight of a file with its bias.
type Layer struct {
	Name   string // of the layer, or what the names of its parameters begin with
	Weight checkpoint.Tensor
	Bias   *checkpoint.Tensor // nil where there is none
}

// A Source is what a file of another program has of a network.
type Source struct {
	Format string              // of the file: "PyTorch"
	Layers []Layer             // in the order of the file
	Rest   []checkpoint.Tensor // of no layer with weights
	Layout Layout              // that the format always has; "" where it does not say
	BGR    bool                // the network sees blue, green and red, as Caffe's do

	steps    []step   // of a format that says what is computed; else nil
	side     [2]int   // of what the first step sees; 0 where it is not said
	prepared []string // nodes before the first step, which change an image's numbers
}

// Options say how a file's weights become a network's.
type Options struct {
	Layout Layout            // "": the one that fits
	BGR    bool              // the file's network sees blue, green and red
	Names  map[string]string // a layer of the network: the file's
}

// A Pair is a layer of the network and that of the file which it is taken from.
type Pair struct {
	Layer, From string
	from        int // of Source.Layers
}

// A Match is how the layers of a network and of a file belong together.
type Match struct {
	Layout  Layout
	Pairs   []Pair
	Tensors map[string][]float32 // by the names of the network's parameters, in its layout
	Missing []string             // parameters of the network, with their shapes, that the file does not have
	Left    []string             // tensors of the file, with their shapes, that have no place
	// Prepared are nodes of the file that change an image's numbers before the first layer, as the configuration's [data]
	// does. They are not compared.
	Prepared []string
	Unlike   []string // in what the file's network computes something else: see Compare
}

// A Misfit says what of a file does not fit a network, of the network what the file lacks, and in what the file's
// network computes something else.
type Misfit struct{ Missing, Left, Unlike []string }

// shownMisfits is how many of each kind an error names.
const shownMisfits = 8

func (m *Misfit) Error() string {
	var parts []string
	if len(m.Missing) > 0 {
		parts = append(parts, "nothing fits "+some(m.Missing)+" of the network")
	}
	if len(m.Left) > 0 {
		parts = append(parts, "there is no place for "+some(m.Left)+" of the file")
	}
	if more := len(m.Unlike) - shownMisfits; more > 0 {
		parts = append(append(parts, m.Unlike[:shownMisfits]...), fmt.Sprintf("%d more differences", more))
	} else {
		parts = append(parts, m.Unlike...)
	}
	return strings.Join(parts, "; ")
}

func some(all []string) string {
	if more := len(all) - shownMisfits; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:shownMisfits], ", "), more)
	}
	return strings.Join(all, ", ")
}

// layerOf is a layer of the network with the parameters that it has.
type layerOf struct {
	name         string
	weight, bias model.Param
}

// layersOf are the layers of a network that have weights.
func layersOf(params []model.Param) (all []layerOf) {
	for _, p := range params {
		name, isBias := strings.CutSuffix(p.Name, ".bias")
		if !isBias {
			name = strings.TrimSuffix(p.Name, ".weight")
		}
		if len(all) == 0 || all[len(all)-1].name != name {
			all = append(all, layerOf{name: name})
		}
		if isBias {
			all[len(all)-1].bias = p
		} else {
			all[len(all)-1].weight = p
		}
	}
	return all
}

// Fit finds for each layer of a network, whose parameters these are, one of the file that fits: of the name that is
// given for it or of its own, else in the order of both. What does not fit is in the result: see Whole.
func Fit(params []model.Param, s *Source, o Options) (*Match, error) {
	network := layersOf(params)
	layout, pairs, err := choose(network, s, o)
	if err != nil {
		return nil, err
	}
	m := &Match{Prepared: s.prepared, Layout: layout, Tensors: map[string][]float32{}}
	taken := map[int]bool{}
	maps := 0 // of the convolution before
	for i, l := range network {
		if from, ok := pairs[i]; ok {
			taken[from] = true
			m.take(l, s.Layers[from], maps, o.BGR && i == 0)
			m.Pairs = append(m.Pairs, Pair{l.name, s.Layers[from].Name, from})
		} else {
			m.Missing = append(m.Missing, shaped(l.weight.Name, l.weight.Shape), shaped(l.bias.Name, l.bias.Shape))
		}
		if maps = 0; len(l.weight.Shape) == 4 {
			maps = l.weight.Shape[0]
		}
	}
	for i, l := range s.Layers {
		if !taken[i] {
			m.left(l.Weight)
			if l.Bias != nil {
				m.left(*l.Bias)
			}
		}
	}
	for _, t := range s.Rest {
		m.left(t)
	}
	if len(m.Pairs) == 0 {
		return nil, fmt.Errorf("none of the file's %d layers fits: %w", len(s.Layers), m.Whole())
	}
	return m, nil
}

// Whole is nil where the network and the file have the same parameters, and compute the same as far as Compare has
// told; else a *Misfit.
func (m *Match) Whole() error {
	if len(m.Missing)+len(m.Left)+len(m.Unlike) == 0 {
		return nil
	}
	return &Misfit{m.Missing, m.Left, m.Unlike}
}

func shaped(name string, shape []int) string { return fmt.Sprintf("%s %v", name, shape) }

func (m *Match) left(t checkpoint.Tensor) { m.Left = append(m.Left, shaped(t.Name, t.Shape)) }

// take has the parameters of a layer from the file's.
func (m *Match) take(l layerOf, from Layer, maps int, bgr bool) {
	data := m.Layout.turned(from.Weight, l.weight.Shape, maps)
	if bgr && len(l.weight.Shape) == 4 && l.weight.Shape[1] == 3 {
		data = channelsTurned(data, l.weight.Shape)
	}
	m.Tensors[l.weight.Name] = data
	if from.Bias == nil {
		m.Missing = append(m.Missing, shaped(l.bias.Name, l.bias.Shape))
		return
	}
	m.Tensors[l.bias.Name] = from.Bias.Data
}

// choose pairs the network's layers with the file's in the layout that fits most of them.
func choose(network []layerOf, s *Source, o Options) (best Layout, pairs map[int]int, err error) {
	layouts := Layouts
	if layout := cmp.Or(o.Layout, s.Layout); layout != "" {
		layouts = []Layout{layout}
	}
	for _, layout := range layouts {
		p, wrong := pair(network, s, layout, o.Names)
		switch {
		case wrong != nil:
			err = cmp.Or(err, wrong)
		case pairs == nil || len(p) > len(pairs):
			best, pairs = layout, p
		case len(p) == len(pairs) && len(p) > 0 && maps.Equal(p, pairs):
			return "", nil, fmt.Errorf("the shapes fit as %s and as %s: want --layout", best, layout)
		}
	}
	if pairs != nil {
		err = nil // another layout has what the names say
	}
	return best, pairs, err
}

// pair gives by the number of a network's layer that of the file's.
func pair(network []layerOf, s *Source, layout Layout, names map[string]string) (map[int]int, error) {
	pairs, used := map[int]int{}, map[int]bool{}
	for name := range names {
		if !slices.ContainsFunc(network, func(l layerOf) bool { return l.name == name }) {
			return nil, fmt.Errorf("the names have one for %q, but the network has no such layer with weights", name)
		}
	}
	for i, l := range network {
		name, given := names[l.name]
		if !given {
			name = l.name
		}
		from := slices.IndexFunc(s.Layers, func(f Layer) bool { return f.Name == name })
		switch {
		case from < 0 && given:
			return nil, fmt.Errorf("the names say that %s is the file's %q, but it has no such layer, it has %s", l.name, name,
				s.names())
		case from >= 0 && fit(l, s.Layers[from], layout):
			pairs[i], used[from] = from, true
		case given:
			return nil, fmt.Errorf("the names say that %s is the file's %q, but that is %v, want %v", l.name, name,
				s.Layers[from].Weight.Shape, l.weight.Shape)
		}
	}
	next := 0
	for i, l := range network {
		if from, ok := pairs[i]; ok {
			next = max(next, from+1)
			continue
		}
		for from := next; from < len(s.Layers); from++ {
			if !used[from] && fit(l, s.Layers[from], layout) {
				pairs[i], used[from], next = from, true, from+1
				break
			}
		}
	}
	return pairs, nil
}

func (s *Source) names() string {
	var all []string
	for _, l := range s.Layers {
		all = append(all, l.Name)
	}
	return some(all)
}

// fit tells whether a layer of a file can be the network's.
func fit(l layerOf, from Layer, layout Layout) bool {
	if !layout.fits(l.weight.Shape, from.Weight.Shape) {
		return false
	}
	if from.Bias == nil {
		return true
	}
	for _, n := range from.Bias.Shape { // [maps], or in 1x1x1xmaps
		if n != 1 && n != l.bias.Shape[0] {
			return false
		}
	}
	return len(from.Bias.Data) == l.bias.Shape[0]
}

// Outputs is how many classes the file's network tells apart: the outputs of its last layer; 0 where that is no linear
// one.
func (s *Source) Outputs(layout Layout) int {
	if len(s.Layers) == 0 {
		return 0
	}
	last := s.Layers[len(s.Layers)-1]
	if len(last.Weight.Shape) != 2 {
		return 0
	}
	if last.Bias != nil {
		return len(last.Bias.Data)
	}
	return layout.outputs(last.Weight.Shape)
}
