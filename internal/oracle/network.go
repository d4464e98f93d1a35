package oracle

import (
	"fmt"
	"math"
)

// shape is how many maps there are between two layers, and their extents. A feature is a map of 1x1. What an image is
// there is a []float64: map after map, row after row.
type shape struct{ maps, height, width int }

func (s shape) blank() []float64 { return make([]float64, s.maps*s.height*s.width) }

func (s shape) at(m, row, column int) int { return (m*s.height+row)*s.width + column }

// Param is a weight or a bias of the whole network.
type Param struct {
	Name             string
	Values, Velocity []float64
	gradient         []float64
	rate, decay      float32 // multipliers of the training's
}

// layer is a layer in its place.
type layer struct {
	Layer
	in, out      shape
	towers       int // among how many the maps of the input are divided: an LRN's window ends where the tower does
	groups       int // of a conv or linear layer: an output sees the inputs of its group alone
	high, wide   int // extents of the window of a conv, linear or pooling layer
	weight, bias *Param
}

// network makes the layers and their parameters.
//
// A tower is a group: what two towers do without exchange is one layer of two groups. The image is divided among no
// towers, so every tower sees all of it; the last layer belongs to one tower.
func network(c Config, classes int) (layers []*layer, params []*Param, err error) {
	towers, in := 1, shape{3, c.Data.Crop, c.Data.Crop}
	for i, description := range c.Network.Layers {
		l := &layer{Layer: description, in: in, out: in, towers: towers, groups: 1, high: description.Kernel,
			wide: description.Kernel}
		switch l.Type {
		case "relu", "tanh", "lrn", "dropout":
		case "maxpool", "avgpool":
			l.out.height, l.out.width = l.windows(in.height), l.windows(in.width)
		case "conv", "linear":
			outputs := l.Maps
			if l.Type == "linear" { // a convolution whose window is the whole input
				outputs, l.high, l.wide = l.Features, in.height, in.width
			}
			if outputs == 0 {
				outputs = classes
			}
			own := c.Network.Towers
			if l.Towers != 0 {
				own = l.Towers
			}
			if i == len(c.Network.Layers)-1 {
				own = 1
			}
			if !l.Exchange && towers == own {
				l.groups = own
			}
			towers = own
			l.out = shape{outputs, (in.height+2*l.Pad-l.high)/l.Stride + 1, (in.width+2*l.Pad-l.wide)/l.Stride + 1}
			l.parameters(c.Train.Seed)
			params = append(params, l.weight, l.bias)
		default:
			return nil, nil, fmt.Errorf("oracle: layer %s is of type %q", l.Name, l.Type)
		}
		layers, in = append(layers, l), l.out
	}
	return layers, params, nil
}

// windows is how many windows of a pooling there are along an extent n. With ceil_mode the last one may reach over the
// end, but must begin before it.
func (l *layer) windows(n int) int {
	room := n + 2*l.Pad - l.Kernel
	count := room/l.Stride + 1
	if l.Ceil && room%l.Stride != 0 && count*l.Stride < n+l.Pad {
		count++
	}
	return count
}

// parameters draws the initial weight [outputs, inputs of a group, high, wide], and the bias [outputs].
func (l *layer) parameters(seed uint64) {
	inputs := l.in.maps / l.groups * l.high * l.wide
	rate, decay := or(l.Rate, 1), or(l.Decay, 1)
	l.weight = &Param{Name: l.Name + ".weight", Values: make([]float64, l.out.maps*inputs), rate: rate, decay: decay}
	l.bias = &Param{Name: l.Name + ".bias", Values: make([]float64, l.out.maps), rate: or(l.BiasRate, rate),
		decay: or(l.BiasDecay, decay)}
	deviation := l.Std
	if l.Init == "" || l.Init == "he" { // He, Zhang, Ren, Sun 2015, section 2.2
		deviation = math.Sqrt(2 / float64(inputs))
	}
	random := stream{seed: seed, purpose: initial, number: streamOf(l.weight.Name)}
	for i := range l.weight.Values {
		if l.Init == "constant" {
			l.weight.Values[i] = single(l.Std)
		} else {
			l.weight.Values[i] = single(deviation * random.normal(uint64(i)))
		}
	}
	for i := range l.bias.Values {
		l.bias.Values[i] = single(l.Bias)
	}
	if l.Frozen { // what does not learn has a rate of 0
		l.weight.rate, l.bias.rate = 0, 0
	}
	for _, p := range []*Param{l.weight, l.bias} {
		p.Velocity, p.gradient = make([]float64, len(p.Values)), make([]float64, len(p.Values))
	}
}

