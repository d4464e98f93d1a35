package export

import (
	"fmt"
	"strings"

	"duet/engine/model"
	"duet/engine/op"
)

// module writes the network as a Python module. Its layers are those of the graph for training, where none is left out.
type module struct {
	names   map[string]string // in Python, by layer
	taken   map[string]bool
	init    []string // lines of __init__
	forward []string // and of forward
	classes map[string]bool
}

// layer is the operations of a layer, one after the other.
type layer struct {
	name string
	all  []*op.Applied
}

func layers(g *model.Graph) (all []layer) {
	at := map[string]int{}
	for _, n := range operations(g) {
		a := n.Op().(*op.Applied)
		i, seen := at[a.Layer]
		if _, input := a.Op.(op.Augment); input {
			continue
		}
		if !seen {
			i, at[a.Layer] = len(all), len(all)
			all = append(all, layer{name: a.Layer})
		}
		all[i].all = append(all[i].all, a)
	}
	return all
}

func newModule(g *model.Graph) (*module, error) {
	m := &module{names: map[string]string{}, taken: map[string]bool{"bfloat16": true}, classes: map[string]bool{}}
	for _, l := range layers(g) {
		m.name(l.name)
		if err := m.add(l); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// name finds a name for a layer that Python takes for an attribute, and that nothing else of a torch.nn.Module has:
// letters, digits and lines, at least one of them a digit.
func (m *module) name(layer string) {
	keep := func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}
	base := strings.Map(keep, layer)
	if strings.Trim(base[:1], "0123456789_") == "" {
		base = "layer" + base
	}
	name := base
	for i := 1; m.taken[name] || !strings.ContainsAny(name, "0123456789"); i++ {
		name = fmt.Sprintf("%s_%d", base, i)
	}
	m.names[layer], m.taken[name] = name, true
}

// parameter is a parameter's name in the state dict.
func (m *module) parameter(name string) string {
	i := strings.LastIndexByte(name, '.')
	if own, known := m.names[name[:max(i, 0)]]; known && name != model.InputMean {
		return own + name[i:]
	}
	return name
}

// add adds a layer.
func (m *module) add(l layer) error {
	linears := 0
	for _, a := range l.all {
		if _, is := a.Op.(op.Linear); is {
			linears++
		}
	}
	if linears == 2 { // a half of the features in each
		return m.towers(l)
	}
	for _, a := range l.all {
		in, out := a.In()[0].Shape, a.Out().Shape
		switch o := a.Op.(type) {
		case op.Conv2D:
			m.layer(l.name, o.ReLU, "nn.Conv2d(%d, %d, %d%s)", in[1], out[1], o.Kernel, options(
				option{"stride", o.Stride, 1}, option{"padding", o.Pad, 0}, option{"groups", o.Groups, 1}))
		case op.Linear:
			m.layer(l.name, o.ReLU, "nn.Linear(%d, %d)", in[1], out[1])
		case op.Flatten:
			m.forward = append(m.forward, "x = torch.flatten(x, 1)")
		case op.ReLU:
			m.forward = append(m.forward, "x = F.relu(x)")
		case op.Tanh:
			m.forward = append(m.forward, "x = torch.tanh(x)")
		case op.LRN:
			m.normalised(l.name, o, in[1])
		case op.MaxPool:
			m.pooled(l.name, o, a)
		case op.AvgPool:
			m.averaged(l.name, o, a)
		case op.Dropout:
			kind := "nn.Dropout"
			if !o.Inverted {
				kind = "Dropout"
				m.classes[kind] = true
			}
			m.layer(l.name, false, "%s(%v)", kind, o.Rate)
		default:
			return fmt.Errorf("layer %s: there is nothing in PyTorch for %s", l.name, a.Name())
		}
	}
	return nil
}

// layer adds a submodule that is called with what there is so far.
func (m *module) layer(layer string, relu bool, format string, args ...any) {
	name := m.names[layer]
	m.init = append(m.init, fmt.Sprintf("self.%s = "+format, append([]any{name}, args...)...))
	call := fmt.Sprintf("self.%s(x)", name)
	if relu {
		call = "F.relu(" + call + ")"
	}
	m.forward = append(m.forward, "x = "+call)
}

// option is an argument with a name, which is left out where it is the default.
type option struct {
	name             string
	value, otherwise int
}

func options(all ...option) (text string) {
	for _, o := range all {
		if o.value != o.otherwise {
			text += fmt.Sprintf(", %s=%d", o.name, o.value)
		}
	}
	return text
}

func (m *module) towers(l layer) error {
	var linear []*op.Applied
	squashed := false
	for _, a := range l.all {
		switch a.Op.(type) {
		case op.Linear:
			linear = append(linear, a)
		case op.Tanh:
			squashed = true
		}
	}
	if len(linear[0].In()[0].Shape) == 2 && len(l.all[0].In()[0].Shape) == 4 {
		m.forward = append(m.forward, "x = torch.flatten(x, 1)")
	}
	m.classes["TwoLinear"] = true
	m.layer(l.name, linear[0].Op.(op.Linear).ReLU, "TwoLinear(%d, %d)", 2*linear[0].In()[0].Shape[1],
		2*linear[0].Out().Shape[1])
	if squashed {
		m.forward = append(m.forward, "x = torch.tanh(x)")
	}
	return nil
}

// normalised adds a normalisation. PyTorch divides alpha by the window's size always.
func (m *module) normalised(layer string, o op.LRN, maps int) {
	window := o.Window(maps)
	alpha := float32(o.Coefficient() * float64(window))
	kind, more := "nn.LocalResponseNorm", ""
	if o.Groups > 1 {
		kind, more = "TowerLRN", fmt.Sprintf(", towers=%d", o.Groups)
		m.classes[kind] = true
	}
	m.layer(layer, false, "%s(%d, alpha=%v, beta=%v, k=%v%s)", kind, window, alpha, o.Beta, o.K, more)
}

// pooled adds a pooling. PyTorch's pads by half a window at most; others are minus infinity around the maps.
func (m *module) pooled(layer string, o op.MaxPool, a *op.Applied) {
	if 2*o.Pad <= o.Kernel {
		more := options(option{"padding", o.Pad, 0})
		if o.Ceil {
			more += ", ceil_mode=True"
		}
		m.layer(layer, false, "nn.MaxPool2d(%d, %d%s)", o.Kernel, o.Stride, more)
		return
	}
	bottom, right := padEnds(o, a)
	m.layer(layer, false, "nn.Sequential(nn.ConstantPad2d((%d, %d, %d, %d), -math.inf), nn.MaxPool2d(%d, %d))", o.Pad,
		right, o.Pad, bottom, o.Kernel, o.Stride)
}

// averaged adds an average pooling. PyTorch's pads by half a window at most.
func (m *module) averaged(layer string, o op.AvgPool, a *op.Applied) {
	if 2*o.Pad <= o.Kernel {
		more := options(option{"padding", o.Pad, 0})
		if o.Ceil {
			more += ", ceil_mode=True"
		}
		if o.Pad > 0 && !o.CountPad {
			more += ", count_include_pad=False"
		}
		m.layer(layer, false, "nn.AvgPool2d(%d, %d%s)", o.Kernel, o.Stride, more)
		return
	}
	bottom, right := padEnds(op.MaxPool{Kernel: o.Kernel, Stride: o.Stride, Pad: o.Pad, Ceil: o.Ceil}, a)
	counted := 0
	if o.CountPad {
		counted = o.Pad
	}
	m.classes["PaddedAverage"] = true
	m.layer(layer, false, "PaddedAverage(%d, %d, pads=(%d, %d, %d, %d), counted=%d)", o.Kernel, o.Stride, o.Pad, right,
		o.Pad, bottom, counted)
}
