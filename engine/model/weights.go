package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"duet/engine/checkpoint"
	"duet/engine/op"
)

// Names in checkpoints beside the parameters'.
const (
	momentum  = op.VelocityPrefix // before a parameter's name: its velocity
	average   = op.AveragePrefix  // likewise: its moving average, where the training keeps one
	InputMean = "input.mean"      // what is subtracted from the pixels, [3, H, W] or [3, 1, 1]

	extraClasses  = "classes" // JSON array of IDs by label
	extraNames    = "names"   // JSON array of the classes' names for people, "" where there is none
	extraHeight   = "height"  // of the stored images
	extraWidth    = "width"   // likewise
	extraIdentity = "data"    // identity of the training set
	extraReading  = "reading" // JSON of picture.Reading: how its files were read
)

// Velocity is the name in checkpoints of a parameter's velocity.
func Velocity(param string) string { return momentum + param }

// Averaged puts the moving averages of a checkpoint, where it has any, in the place of its weights: this is what its
// network is tested and used with.
func Averaged(f *checkpoint.File) {
	averages := map[string][]float32{}
	f.Tensors = slices.DeleteFunc(f.Tensors, func(t checkpoint.Tensor) bool {
		name, is := strings.CutPrefix(t.Name, average)
		if is {
			averages[name] = t.Data
		}
		return is
	})
	for i, t := range f.Tensors {
		if data, is := averages[t.Name]; is {
			f.Tensors[i].Data = data
		}
	}
}

// kinds are what a model keeps of a parameter, by the prefixes of their names.
func (m *Model) kinds() []string {
	all := []string{""}
	if m.training != nil {
		all = append(all, momentum)
	}
	if m.averages() {
		all = append(all, average)
	}
	return all
}

// Initialise draws the initial weights, with which averages begin, and sets the velocities to zero.
func (m *Model) Initialise(seed uint64) error {
	for _, p := range m.graph.Params {
		if err := m.begin(p, p.Initial(seed)); err != nil {
			return err
		}
	}
	return nil
}

// begin gives a parameter its first values.
func (m *Model) begin(p Param, values []float32) error {
	for _, kind := range m.kinds() {
		first := values
		if kind == momentum {
			first = make([]float32, p.Len())
		}
		if err := m.set(p, kind, first); err != nil {
			return err
		}
	}
	return nil
}

// InitialiseFrom takes the weights from a checkpoint, by their names, and draws those that it does not have; velocities
// are zero. The results are names and shapes of what was drawn, and of what the checkpoint has and the network does
// not. A parameter of another shape is an error that is a checkpoint.ErrNetwork, but for the last layer's, which is
// drawn too: it has other classes.
func (m *Model) InitialiseFrom(f *checkpoint.File, seed uint64) (drawn, leftOut []string, err error) {
	params, known := m.graph.Params, map[string]bool{InputMean: true}
	for i, p := range params {
		known[p.Name] = true
		t, ok := f.Tensor(p.Name)
		switch {
		case ok && slices.Equal(t.Shape, p.Shape):
		case ok && i < len(params)-2:
			return nil, nil, fmt.Errorf("%w: %s is %v, want %v", checkpoint.ErrNetwork, p.Name, t.Shape, p.Shape)
		default:
			drawn = append(drawn, fmt.Sprintf("%s %v", p.Name, p.Shape))
		}
	}
	for _, t := range f.Tensors {
		if !known[t.Name] {
			leftOut = append(leftOut, fmt.Sprintf("%s %v", t.Name, t.Shape))
		}
	}
	if len(drawn) == len(params) {
		return nil, nil, fmt.Errorf("%w: it has none of %s and the others", checkpoint.ErrNetwork, drawn[0])
	}
	if err := m.Initialise(seed); err != nil {
		return nil, nil, err
	}
	for _, p := range params {
		if t, ok := f.Tensor(p.Name); ok && slices.Equal(t.Shape, p.Shape) {
			if err := m.begin(p, t.Data); err != nil {
				return nil, nil, err
			}
		}
	}
	return drawn, leftOut, nil
}

// set uploads a tensor of the whole network, part by part. A frozen parameter has neither velocity nor average.
func (m *Model) set(p Param, prefix string, whole []float32) error {
	if prefix != "" && p.Frozen {
		return nil
	}
	row, at := p.Len()/p.Shape[0], 0
	for i, part := range p.Parts {
		name, n := prefix+partName(p.Name, i), part.Rows*row
		if err := m.state.Upload(name, whole[at:at+n]); err != nil {
			return fmt.Errorf("%s%s: %w", prefix, p.Name, err)
		}
		at += n
	}
	return nil
}

