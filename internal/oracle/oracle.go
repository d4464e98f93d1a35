// Package oracle is the network and its training once more, as plainly as it can be said: one image after the other,
// every sum a loop, in float64. It is there to be read, and to be right where the program may be wrong.
//
// It shares no code with the program, which is held against it: it knows only the formats of configurations, packed
// sets and checkpoints, and the formulas. Nothing but tests may import it.
//
//	config.go   what it reads of a configuration      philox.go    where random numbers come from
//	files.go    packed sets and checkpoints           network.go   layers, forward and backward
//	oracle.go   a step of training, testing           schedule.go  the learning rate, and when to test
package oracle

import "math"

// Oracle is a training in progress.
type Oracle struct {
	Params []*Param
	// Perturb, if any, is given every array that the program rounds, to disturb it a little: how far the results move
	// tells how far rounding may move them.
	Perturb func([]float64)

	config  Config
	set     *Set
	layers  []*layer
	plateau plateau
}

// New is a training before its first step.
func New(c Config, s *Set) (*Oracle, error) {
	o := &Oracle{config: c, set: s, plateau: plateau{best: math.Inf(1)}}
	var err error
	o.layers, o.Params, err = network(c, s.Classes)
	return o, err
}

// A view is how an image is looked at: where the crop's top left corner lies, whether it is mirrored, and what is added
// to each colour.
type view struct {
	top, left int
	mirror    bool
	shift     [3]float64
}

// centre is the crop in the middle, half a pixel up and left of it where there is no middle.
func (o *Oracle) centre() view {
	half := func(n int) int { return int(math.Floor(float64(n) / 2)) }
	return view{top: half(o.set.Height - o.config.Data.Crop), left: half(o.set.Width - o.config.Data.Crop)}
}

// drawn is how an image is looked at in an epoch of the training. Image i draws words 4i to 4i+2: top, left, mirror;
// and normal numbers 4i to 4i+2: how much of each principal colour is added.
func (o *Oracle) drawn(epoch, image int) view {
	d, v, first := o.config.Data, o.centre(), 4*uint64(image)
	place := stream{o.config.Train.Seed, augment, 0, uint32(epoch)}
	if d.RandomCrop {
		v.top = place.below(o.set.Height+2*d.Pad-d.Crop+1, first) - d.Pad
		v.left = place.below(o.set.Width+2*d.Pad-d.Crop+1, first+1) - d.Pad
	}
	v.mirror = d.Mirror && place.below(2, first+2) == 1
	colors := stream{o.config.Train.Seed, augment, 1, uint32(epoch)}
	for c := range 3 {
		for k := range 3 {
			v.shift[c] += d.ColorNoise * colors.normal(first+
				uint64(k)) * float64(o.set.Deviations[k]) * float64(o.set.Colors[k][c])
		}
		v.shift[c] = single(v.shift[c])
	}
	return v
}

// views are those of testing: the centre, or the corners and the centre, and all of them mirrored.
func (o *Oracle) views(n int) []view {
	if n == 1 {
		return []view{o.centre()}
	}
	bottom, right := o.set.Height-o.config.Data.Crop, o.set.Width-o.config.Data.Crop
	views := []view{{}, {left: right}, {top: bottom}, {top: bottom, left: right}, o.centre()}
	for _, v := range views {
		v.mirror = true
		views = append(views, v)
	}
	return views
}

// see is the network's input: of an image [H,W,3] the crop [3,Crop,Crop], 0 where it reaches over the edge.
func (o *Oracle) see(image []byte, v view) []float64 {
	h, w, crop := o.set.Height, o.set.Width, o.config.Data.Crop
	x := make([]float64, 3*crop*crop)
	for at := range x {
		c, row, column := at/(crop*crop), v.top+at/crop%crop, v.left+at%crop
		if v.mirror {
			column = v.left + crop - 1 - at%crop
		}
		if row < 0 || row >= h || column < 0 || column >= w {
			continue
		}
		mean, scale := 0.0, o.config.Data.Scale
		switch given := o.config.Data.Mean.(type) {
		case []any:
			mean = float64(float32(given[c].(float64)))
		default:
			switch given {
			case "image":
				mean = o.set.MeanImage[(c*h+row)*w+column]
			case "channel":
				mean = float64(o.set.MeanColor[c])
			}
		}
		if o.config.Data.Std != nil {
			scale /= o.config.Data.Std[c]
		}
		x[at] = float64(float32(scale)) * (float64(image[(row*w+column)*3+c]) - mean + v.shift[c])
	}
	o.perturb(x)
	return x
}

