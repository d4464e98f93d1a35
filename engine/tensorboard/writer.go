package tensorboard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"duet/engine/checkpoint"
	"duet/engine/metrics"
	"duet/internal/disk"
)

// flushEvery is the longest that an event stays in memory while steps go on.
const flushEvery = time.Second

// A Writer writes a training's events into the run's folder while it trains: a train.Recorder.
type Writer struct {
	run     Run
	file    *os.File
	events  *events
	flushed time.Time
}

// NewWriter writes nothing before Begin.
func NewWriter(r Run) *Writer { return &Writer{run: r} }

// Begin makes a new file of what the run has recorded up to the step that it goes on from, in the place of an earlier
// one. A process that is killed meanwhile leaves that one, or both: then the newer one counts.
func (w *Writer) Begin(step uint64) error { return failed(w.begin(step)) }

func (w *Writer) begin(step uint64) error {
	old, err := filesIn(w.run.Dir)
	if err != nil {
		return err
	}
	number := time.Now().Unix()
	if len(old) > 0 {
		digits := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(old[len(old)-1]), filePrefix), fileSuffix)
		if last, err := strconv.ParseInt(digits, 10, 64); err == nil {
			number = max(number, last+1)
		}
	}
	fresh, path := filepath.Join(w.run.Dir, "events"+disk.Fresh), filepath.Join(w.run.Dir, fileName(number))
	var next uint64
	err = create(fresh, func(e *events) error {
		err := w.run.past(context.Background(), e, step)
		next = e.next
		return err
	})
	if err != nil {
		return err
	}
	if err := disk.Rename(fresh, path); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	if err := disk.SyncFolder(w.run.Dir); err != nil {
		return err
	}
	if err := w.retire(old); err != nil {
		return err
	}
	if w.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return err
	}
	w.events = newEvents(w.file)
	w.events.next = next
	return nil
}

// retire empties the last of the files that a new one takes the place of, and removes those before. A TensorBoard that
// is reading a file goes on to the next one when nothing more comes of it, but never from one that is gone.
func (w *Writer) retire(files []string) error {
	for i, path := range files {
		remove := os.Remove
		if i == len(files)-1 {
			remove = func(path string) error { return os.Truncate(path, 0) }
		}
		if err := remove(path); err != nil {
			return err
		}
	}
	return nil
}

// Step adds what a step measured.
func (w *Writer) Step(s metrics.Step) error {
	now := time.Now()
	err := w.events.add(seconds(now), s.Step, ofStep(s))
	if err == nil && now.Sub(w.flushed) > flushEvery {
		return w.flush()
	}
	return failed(err)
}

// Validation adds the result of one.
func (w *Writer) Validation(v metrics.Validation) error {
	if err := w.events.add(seconds(time.Now()), v.Step, ofValidation(v)); err != nil {
		return failed(err)
	}
	return w.flush()
}

// Checkpoint adds the filters and histograms of one that was saved, and of the gradients before it.
func (w *Writer) Checkpoint(f *checkpoint.File, gradients []checkpoint.Tensor) error {
	if err := w.run.add(w.events, seconds(time.Now()), f, gradients); err != nil {
		return failed(err)
	}
	return w.flush()
}

// Close writes what is in memory, and waits until the file is on disk.
func (w *Writer) Close() error {
	if w.file == nil {
		return nil
	}
	return failed(errors.Join(w.events.to.Flush(), disk.Sync(w.file), w.file.Close()))
}

func (w *Writer) flush() error {
	w.flushed = time.Now()
	return failed(w.events.to.Flush())
}

func failed(err error) error {
	if err != nil {
		return fmt.Errorf("tensorboard: %w", err)
	}
	return nil
}