// single rounds to single precision, in which weights start and draws travel.
func single(x float64) float64 { return float64(float32(x)) }

// products visits every product of a convolution: output y gets input x times weight w.
func (l *layer) products(visit func(y, x, w int)) {
	inputs, outputs := l.in.maps/l.groups, l.out.maps/l.groups
	for o := range l.out.maps {
		first := o / outputs * inputs // input map of the group
		for i := range l.out.height {
			for j := range l.out.width {
				for c := range inputs {
					for u := range l.high {
						for v := range l.wide {
							row, column := i*l.Stride+u-l.Pad, j*l.Stride+v-l.Pad
							if row >= 0 && row < l.in.height && column >= 0 && column < l.in.width {
								visit(l.out.at(o, i, j), l.in.at(first+c, row, column), ((o*inputs+c)*l.high+u)*l.wide+v)
							}
						}
					}
				}
			}
		}
	}
}

// windowed is a conv or linear layer: y = f(b + sum x*w), f its activation.
func (l *layer) windowed(x []float64) []float64 {
	y := l.out.blank()
	for i := range y {
		y[i] = l.bias.Values[i/(l.out.height*l.out.width)]
	}
	l.products(func(to, from, w int) { y[to] += x[from] * l.weight.Values[w] })
	switch l.Activation {
	case "relu":
		return rectified(y)
	case "tanh":
		return squashed(y)
	}
	return y
}

// windowedBack adds up the gradients of weight and bias, and gives that of x.
func (l *layer) windowedBack(x, y, dy []float64) []float64 {
	switch l.Activation {
	case "relu":
		dy = rectifiedBack(y, dy)
	case "tanh":
		dy = squashedBack(y, dy)
	}
	dx := l.in.blank()
	l.products(func(to, from, w int) {
		dx[from] += dy[to] * l.weight.Values[w]
		l.weight.gradient[w] += dy[to] * x[from]
	})
	for i, d := range dy {
		l.bias.gradient[i/(l.out.height*l.out.width)] += d
	}
	return dx
}

func rectified(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = math.Max(v, 0)
	}
	return y
}

func rectifiedBack(y, dy []float64) []float64 {
	dx := make([]float64, len(y))
	for i, v := range y {
		if v > 0 {
			dx[i] = dy[i]
		}
	}
	return dx
}

func squashed(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = math.Tanh(v)
	}
	return y
}

// squashedBack: the derivative of tanh is 1 - tanh^2.
func squashedBack(y, dy []float64) []float64 {
	dx := make([]float64, len(y))
	for i, v := range y {
		dx[i] = dy[i] * (1 - v*v)
	}
	return dx
}

// shares visits the outputs of an average pooling with each input in their window, and what part of it they have: one
// of as many as there are places inside, or with count_include_pad in the padding too.
func (l *layer) shares(visit func(y, x int, share float64)) {
	for m := range l.out.maps {
		for i := range l.out.height {
			for j := range l.out.width {
				count, inside := 0, []int{}
				for row := i*l.Stride - l.Pad; row < i*l.Stride-l.Pad+l.high; row++ {
					for column := j*l.Stride - l.Pad; column < j*l.Stride-l.Pad+l.wide; column++ {
						switch {
						case row >= 0 && row < l.in.height && column >= 0 && column < l.in.width:
							inside = append(inside, l.in.at(m, row, column))
							count++
						case l.CountPad && row < l.in.height+l.Pad && column < l.in.width+l.Pad:
							count++
						}
					}
				}
				for _, from := range inside {
					visit(l.out.at(m, i, j), from, 1/float64(count))
				}
			}
		}
	}
}

// maxima visits the outputs of a max pooling with the input that each of them is: the first of the largest.
func (l *layer) maxima(x []float64, visit func(y, x int)) {
	for m := range l.out.maps {
		for i := range l.out.height {
			for j := range l.out.width {
				best := -1
				for row := max(0, i*l.Stride-l.Pad); row < min(l.in.height, i*l.Stride-l.Pad+l.high); row++ {
					for column := max(0, j*l.Stride-l.Pad); column < min(l.in.width, j*l.Stride-l.Pad+l.wide); column++ {
						if at := l.in.at(m, row, column); best < 0 || x[at] > x[best] {
							best = at
						}
					}
				}
				visit(l.out.at(m, i, j), best)
			}
		}
	}
}

