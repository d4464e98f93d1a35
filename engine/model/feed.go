package model

import (
	"duet/dataloader"
	"duet/engine/plan"
)

// hosts are the host arrays that a step passes to the plans. They are kept, as interface values too, so that a step does
// not allocate.
type hosts struct {
	rate, loss, errors []float32
	counters           []uint32

	rateAny, lossAny, errorsAny, countersAny any

	batches map[*dataloader.Batch]batchHosts // those of the loaders' rings
}

// batchHosts are a batch's arrays; images is the memory that a device lent, if one did.
type batchHosts struct{ images, draws, labels any }

func newHosts() *hosts {
	h := &hosts{rate: make([]float32, 1), loss: make([]float32, 1), errors: make([]float32, 2), counters: make([]uint32, 4),
		batches: map[*dataloader.Batch]batchHosts{}}
	h.rateAny, h.lossAny, h.errorsAny, h.countersAny = h.rate, h.loss, h.errors, h.counters
	return h
}

// of are a batch's arrays. Loaders fill the same few batches again and again.
func (h *hosts) of(b *dataloader.Batch) batchHosts {
	x, ok := h.batches[b]
	if !ok {
		x = batchHosts{b.Images, b.Draws, b.Labels}
		if lent, is := b.Buffer.(lentBuffer); is {
			x.images = lent.Lent
		}
		h.batches[b] = x
	}
	return x
}

// Forget drops the batches of a loader that is closed.
func (m *Model) Forget() { clear(m.hosts.batches) }

// Step starts one step of training on a batch: step is its number from 0, which dropout's masks depend on. The batch
// may be released when Step returns: its loader waits until nothing reads it any more.
func (m *Model) Step(b *dataloader.Batch, step uint64, rate float64) error {
	if err := m.feed(m.training, b, step); err != nil {
		return err
	}
	m.hosts.rate[0] = float32(rate)
	if err := m.training.Upload(plan.Rate, m.hosts.rateAny); err != nil {
		return err
	}
	m.training.Run()
	return nil
}

// Progress waits for the step and gives its loss and its top-1 error.
func (m *Model) Progress() (loss, top1 float64, err error) {
	if err := m.training.Download(Loss, m.hosts.lossAny); err != nil {
		return 0, 0, err
	}
	err = m.training.Download(Errors, m.hosts.errorsAny)
	return float64(m.hosts.loss[0]), float64(m.hosts.errors[0]), err
}

func (m *Model) feed(p *plan.Plan, b *dataloader.Batch, step uint64) error {
	seed, h := m.setup.Seed, m.hosts
	h.counters[0], h.counters[1], h.counters[2] = uint32(seed), uint32(seed>>32), uint32(step)
	if err := p.Upload(Counters, h.countersAny); err != nil {
		return err
	}
	arrays := h.of(b)
	if err := p.Upload(Images, arrays.images); err != nil {
		return err
	}
	if err := p.Upload(Draws, arrays.draws); err != nil {
		return err
	}
	return p.Upload(Labels, arrays.labels)
}
