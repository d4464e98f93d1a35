package dataloader

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A Batch is what a step needs: whole packed images and how to augment them. It belongs to the caller from Next until
// Release.
type Batch struct {
	Images []uint8   // [N,H,W,3]; or the loader's Rows
	Labels []int32   // [N]
	Draws  []float32 // [N,6]: top, left, mirror (0 or 1), red, green, blue shift; [N,11] where Config.Warps: see op.Warp
	Index  []int32   // [N]: which images of the set these are
	Valid  int       // rows in use; the others repeat row 0
	View   int       // which of the views of these images this is; 0 in training
	Epoch  float64   // position in the set after this batch, in epochs

	// Memory is what Images, Labels and Draws lie in, when the loader was given an Allocate.
	Memory Memory

	filled chan struct{} // a worker is done with it
	left   atomic.Int32  // pieces that are not filled yet
	mutex  sync.Mutex    // of err, while it is filled
	err    error         // of filling
	out    bool          // it belongs to the caller
}

// Memory is somebody else's, such as pinned memory, that a loader fills and the caller uploads from.
type Memory interface {
	// Arrays are the room for a batch's images, labels and draws, of the sizes that were asked for.
	Arrays() (images []uint8, labels []int32, draws []float32)
	// Wait returns when nothing reads the memory any more, so that it may be filled again.
	Wait() error
	// Close gives it back.
	Close() error
}

// Allocate gives a loader memory for a batch of so many images, each of so many bytes and drawn numbers.
type Allocate func(images, bytes, draws int) (Memory, error)

// NewBatch makes a batch of so many images, each of so many bytes and drawn numbers, in memory of Go's where allocate
// is nil.
func NewBatch(images, bytes, draws int, allocate Allocate) (*Batch, error) {
	b := &Batch{Index: make([]int32, images), filled: make(chan struct{}, 1)}
	if allocate == nil {
		b.Images, b.Labels, b.Draws = make([]uint8, images*bytes), make([]int32, images), make([]float32, images*draws)
		return b, nil
	}
	var err error
	if b.Memory, err = allocate(images, bytes, draws); err != nil {
		return nil, fmt.Errorf("memory for a batch of %d images of %d bytes: %w", images, bytes, err)
	}
	b.Images, b.Labels, b.Draws = b.Memory.Arrays()
	return b, nil
}

// Counters say what a loader has done since it was made.
type Counters struct {
	Batches uint64        // that Next gave
	Ready   uint64        // of which so many were ready before they were asked for
	Waited  time.Duration // in Next
}

// Since is what was done after an earlier count.
func (c Counters) Since(before Counters) Counters {
	return Counters{c.Batches - before.Batches, c.Ready - before.Ready, c.Waited - before.Waited}
}

// Plus is what was done in both of two times.
func (c Counters) Plus(d Counters) Counters {
	return Counters{c.Batches + d.Batches, c.Ready + d.Ready, c.Waited + d.Waited}
}

// Means are a batch's share: whether it was ready, from 0 to 1, and how long was waited for it in milliseconds.
func (c Counters) Means() (ready, waitMS float64) {
	n := float64(c.Batches)
	return float64(c.Ready) / n, c.Waited.Seconds() * 1000 / n
}
