package metrics

import (
	"bytes"
	"io"
)

const (
	followBytes = 64 << 10 // of the file at a time; no line is longer
	knownBytes  = 64       // before the position, by which the file is known again
)

// A Follower reads a metrics file that a run writes, each byte once. An end that is not a whole line waits until it is.
// The zero value begins at the first byte.
type Follower struct {
	Position int64 // bytes that were read
	Bad      int   // whole lines among them that are no lines of metrics

	known []byte // the bytes before Position
	long  bool   // Position is within a line that is too long to be one of metrics
}

// Follows says whether a file of so many bytes is the one that was read, unchanged but for what came after. A resumed
// run takes back what a killed one wrote after its last checkpoint: then it is another.
func (f *Follower) Follows(file io.ReaderAt, size int64) bool {
	if size < f.Position {
		return false
	}
	now := make([]byte, len(f.known))
	_, err := file.ReadAt(now, f.Position-int64(len(now)))
	return (err == nil || err == io.EOF) && bytes.Equal(now, f.known)
}

// Read gives the steps and validations between Position and the file's size, at most so many bytes and a line of them.
// More says that there is more to read.
func (f *Follower) Read(file io.ReaderAt, size, most int64, step func(Step), validation func(Validation)) (more bool,
	err error) {
	buf := make([]byte, min(followBytes, max(size-f.Position, 0)))
	for end := f.Position + most; f.Position < size; {
		if f.Position >= end {
			return true, nil
		}
		b := buf[:min(int64(len(buf)), size-f.Position)]
		if n, err := file.ReadAt(b, f.Position); n < len(b) {
			if err == io.EOF { // it was cut since; the next time it is another file
				err = nil
			}
			return false, err
		}
		whole := 0
		if bytes.IndexByte(b, '\n') >= 0 { // which is faster than to look from the end, where there is none
			whole = bytes.LastIndexByte(b, '\n') + 1
		}
		if whole == 0 {
			if len(b) < followBytes && !f.long {
				return false, nil
			}
			if whole = len(b); !f.long {
				f.long = true
				f.Bad++
			}
		} else {
			f.lines(b[:whole], step, validation)
		}
		f.Position += int64(whole)
		f.known = append(f.known[:0], b[max(whole-knownBytes, 0):whole]...)
	}
	return false, nil
}

// lines reads whole lines, of which the first may be the end of one that is too long.
func (f *Follower) lines(b []byte, step func(Step), validation func(Validation)) {
	var r record
	for line := range bytes.Lines(b) {
		if f.long {
			f.long = false
			continue
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		switch err := parse(line, &r); {
		case err != nil:
			f.Bad++
		case r.Loss.Set:
			step(r.asStep())
		case r.ValLoss.Set:
			validation(r.asValidation())
		}
	}
}
