package tensorboard

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"duet/internal/disk"
)

// TensorBoard reads every file with tfevents in its name, in the order of the names.
const (
	filePrefix = "events.out.tfevents."
	fileSuffix = ".duet"
)

func fileName(number int64) string { return fmt.Sprintf("%s%010d%s", filePrefix, number, fileSuffix) }

// filesIn are the files in a folder that this package wrote, the newest last.
func filesIn(dir string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filePrefix) && strings.HasSuffix(e.Name(), fileSuffix) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, err
}

// events are written to a file.
type events struct {
	to     *bufio.Writer
	next   uint64 // what checkpoints before this step show is written
	record []byte
}

func newEvents(to io.Writer) *events { return &events{to: bufio.NewWriterSize(to, 1<<16)} }

// write adds the record of an event.
func (e *events) write(event []byte) error {
	e.record = appendRecord(e.record[:0], event)
	_, err := e.to.Write(e.record)
	return err
}

// add adds a summary of a step, seconds since 1970.
func (e *events) add(at float64, step uint64, summary []byte) error {
	return e.write(event(at, step, eventSummary, summary))
}

// begin adds what every file begins with. A start of a session at step 0 has a TensorBoard that is running forget what
// an earlier file said.
func (e *events) begin(at float64, config []byte) error {
	return errors.Join(e.write(event(at, 0, eventVersion, []byte(version))),
		e.write(event(at, 0, eventSession, appendNumber(nil, sessionStatus, sessionStart))), e.add(at, 0, config))
}

// create makes a file of what fill writes, and waits until it is on disk. After an error there is none.
func create(path string, fill func(*events) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	e := newEvents(f)
	if err = fill(e); err == nil {
		err = e.to.Flush()
	}
	if err == nil {
		err = disk.Sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
