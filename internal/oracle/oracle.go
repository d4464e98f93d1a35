// Package oracle is the network and its training once more, as plainly as it can be said: one image after the other,
// every sum a loop, in float64. It is there to be read, and to be right where the program may be wrong.
//
// It shares no code with the program, which is held against it: it knows only the formats of configurations, packed
// sets and checkpoints, and the formulas. Nothing but tests may import it.
//
//	config.go   what it reads of a configuration      philox.go    where random numbers come from
//	files.go    packed sets and checkpoints           network.go   layers, forward and backward
//	oracle.go   a step of training, testing           schedule.go  the learning rate, and when to test
//	see.go      how an image is looked at
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
	// With layer_decay each layer with weights learns so many times as fast as the one after it.
	factor := 1.0
	for i := len(o.layers) - 1; i >= 0 && c.Train.LayerDecay > 0; i-- {
		if l := o.layers[i]; l.weight != nil {
			l.weight.rate, l.bias.rate = float32(float64(l.weight.rate)*factor), float32(float64(l.bias.rate)*factor)
			factor *= c.Train.LayerDecay
		}
	}
	return o, err
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
		all := o.forward(o.seen(o.set.Train.Images[image], epochs[i], image), p)
		scores := all[len(o.layers)]
		d := softmax(scores)
		if before(scores, label) >= 1 {
			top1 += 1 / n
		}
		target, total := o.target(label, len(d)), 0.0
		for k, t := range target {
			if t > 0 {
				loss -= t * math.Log(d[k]) / n
			}
			total += t
		}
		for k := range d {
			d[k] = (d[k]*total - target[k]) / n
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

// target is what the loss asks of an image, by class: its own, and a share of all alike, each times its weight.
func (o *Oracle) target(label, classes int) []float64 {
	c, target := o.config.Train, make([]float64, classes)
	for k := range target {
		target[k] = float64(c.LabelSmoothing) / float64(classes)
		if k == label {
			target[k] += 1 - float64(c.LabelSmoothing)
		}
		if c.ClassWeights != nil {
			target[k] *= float64(c.ClassWeights[k])
		}
		if c.BalanceClasses {
			count := map[int]int{}
			for _, l := range o.set.Train.Labels {
				count[l]++
			}
			if count[k] == 0 {
				target[k] = 0
				continue
			}
			target[k] *= float64(len(o.set.Train.Labels)) / float64(count[k]*len(count))
		}
	}
	return target
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
