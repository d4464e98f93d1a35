package convert

import (
	"fmt"
	"math"
	"strings"

	"duet/engine/model"
	"duet/engine/op"
)

// own is one operation of the network's, as step is of the file's.
type own struct {
	kind, layer string
	op          op.Op
	in, out     []int // shapes for a batch of images
	maps        []int // the last shape with maps, [batch, maps, height, width]
}

func (o own) String() string {
	switch o.kind {
	case isReLU:
		return "the rectifier of " + o.layer
	case isScale:
		return fmt.Sprintf("%s (times %v)", o.layer, o.op.(op.Scale).Factor)
	}
	return fmt.Sprintf("%s (%s)", o.layer, o.kind)
}

// ownSteps are the operations of a network on one device, where the towers are groups. What the towers send each other
// and the flattening of maps is none.
func ownSteps(g *model.Graph) (all []own, err error) {
	nodes, err := g.Forward()
	if err != nil {
		return nil, err
	}
	var maps []int
	for _, n := range nodes {
		a, is := n.Op().(*op.Applied)
		if !is {
			continue
		}
		o := own{layer: a.Layer, op: a.Op, in: a.In()[0].Shape, out: a.Out().Shape, maps: maps}
		if len(o.in) == 4 {
			maps, o.maps = o.in, o.in
		}
		rectified := false
		switch x := a.Op.(type) {
		case op.Conv2D:
			o.kind, rectified = isConv, x.ReLU
		case op.Linear:
			if o.kind, rectified = isLinear, x.ReLU; len(all) > 0 && all[len(all)-1].layer == a.Layer {
				continue // the other tower's half
			}
			maps = append(a.Out().Shape[:2:2], 1, 1)
		case op.ReLU:
			o.kind = isReLU
		case op.Tanh:
			o.kind = isTanh
		case op.LRN:
			o.kind = isLRN
		case op.MaxPool:
			o.kind = isMaxPool
		case op.AvgPool:
			o.kind = isAvgPool
		case op.Scale:
			o.kind = isScale
		default:
			continue
		}
		if all = append(all, o); rectified {
			all = append(all, own{kind: isReLU, layer: a.Layer, op: op.ReLU{}})
		}
	}
	return all, nil
}

// comparison collects in what a file's network differs.
type comparison struct {
	source *Source
	side   int // of the image that the network sees
	found  []string
}

