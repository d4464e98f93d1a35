package metrics

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"duet/internal/disk"
)

const (
	flushEvery = time.Second // the longest that a line stays in memory
	flushBytes = 64 << 10    // the most that stays in memory
)

// JSONL writes metrics.jsonl: one JSON object a line, for each step
//
//	{"step":1,"epoch":0.01,"loss":2.3,"learning_rate":0.01,"images_per_second":46}
//
// with train_top1_error, data_wait_ms, data_ready and device_bytes where they are set, and for each validation
//
//	{"step":1,"epoch":0.01,"val_loss":2.3,"val_top1_error":0.9,"val_top5_error":0.5}
//
// with images. NaN and infinities are null. Lines reach the file within a second, and at once with a validation, Flush
// and Close. To have every step in the file that a checkpoint has done, call Flush before the checkpoint is saved. Its
// methods may be called from several goroutines.
type JSONL struct {
	mu    sync.Mutex
	file  *os.File
	buf   []byte
	timer *time.Timer
	err   error // of a flush by the timer, for the next caller
}

// OpenJSONL opens a metrics file to go on after a step and a validation, the last ones that the checkpoint knows of; it
// is made if there is none. Later lines, which a killed run wrote after that checkpoint, are removed, and so is an end
// that was not written whole. Either all of them are removed or, after an error, none. A line inside the file that
// cannot be read is an error.
func OpenJSONL(path string, step, validation uint64) (*JSONL, error) {
	if err := dropAfter(path, step, validation); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	m := &JSONL{file: file, buf: make([]byte, 0, flushBytes+1024)}
	m.timer = time.AfterFunc(flushEvery, m.flushLate)
	m.timer.Stop()
	return m, nil
}

// WriteStep adds a step's line.
func (m *JSONL) WriteStep(s Step) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.buf) == 0 {
		m.timer.Reset(flushEvery)
	}
	m.buf = appendStep(m.buf, &s)
	if len(m.buf) >= flushBytes {
		return m.flush()
	}
	return m.takeErr()
}

// WriteValidation adds a validation's line and flushes.
func (m *JSONL) WriteValidation(v Validation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.buf = appendValidation(m.buf, &v)
	return m.flush()
}

// Flush hands all lines to the operating system: from then on they survive a kill of this process.
func (m *JSONL) Flush() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.flush()
}

// Close flushes, syncs and closes the file.
func (m *JSONL) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.timer.Stop()
	return cmp.Or(m.flush(), disk.Sync(m.file), m.file.Close()) // all three are done; the first error is the cause
}

// flushLate is the timer's flush.
func (m *JSONL) flushLate() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.flush(); err != nil && m.err == nil && !errors.Is(err, os.ErrClosed) {
		m.err = err
	}
}

// flush writes the buffer. After an error it keeps what was not written, so that a later flush goes on at the right
// byte.
func (m *JSONL) flush() error {
	if len(m.buf) > 0 {
		n, err := m.file.Write(m.buf)
		m.buf = m.buf[:copy(m.buf, m.buf[n:])]
		if err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	return m.takeErr()
}

func (m *JSONL) takeErr() error {
	err := m.err
	m.err = nil
	return err
}

// dropAfter removes the lines of steps and validations after the given ones, and a torn end.
func dropAfter(path string, step, validation uint64) error {
	late := func(r *record) bool { return *r.Step > step || r.ValLoss.Set && *r.Step > validation }
	drop := false
	torn, err := scan(path, func(line []byte, r *record) error {
		drop = drop || late(r)
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil || !drop && !torn {
		return err
	}
	err = disk.ReplaceBy(path, func(f *os.File) error {
		w := bufio.NewWriter(f)
		_, err := scan(path, func(line []byte, r *record) error {
			if late(r) {
				return nil
			}
			_, err := w.Write(line)
			return err
		})
		return cmp.Or(err, w.Flush())
	})
	if err != nil {
		return fmt.Errorf("%s: remove lines after step %d: %w", path, step, err)
	}
	return nil
}