// neighbours visits the elements of the maps around that of element i, within the tower where it does not go across, at
// the same place.
func (l *layer) neighbours(i int, visit func(j int)) {
	area, own := l.in.height*l.in.width, l.in.maps/l.towers
	if l.Across {
		own = l.in.maps
	}
	m := i / area
	first := m / own * own
	for other := max(first, m-l.N/2); other <= min(first+own-1, m+l.N/2); other++ {
		visit(i + (other-m)*area)
	}
}

// normalised is local response normalisation, y = x / s^beta with s = k + alpha * the sum of squares of the neighbours.
func (l *layer) normalised(x []float64) (y, s []float64) {
	y, s = l.out.blank(), l.out.blank()
	for i := range x {
		s[i] = float64(l.K)
		l.neighbours(i, func(j int) { s[i] += l.alpha() * x[j] * x[j] })
		y[i] = x[i] * math.Pow(s[i], -float64(l.Beta))
	}
	return y, s
}

func (l *layer) alpha() float64 {
	if l.AlphaOverN {
		return float64(l.Alpha) / float64(l.N)
	}
	return float64(l.Alpha)
}

// normalisedBack: x[i] is in y[i], and in s[j] of its neighbours, whose neighbour it is.
func (l *layer) normalisedBack(x, dy []float64) []float64 {
	beta, dx := float64(l.Beta), l.in.blank()
	_, s := l.normalised(x)
	for i := range x {
		dx[i] = dy[i] * math.Pow(s[i], -beta)
		l.neighbours(i, func(j int) { dx[i] -= dy[j] * x[j] * beta * math.Pow(s[j], -beta-1) * 2 * l.alpha() * x[i] })
	}
	return dx
}

// A pass is what dropout must know: whether the network learns, and which image of the batch of which step this is.
type pass struct {
	training    bool
	seed        uint64
	step, image int
}

// dropped is dropout of x, or of its gradient: features are zeroed at random while training. What is lost is made good
// by a factor: 1 - rate at test time, or with inverted 1/(1 - rate) while training.
func (l *layer) dropped(x []float64, p pass) []float64 {
	y, keep := make([]float64, len(x)), 1-float64(l.DropRate)
	random := stream{seed: p.seed, purpose: drop, number: streamOf(l.Name), step: uint32(p.step)}
	for i, v := range x {
		switch word := random.word(uint64(p.image*len(x) + i)); {
		case !p.training && l.Inverted:
			y[i] = v
		case !p.training:
			y[i] = v * keep
		case float64(word) < math.Floor(float64(l.DropRate)*(1<<32)):
		case l.Inverted:
			y[i] = v / keep
		default:
			y[i] = v
		}
	}
	return y
}

// forward is what the layer makes of one image.
func (l *layer) forward(x []float64, p pass) []float64 {
	switch l.Type {
	case "relu":
		return rectified(x)
	case "tanh":
		return squashed(x)
	case "lrn":
		y, _ := l.normalised(x)
		return y
	case "dropout":
		return l.dropped(x, p)
	case "maxpool":
		y := l.out.blank()
		l.maxima(x, func(to, from int) { y[to] = x[from] })
		return y
	case "avgpool":
		y := l.out.blank()
		l.shares(func(to, from int, share float64) { y[to] += x[from] * share })
		return y
	}
	return l.windowed(x)
}

// backward is the gradient of the layer's input x, given that of its output y.
func (l *layer) backward(x, y, dy []float64, p pass) []float64 {
	switch l.Type {
	case "relu":
		return rectifiedBack(y, dy)
	case "tanh":
		return squashedBack(y, dy)
	case "lrn":
		return l.normalisedBack(x, dy)
	case "dropout":
		return l.dropped(dy, p)
	case "maxpool":
		dx := l.in.blank()
		l.maxima(x, func(from, to int) { dx[to] += dy[from] })
		return dx
	case "avgpool":
		dx := l.in.blank()
		l.shares(func(from, to int, share float64) { dx[to] += dy[from] * share })
		return dx
	}
	return l.windowedBack(x, y, dy)
}