// get downloads a tensor of the whole network, part by part. The velocity of a frozen parameter is zero, its average
// itself.
func (m *Model) get(p Param, prefix string) ([]float32, error) {
	whole := make([]float32, p.Len())
	if prefix == momentum && p.Frozen {
		return whole, nil
	}
	if p.Frozen {
		prefix = ""
	}
	row, at := p.Len()/p.Shape[0], 0
	for i, part := range p.Parts {
		name, n := prefix+partName(p.Name, i), part.Rows*row
		if err := m.state.Download(name, whole[at:at+n]); err != nil {
			return nil, fmt.Errorf("%s%s: %w", prefix, p.Name, err)
		}
		at += n
	}
	return whole, nil
}

// Tensors are the weights, the velocities, the averages if there are any, and the mean, under the names of the whole
// network.
func (m *Model) Tensors() ([]checkpoint.Tensor, error) {
	tensors := []checkpoint.Tensor{{Name: InputMean, Shape: m.Input.MeanShape, Data: m.Input.Mean}}
	for _, p := range m.graph.Params {
		for _, kind := range m.kinds() {
			data, err := m.get(p, kind)
			if err != nil {
				return nil, err
			}
			tensors = append(tensors, checkpoint.Tensor{Name: kind + p.Name, Shape: p.Shape, Data: data})
		}
	}
	return tensors, nil
}

// Restore sets weights, and the velocities and averages of a model that trains, from a checkpoint of the same network.
// Averages begin with the weights of one that has none.
func (m *Model) Restore(f *checkpoint.File) error {
	want := map[string][]int{InputMean: m.Input.MeanShape}
	_, averaged := f.Tensor(average + m.graph.Params[0].Name)
	for _, p := range m.graph.Params {
		want[p.Name], want[momentum+p.Name] = p.Shape, p.Shape
		if averaged {
			want[average+p.Name] = p.Shape
		}
	}
	if err := f.CheckShapes(want); err != nil {
		return err
	}
	for _, p := range m.graph.Params {
		for _, kind := range m.kinds() {
			from := kind
			if kind == average && !averaged {
				from = ""
			}
			t, _ := f.Tensor(from + p.Name)
			if err := m.set(p, kind, t.Data); err != nil {
				return err
			}
		}
	}
	return nil
}

// Metadata is a checkpoint's: the input's description and what else is to be kept, as JSON.
func (in Input) Metadata(more map[string]any) (map[string]string, error) {
	values := map[string]any{extraClasses: in.Classes, extraHeight: in.Height, extraWidth: in.Width,
		extraReading: in.Reading}
	if in.Names != nil {
		values[extraNames] = in.Names
	}
	maps.Copy(values, more)
	texts := map[string]string{extraIdentity: in.Identity}
	for key, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("metadata %s: %w", key, err)
		}
		texts[key] = string(text)
	}
	return texts, nil
}

// InputFrom reads the input's description from a checkpoint.
func InputFrom(f *checkpoint.File) (Input, error) {
	x := f.Meta.Extra
	in := Input{Identity: x[extraIdentity]}
	if err := json.Unmarshal([]byte(x[extraClasses]), &in.Classes); err != nil {
		return in, fmt.Errorf("metadata %s %q is not a list of names: %w", extraClasses, x[extraClasses], err)
	}
	if text, ok := x[extraNames]; ok { // only of classes that have some, and not in checkpoints of before
		if err := json.Unmarshal([]byte(text), &in.Names); err != nil {
			return in, fmt.Errorf("metadata %s %q is not a list of names: %w", extraNames, text, err)
		}
		if len(in.Names) != len(in.Classes) {
			return in, fmt.Errorf("metadata %s has %d names, want one for each of %d classes", extraNames, len(in.Names),
				len(in.Classes))
		}
	}
	for key, into := range map[string]*int{extraHeight: &in.Height, extraWidth: &in.Width} {
		n, err := strconv.Atoi(x[key])
		if err != nil || n < 1 {
			return in, fmt.Errorf("metadata %s is %q, want a number of pixels", key, x[key])
		}
		*into = n
	}
	if text, ok := x[extraReading]; ok { // checkpoints of before have none
		if err := json.Unmarshal([]byte(text), &in.Reading); err != nil {
			return in, fmt.Errorf("metadata %s %q: %w", extraReading, text, err)
		}
	}
	mean, ok := f.Tensor(InputMean)
	if !ok {
		return in, fmt.Errorf("no tensor %s", InputMean)
	}
	in.Mean, in.MeanShape = mean.Data, mean.Shape
	return in, nil
}
