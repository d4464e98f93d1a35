package layout

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"duet/dataloader/tree"
)

// A text is a small file that may say what the images are: a table, or a list.
type text struct {
	*tree.Entry
	alone string // its path on disk, when it is a path of the source by itself
	data  []byte
}

// The bounds on texts.
const (
	maxTexts     = 1 << 16
	maxTextBytes = 256 << 20 // of all of them
	maxLineBytes = 1 << 16   // of a line
	maxLines     = 16 << 20  // of one
)

// text keeps a table, a list, and what is a path of its own; other texts, such as a caption beside every image, are
// nobody's concern.
func (s *Survey) text(e *tree.Entry, r io.Reader) error {
	if _, wnid := cutWNID(e.Name); wnid != "" {
		return nil
	}
	t := text{Entry: e, alone: s.Alone(e)}
	limit := maxTextBytes - s.bytes
	if e.Size > int64(limit) || t.alone == "" && len(s.texts) == maxTexts {
		switch {
		case t.alone != "":
			return fmt.Errorf("%d bytes: want tables and lists of at most %d MiB", e.Size, maxTextBytes>>20)
		case t.isTable():
			s.causes[e] = fmt.Sprintf("one of more than %d tables, or of %d MiB: give it as a path of its own to have it read",
				maxTexts, maxTextBytes>>20)
			s.Notes = append(s.Notes, e.Name+": one table of too many")
		}
		return nil
	}
	var err error
	if t.data, err = io.ReadAll(io.LimitReader(r, int64(max(limit, 0)))); err != nil {
		if _, is := errors.AsType[*fs.PathError](err); is { // the others can be read all the same
			s.causes[e], err = unreadable(err), nil
		}
		return err
	}
	if t.alone == "" && !t.isTable() && !t.isTruth() && !t.isList() {
		return nil
	}
	s.bytes += len(t.data)
	s.texts = append(s.texts, t)
	return nil
}

// unreadable is the cause of a file that the system does not read.
func unreadable(err error) string {
	if one, is := errors.AsType[*fs.PathError](err); is {
		return one.Err.Error()
	}
	return err.Error()
}

// lines are the lines of a text, without ends of line and a byte order mark. Its error says what exceeds the bounds.
func (t text) lines() ([]string, error) {
	if bytes.IndexByte(t.data, 0) >= 0 {
		return nil, fmt.Errorf("%s: a NUL byte: want a text in UTF-8", t.Name)
	}
	all := strings.Split(strings.TrimPrefix(string(t.data), "\ufeff"), "\n")
	if len(all) > maxLines {
		return nil, fmt.Errorf("%s: more than %d lines", t.Name, maxLines)
	}
	for i, line := range all {
		if len(line) > maxLineBytes {
			return nil, fmt.Errorf("%s:%d: a line of %d bytes: want at most %d", t.Name, i+1, len(line), maxLineBytes)
		}
		all[i] = strings.TrimSpace(line)
	}
	for len(all) > 0 && all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all, nil
}

func isText(name string) bool { return slices.Contains([]string{".txt", ".csv", ".tsv"}, ending(name)) }

// isTable reports whether a text may be a table of labels.
func (t text) isTable() bool { return slices.Contains([]string{".csv", ".tsv"}, ending(t.Name)) }

// SumTexts gives the texts to a sum.
func (s *Survey) SumTexts(sum io.Writer) {
	for _, t := range s.texts {
		sum.Write(t.data) // a sum never fails
	}
}
