package model

import (
	"fmt"

	"duet/dataloader"
	"duet/engine/backend"
	"duet/engine/plan"
)

// memory is what a batch lies in, with the numbers that its step needs beside it.
type memory struct {
	device backend.Device // that allocated it
	host   backend.HostMemory

	images                              []uint8
	labels                              []int32
	draws, rate                         []float32
	counters                            []uint32
	ofImages, ofLabels, ofDraws, ofRate backend.Array
	ofCounters                          backend.Array
	features                            []feature // what lies in the place of images; none: these do

	under []backend.Transfer // since the last Wait
}

// Allocate gives a loader memory that the model's devices upload from. It is closed before the model.
func (m *Model) Allocate(images, bytes, draws int) (dataloader.Memory, error) {
	const width, counters = 4, 4 // bytes of a label, a draw and a counter; counters of a step
	at := int64(images*bytes+width-1) / width * width
	host, err := m.Devices[0].AllocHost(at + int64(images+images*draws+1+counters)*width)
	if err != nil {
		return nil, err
	}
	x := &memory{device: m.Devices[0], host: host}
	x.images, x.ofImages = backend.Within[uint8](host, 0, images*bytes)
	x.labels, x.ofLabels = backend.Within[int32](host, at, images)
	at += int64(images) * width
	x.draws, x.ofDraws = backend.Within[float32](host, at, images*draws)
	at += int64(images*draws) * width
	x.rate, x.ofRate = backend.Within[float32](host, at, 1)
	at += width
	x.counters, x.ofCounters = backend.Within[uint32](host, at, counters)
	for _, part := range [][]byte{x.ofLabels.Data, x.ofDraws.Data, x.ofCounters.Data} {
		clear(part)
	}
	return x, nil
}

// feature is a part of a batch's features.
type feature struct {
	name string
	from backend.Array
}

// divide makes of the room for images that of features in parts of so many numbers an image.
func (x *memory) divide(images int, parts []int) {
	at := int64(0)
	for i, n := range parts {
		_, from := backend.Within[float32](x.host, at, images*n)
		x.features = append(x.features, feature{featuresName(i), from})
		at += int64(len(from.Data))
	}
}

// Arrays are the parts that a loader fills.
func (x *memory) Arrays() (images []uint8, labels []int32, draws []float32) {
	return x.images, x.labels, x.draws
}

// Wait returns when no device reads the memory any more.
func (x *memory) Wait() error {
	var first error
	for _, t := range x.under {
		if err := t.Wait(); err != nil && first == nil {
			first = err
		}
	}
	x.under = x.under[:0]
	return first
}

// Close gives the memory back.
func (x *memory) Close() error { return x.device.FreeHost(x.host) }

// feed uploads a batch, and the rate of a step that trains.
func (m *Model) feed(p *plan.Plan, b *dataloader.Batch, step uint64, rate float64) error {
	x, ok := b.Memory.(*memory)
	if !ok {
		return fmt.Errorf("a batch in memory of %T: want one in memory of the model's Allocate", b.Memory)
	}
	if divided := m.setup.CacheFeatures && (p == m.training || p == m.testing); divided != (x.features != nil) {
		return fmt.Errorf("plan %s takes features: %v, is given some: %v", p.Name, divided, x.features != nil)
	}
	x.rate[0] = float32(rate)
	x.counters[0], x.counters[1], x.counters[2] = uint32(m.setup.Seed), uint32(m.setup.Seed>>32), uint32(step)
	for _, in := range [...]struct {
		name string
		from backend.Array
	}{{Counters, x.ofCounters}, {Images, x.ofImages}, {Draws, x.ofDraws}, {Labels, x.ofLabels}, {plan.Rate, x.ofRate}} {
		var err error
		if x.under, err = p.Feed(in.name, in.from, x.under); err != nil {
			return err
		}
	}
	for _, f := range x.features {
		var err error
		if x.under, err = p.Feed(f.name, f.from, x.under); err != nil {
			return err
		}
	}
	return nil
}

// Step starts one step of training on a batch: step is its number from 0, which dropout's masks depend on. The batch
// may be released when Step returns: its loader waits until nothing reads it any more, as whoever steps on the same
// batch again does with its Memory.Wait.
func (m *Model) Step(b *dataloader.Batch, step uint64, rate float64) error {
	if err := m.feed(m.training, b, step, rate); err != nil {
		return err
	}
	m.training.Run()
	return nil
}

// results are where the loss and the errors of a step are read to, kept so that a step does not allocate.
type results struct {
	loss, errors       []float32
	lossAny, errorsAny any
}

func newResults() results {
	r := results{loss: make([]float32, 1), errors: make([]float32, 2)}
	r.lossAny, r.errorsAny = r.loss, r.errors
	return r
}

// Progress waits for the step and gives its loss and its top-1 error.
func (m *Model) Progress() (loss, top1 float64, err error) {
	if err := m.training.Download(Loss, m.results.lossAny); err != nil {
		return 0, 0, err
	}
	err = m.training.Download(Errors, m.results.errorsAny)
	return float64(m.results.loss[0]), float64(m.results.errors[0]), err
}
