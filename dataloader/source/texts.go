package source

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// A text is a small file that may say what the images are: a table, a list, the devkit's meta.mat.
type text struct {
	path  string
	alone string // on disk, of one that is a path of its own
	data  []byte
}

// text keeps a text. Of more than the bounds the others are none of the few that matter: a caption beside every image.
func (c *catalog) text(e entry, r io.Reader) error {
	if wnidFolder(e.path) != "" {
		return nil
	}
	limit, table := maxTextBytes-c.bytes, ending(e.path) != ".txt" && !isMeta(e.path)
	if isMeta(e.path) {
		limit = maxMATBytes
	}
	if e.alone == "" && (e.size > int64(limit) || table && c.csvs >= maxTables && !c.makeRoom(e.path) || !table && len(c.texts)-c.csvs >= maxTexts) {
		if table {
			c.reject(e.path, fmt.Sprintf("one of more than %d tables, or of %d MiB: give it as a path of its own to have it read", maxTables, maxTextBytes>>20))
			c.note(e.path + ": one table of too many")
		}
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(r, int64(max(limit, 0))))
	if err != nil {
		return err
	}
	if c.otherImage(e.path, data[:min(len(data), headBytes)]) {
		return nil
	}
	c.bytes += len(data)
	if table {
		c.csvs++
	}
	c.texts = append(c.texts, text{strings.Clone(e.path), e.alone, data})
	return nil
}

// makeRoom lets go of the tables that lie deeper than a new one: it is those near the root that may be of all images.
func (c *catalog) makeRoom(path string) bool {
	before := len(c.texts)
	c.texts = slices.DeleteFunc(c.texts, func(t text) bool {
		deeper := t.alone == "" && ending(t.path) != ".txt" && !isMeta(t.path) && strings.Count(t.path, "/") > strings.Count(path, "/")
		if deeper {
			c.bytes -= len(t.data)
		}
		return deeper
	})
	c.csvs -= before - len(c.texts)
	return len(c.texts) < before
}

// lines are the lines of a text, without ends of line and a byte order mark. Its error says what exceeds the bounds.
func (t text) lines() ([]string, error) {
	if bytes.IndexByte(t.data, 0) >= 0 {
		return nil, fmt.Errorf("%s: a NUL byte: not a text", t.path)
	}
	all := strings.Split(strings.TrimPrefix(string(t.data), "\ufeff"), "\n")
	if len(all) > maxLines {
		return nil, fmt.Errorf("%s: more than %d lines", t.path, maxLines)
	}
	for i, line := range all {
		if len(line) > maxLineBytes {
			return nil, fmt.Errorf("%s:%d: a line of %d bytes: want at most %d", t.path, i+1, len(line), maxLineBytes)
		}
		all[i] = strings.TrimSpace(line)
	}
	for len(all) > 0 && all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all, nil
}

// alone is the number of texts that are paths of their own.
func (c *catalog) alone() (n int) {
	for _, t := range c.texts {
		if t.alone != "" {
			n++
		}
	}
	return n
}

func isMeta(p string) bool { return strings.EqualFold(path.Base(p), "meta.mat") }
