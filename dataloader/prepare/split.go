package prepare

import (
	"duet/dataloader/layout"
	"duet/dataloader/packed"
)

// A splitWriter writes the shards of a split, in order.
type splitWriter struct {
	partial *partial
	name    string
	layout  packed.Layout
	limit   int64 // bytes of a shard

	states   []*shardState // of the shards that are whole and on disk, or being finished; without their sums
	sums     moments       // over those shards
	earlier  int           // of the positions, those that an earlier run has
	position int           // of the next image
	content  uint32
	shard    *packed.ShardWriter // nil between shards
	state    *shardState         // of the shard that is being written
	finished chan error          // of the shard that is being finished; nil when none is
}

// openSplit goes on after the shards that are kept.
func openSplit(p *partial, name string, l packed.Layout, limit int64) (*splitWriter, error) {
	w := &splitWriter{partial: p, name: name, layout: l, limit: limit, sums: moments{sum: make([]uint64, l.Pixels())}}
	err := p.kept(name, func(s *shardState) bool {
		if len(s.Sum) != l.Pixels() {
			return false
		}
		w.sums.addShard(s)
		s.Sum = nil // of a thousand shards they would be a gigabyte
		w.states, w.position, w.content = append(w.states, s), s.Next, s.Content
		return true
	})
	if err != nil {
		return nil, layout.Advise("%w: try again, or give --restart to begin anew", err)
	}
	w.earlier = w.position
	w.begin()
	return w, p.forget(name, len(w.states))
}

// maxShardImages keeps the sums of a shard, of numbers up to 255, below 2^32.
const maxShardImages = 1 << 24

func (w *splitWriter) begin() {
	w.state = &shardState{First: w.position, Sum: make([]uint32, w.layout.Pixels())}
}

// take appends the image of the next position, or notes that it was rejected.
func (w *splitWriter) take(t *task) error {
	if t.cause != nil {
		w.state.Rejected = append(w.state.Rejected, rejectedAt{w.position, t.cause.Error()})
		w.position++
		return nil
	}
	if w.shard != nil && (!w.shard.Takes(len(t.stored)) || len(w.state.Flags) == maxShardImages) {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	if w.shard == nil {
		var err error
		if w.shard, err = packed.CreateShard(w.partial.set(), w.name, len(w.states), w.layout, w.limit); err != nil {
			return err
		}
	}
	if err := w.shard.Append(t.stored); err != nil {
		return err
	}
	s := w.state
	s.Flags = append(s.Flags, uint8(t.flags))
	s.Products.add(t.products)
	addTo(s.Sum, t.pixels)
	w.content = packed.Extend(w.content, t.stored)
	w.position++
	return nil
}

// rotate finishes the shard in the background: syncing it to disk takes a while. One shard at a time is finished.
func (w *splitWriter) rotate() error {
	if err := w.await(); err != nil {
		return err
	}
	shard, state, number := w.shard, w.state, len(w.states)
	state.Next, state.Images, state.Content = w.position, len(state.Flags), w.content
	w.sums.addShard(state)
	w.shard, w.states, w.finished = nil, append(w.states, state), make(chan error, 1)
	w.begin()
	go func(finished chan<- error) {
		var err error
		if shard != nil {
			state.Checksums, err = shard.Finish()
		}
		if err == nil {
			err = w.partial.keep(w.name, number, state)
		}
		state.Sum = nil
		finished <- err
	}(w.finished)
	return nil
}

// await waits for the shard that is being finished.
func (w *splitWriter) await() error {
	if w.finished == nil {
		return nil
	}
	err := <-w.finished
	w.finished = nil
	return err
}

// finish completes the last shard.
func (w *splitWriter) finish() error {
	if w.position > w.state.First {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	return w.await()
}

// abandon closes what is open; what is being finished may come to its end.
func (w *splitWriter) abandon() {
	if w.shard != nil {
		w.shard.Abandon()
	}
	_ = w.await() // the run has failed already, for a reason that came first
}