func (o *Oracle) perturb(x []float64) {
	if o.Perturb != nil {
		o.Perturb(x)
	}
}

// forward is the input, and what each layer makes of it.
func (o *Oracle) forward(x []float64, p pass) [][]float64 {
	all := [][]float64{x}
	for _, l := range o.layers {
		x = l.forward(x, p)
		o.perturb(x)
		all = append(all, x)
	}
	return all
}

// softmax is the probabilities of classes of some scores.
func softmax(scores []float64) []float64 {
	p, largest, sum := make([]float64, len(scores)), math.Inf(-1), 0.0
	for _, z := range scores {
		largest = math.Max(largest, z)
	}
	for k, z := range scores {
		p[k] = math.Exp(z - largest)
		sum += p[k]
	}
	for k := range p {
		p[k] /= sum
	}
	return p
}

// before is how many classes come before the right one: the larger ones, and of equal ones those before it.
func before(scores []float64, right int) (n int) {
	for k, z := range scores {
		if z > scores[right] || z == scores[right] && k < right {
			n++
		}
	}
	return n
}

// Batch is which images a step learns from, and in which epoch each is. The epochs' orders stand in one endless row, of
// which every step takes the next images.
func (o *Oracle) Batch(step int) (images, epochs []int) {
	n, batch := len(o.set.Train.Images), o.config.Train.Batch
	orders := map[int][]int{}
	for position := step * batch; position < (step+1)*batch; position++ {
		epoch, image := position/n, position%n
		if o.config.Data.Shuffle {
			if orders[epoch] == nil {
				orders[epoch] = stream{o.config.Train.Seed, shuffle, 0, uint32(epoch)}.permutation(n)
			}
			image = orders[epoch][image]
		}
		images, epochs = append(images, image), append(epochs, epoch)
	}
	return images, epochs
}

// Step learns from the batch of a step, the first being step 0, and gives the mean cross entropy in nats and the share
// of images whose class was not the first guess, both before the update.
//
// The update is v = momentum*v - rate*(g + decay*w), w = w + v, g being the gradient of that mean.
func (o *Oracle) Step(step int, rate float64) (loss, top1 float64) {
	for _, p := range o.Params {
		clear(p.gradient)
	}
	images, epochs := o.Batch(step)
	n := float64(len(images))
	for i, image := range images {
		label := o.set.Train.Labels[image]
		p := pass{training: true, seed: o.config.Train.Seed, step: step, image: i}
		all := o.forward(o.see(o.set.Train.Images[image], o.drawn(epochs[i], image)), p)
		scores := all[len(o.layers)]
		d := softmax(scores)
		loss -= math.Log(d[label]) / n
		if before(scores, label) >= 1 {
			top1 += 1 / n
		}
		d[label]--
		for k := range d {
			d[k] /= n
		}
		for l := len(o.layers) - 1; l >= 0; l-- {
			o.perturb(d)
			d = o.layers[l].backward(all[l], all[l+1], d, p)
		}
	}
	t := o.config.Train
	for _, p := range o.Params {
		for i, w := range p.Values {
			own := single(rate) * float64(p.rate)
			p.Velocity[i] = float64(t.Momentum)*p.Velocity[i] - own*(p.gradient[i]+float64(t.WeightDecay*p.decay)*w)
			p.Values[i] += p.Velocity[i]
		}
	}
	return loss, top1
}

// Result is what a test found: shares of images whose class was not the first guess, and not among the first five; and
// the mean cross entropy in nats.
type Result struct{ Top1, Top5, Loss float64 }

// Test tests on a split. The probabilities of an image are the mean over 1 or 10 views.
func (o *Oracle) Test(s Split, views int) (r Result) {
	n := float64(len(s.Images))
	for i, image := range s.Images {
		mean := make([]float64, o.set.Classes)
		for _, v := range o.views(views) {
			all := o.forward(o.see(image, v), pass{})
			for k, p := range softmax(all[len(o.layers)]) {
				mean[k] += p / float64(views)
			}
		}
		rank := before(mean, s.Labels[i])
		if rank >= 1 {
			r.Top1 += 1 / n
		}
		if rank >= 5 {
			r.Top5 += 1 / n
		}
		r.Loss -= math.Log(mean[s.Labels[i]]) / n
	}
	return r
}