func (c *comparison) add(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// Compare finds in what a file's network computes something else than the one whose weights Fit has found there, built
// for one device, and has it as Unlike of the match: what the file's node and the layer have. Of formats that have
// weights alone there is nothing to tell.
func (m *Match) Compare(g *model.Graph, s *Source) error {
	if s.steps == nil {
		return nil
	}
	network, err := ownSteps(g)
	if err != nil {
		return err
	}
	c := &comparison{source: s, side: g.Image.Shape()[2]}
	c.input()
	from := map[string]int{} // the file's layer of the network's
	for _, p := range m.Pairs {
		from[p.Layer] = p.from
	}
	at := map[int]int{} // the step of a file's layer
	for i, step := range s.steps {
		if step.layer >= 0 {
			at[step.layer] = i
		}
	}
	begin, next := 0, 0 // of what is not compared yet, in the network and in the file
	for i, o := range network {
		layer, paired := from[o.layer]
		if !paired || o.kind != isConv && o.kind != isLinear {
			continue
		}
		switch j, is := at[layer]; {
		case !is:
			c.add("%s: %s is not on the way from the file's input to its output", o.layer, s.Layers[layer].Name)
		case j < next:
			c.add("%s: %s comes before %s in the file", o.layer, s.steps[j].who, s.steps[next-1].who)
			c.weighted(o, s.steps[j])
		default:
			c.between(network[begin:i], s.steps[next:j], o.String())
			c.weighted(o, s.steps[j])
			begin, next = i+1, j+1
			continue
		}
		begin = i + 1
	}
	c.between(network[begin:], s.steps[next:], "the end")
	m.Unlike = c.found
	return nil
}

// input compares what the first layer sees.
func (c *comparison) input() {
	if len(c.source.steps) == 0 {
		return
	}
	side := c.source.side
	first := &c.source.steps[0]
	if pad := first.pad; pad != nil && side[0] > 0 && side[1] > 0 {
		if padded := [2]int{side[0] + pad.before[0] + pad.after[0], side[1] + pad.before[1] + pad.after[1]}; padded ==
			[2]int{c.side, c.side} && padded != side {
			first.pad, side = nil, padded // it makes the image
		}
	}
	differs := func(n int) bool { return n > 0 && n != c.side } // -1 is any
	if differs(side[0]) || differs(side[1]) {
		c.add("input: %s sees %s pixels, the configuration's first layer %dx%d", first.who, sides(side), c.side, c.side)
	}
}

func sides(x [2]int) string {
	text := fmt.Sprintf("%dx%d", x[0], x[1])
	return strings.NewReplacer("-1x", "?x", "x-1", "x?").Replace(text)
}

// between compares what comes between layers of which weights are taken, before what the text says.
func (c *comparison) between(network []own, file []step, before string) {
	same := len(network) == len(file)
	for i := 0; same && i < len(file); i++ {
		same = network[i].kind == file[i].kind
	}
	if !same {
		c.add("before %s: the file has %s, the configuration %s", before,
			listed(file, func(s step) string { return s.who }), listed(network, own.String))
		return
	}
	for i, s := range file {
		switch o := network[i]; x := o.op.(type) {
		case op.Conv2D, op.Linear:
			c.weighted(o, s)
		case op.LRN:
			c.normalised(o, x, s)
		case op.MaxPool:
			c.window(o, s, x.Kernel, x.Stride, x.Pad, fmt.Sprintf("ceil_mode = %t", x.Ceil))
		case op.AvgPool:
			c.window(o, s, x.Kernel, x.Stride, x.Pad, fmt.Sprintf("ceil_mode = %t", x.Ceil))
			c.divisor(o, x, s)
		case op.Scale:
			if !near(s.factor, float64(x.Factor)) {
				c.differ(o, s, fmt.Sprintf("a factor of %v", s.factor), fmt.Sprint(x.Factor))
			}
		}
	}
}

func listed[T any](all []T, name func(T) string) string {
	var names []string
	for _, x := range all {
		names = append(names, name(x))
	}
	if names == nil {
		return "nothing"
	}
	return some(names)
}

// differ adds a difference of a layer: what the file has, what the configuration has.
func (c *comparison) differ(o own, s step, file, network string) {
	c.add("%s: %s has %s, the configuration %s", o.layer, s.who, file, network)
}

// weighted compares a layer with weights. A linear one may be a convolution of all of its maps in the file.
func (c *comparison) weighted(o own, s step) {
	x, is := o.op.(op.Conv2D)
	switch {
	case s.wrong != "":
		c.differ(o, s, s.wrong, "nothing like it")
	case is:
		if s.groups != x.Groups {
			c.differ(o, s, fmt.Sprintf("group = %d", s.groups), fmt.Sprintf("%d, by its towers", x.Groups))
		}
		c.window(o, s, x.Kernel, x.Stride, x.Pad, "")
	case s.kind == isConv:
		all := [2]int{o.maps[2], o.maps[3]}
		if w := s.padded(all); s.kernel != all || w.before != [2]int{} || w.after != [2]int{} || s.dilations != one ||
			s.groups != 1 {
			c.differ(o, s, fmt.Sprintf("%s, pads %v", sides(s.kernel), pads(w)), "a linear layer of "+sides(all)+" places")
		}
	}
}

func pads(w window) [4]int { return [4]int{w.before[0], w.before[1], w.after[0], w.after[1]} }

// window compares how a convolution or a pooling goes over its input.
func (c *comparison) window(o own, s step, kernel, stride, pad int, rounding string) {
	if s.wrong != "" {
		c.differ(o, s, s.wrong, "nothing like it")
		return
	}
	found := len(c.found)
	for _, x := range []struct {
		name, own string
		is        [2]int
		want      int
	}{{"kernel_shape", "kernel = ", s.kernel, kernel}, {"strides", "stride = ", s.strides, stride},
		{"dilations", "", s.dilations, 1}} {
		if x.is != [2]int{x.want, x.want} {
			c.differ(o, s, fmt.Sprintf("%s %v", x.name, x.is), fmt.Sprintf("%s%d", x.own, x.want))
		}
	}
	if len(c.found) > found {
		return // what it gives differs by that
	}
	in, out := [2]int{o.in[2], o.in[3]}, [2]int{o.out[2], o.out[3]}
	w := s.padded(in)
	gives := w.outputs(in)
	if w.before == [2]int{pad, pad} && gives == out {
		return
	}
	how := fmt.Sprintf("pads %v", pads(w))
	switch {
	case s.auto != "":
		how = fmt.Sprintf("auto_pad %s, which is %s", s.auto, how)
	case s.pad != nil:
		how = fmt.Sprintf("with %s %s", s.pad.who, how)
	}
	if rounding != "" {
		how += fmt.Sprintf(", ceil_mode %t", s.ceil)
		rounding = ", " + rounding
	}
	c.differ(o, s, fmt.Sprintf("%s and gives %s of %s", how, sides(gives), sides(in)),
		fmt.Sprintf("pad = %d%s and gives %s", pad, rounding, sides(out)))
}

// divisor compares what an average is taken over. The zeros of a node before it count in a file, as do its own pads if
// it says so, and all of them; in a network those of the padding, but not those beyond, which a window reaches that is
// rounded up.
func (c *comparison) divisor(o own, x op.AvgPool, s step) {
	p := s.padded([2]int{o.in[2], o.in[3]})
	counts, beyond := s.pad != nil, false
	for i := range p.after {
		counts = counts || s.counts && p.before[i]+p.after[i] > 0
		beyond = beyond || s.counts && p.after[i] > x.Pad
	}
	if counts != (x.CountPad && x.Pad > 0) || beyond || s.pad != nil && s.before != [2]int{} {
		c.differ(o, s, fmt.Sprintf("pads %v, count_include_pad %t", pads(p), s.counts),
			fmt.Sprintf("pad = %d, count_include_pad = %t", x.Pad, x.CountPad))
	}
}

// normalised compares a normalisation. Windows that hold all maps from anywhere are alike.
func (c *comparison) normalised(o own, x op.LRN, s step) {
	if s.wrong != "" {
		c.differ(o, s, s.wrong, fmt.Sprintf("n = %d", x.N))
		return
	}
	maps := o.in[1]
	within := maps
	if s.maps != 0 {
		within = s.maps
	}
	if within != maps/x.Groups {
		c.differ(o, s, fmt.Sprintf("windows within %d maps", within),
			fmt.Sprintf("within %d of %d (across = %t)", maps/x.Groups, maps, x.Groups == 1))
	}
	size := s.size
	if most := 2*(maps/x.Groups) - 1; size%2 == 1 {
		size = min(size, most)
	}
	if size != x.Window(maps) {
		c.differ(o, s, fmt.Sprintf("size %d", s.size), fmt.Sprintf("n = %d", x.N))
	}
	if !near(float64(s.alpha)/float64(s.size), x.Coefficient()) {
		c.differ(o, s, fmt.Sprintf("alpha %v, which it divides by %d", s.alpha, s.size),
			fmt.Sprintf("alpha = %v, alpha_over_n = %t", x.Alpha, x.AlphaOverN))
	}
	if !near(float64(s.beta), float64(x.Beta)) {
		c.differ(o, s, fmt.Sprintf("beta %v", s.beta), fmt.Sprintf("beta = %v", x.Beta))
	}
	if !near(float64(s.bias), float64(x.K)) {
		c.differ(o, s, fmt.Sprintf("bias %v", s.bias), fmt.Sprintf("k = %v", x.K))
	}
}

// near tells whether numbers are alike but for the rounding of float32 on the way: an alpha has been multiplied by the
// window on its way into a file.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Max(math.Abs(a), math.Abs(b)) }
