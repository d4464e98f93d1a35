package dataloader

import "duet/dataloader/packed"

// A piece is a run of rows of a batch, of which whichever worker is free fills.
type piece struct {
	batch      *Batch
	number, of int
}

// pieces is into how many a batch is divided: so that all workers are busy with the batch that is needed first.
func pieces(batch, workers int) int { return min(batch, workers) }

// fill copies or decodes the images of planned batches.
func (l *Loader) fill(r *packed.Reader) {
	defer r.Close()
	for p := range l.work {
		b := p.batch
		n, size := len(b.Index), len(b.Images)/len(b.Index)
		first, end := p.number*n/p.of, (p.number+1)*n/p.of
		for i := first; i < end; i++ {
			var err error
			if l.rows != nil {
				err = l.rows.Fill(b, i)
			} else {
				err = r.Read(int(b.Index[i]), b.Images[i*size:(i+1)*size])
			}
			if err != nil {
				b.mutex.Lock()
				b.err = err
				b.mutex.Unlock()
				break
			}
		}
		if b.left.Add(-1) == 0 {
			b.filled <- struct{}{}
		}
	}
}

// readAhead asks the system for the images of batches that are not planned yet, each batch once.
type readAhead struct {
	set     *packed.Set
	planner planner
	batches int // ahead
	asked   int // of the batches from the next one on
	index   []int32
}

// advance asks for what has come within reach before the next batch is planned.
func (h *readAhead) advance(batch int) {
	if h.batches == 0 {
		return
	}
	if h.index == nil {
		h.index = make([]int32, batch)
	}
	for ; h.asked <= h.batches; h.asked++ {
		for _, image := range h.planner.upcoming(h.asked, h.index) {
			h.set.WillNeed(int(image))
		}
	}
	h.asked--
}
