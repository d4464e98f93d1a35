package source

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// The names of the columns of a table of labels, in any case; of several the first in this order is taken.
var (
	fileColumns  = []string{"file", "filename", "file_name", "path", "image", "name", "image_id", "id"}
	labelColumns = []string{"label", "class", "category", "wnid", "target"}
	splitColumns = []string{"split", "set"}
)

// A table says the class, and perhaps the split, of images by name.
type table struct {
	text
	split string // of all its rows, by its own name: "train" or one of valNames; "" when its rows say
	rows  map[string]*row
}

type row struct {
	line       int
	class, cut string // cut: the split as it stands there
	used       string // by the image of this name
	wrong      string // why it is not to be used
}

// readTable reads a table. Its columns are named by a header, or are two: file and label.
func readTable(t text) (*table, error) {
	if _, err := t.lines(); err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(t.data, []byte("\ufeff"))))
	r.Comma = separator(t.data)
	r.TrimLeadingSpace, r.ReuseRecord = true, true
	x := &table{text: t, rows: map[string]*row{}}
	base := strings.TrimSuffix(path.Base(t.path), path.Ext(t.path))
	if m := splitWord.FindStringSubmatch(base); m != nil {
		x.split = strings.ToLower(m[1])
	}
	file, label, split := 0, 1, -1
	for first := true; ; first = false {
		record, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.path, err)
		}
		line, _ := r.FieldPos(0)
		if first {
			f, l, s, err := columns(record)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", t.path, line, err)
			}
			if f >= 0 {
				file, label, split = f, l, s
				continue
			}
		}
		entry := &row{line: line, class: strings.TrimSpace(record[label])}
		if split >= 0 {
			entry.cut = strings.ToLower(strings.TrimSpace(record[split]))
		}
		x.add(strings.TrimSpace(record[file]), entry)
	}
	if len(x.rows) == 0 {
		return nil, fmt.Errorf("%s: no row", t.path)
	}
	return x, nil
}

// separator is what separates the fields of a table: a comma, or a tab or a semicolon where the first line has no comma.
func separator(data []byte) rune {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	for _, sign := range ",\t;" {
		if bytes.ContainsRune(first, sign) {
			return sign
		}
	}
	return ','
}

// columns finds the columns in a header; file is -1 when the record is none, but a row of two.
func columns(record []string) (file, label, split int, err error) {
	find := func(names []string) int {
		for _, name := range names {
			for i, cell := range record {
				if strings.EqualFold(strings.TrimSpace(cell), name) {
					return i
				}
			}
		}
		return -1
	}
	file, label, split = find(fileColumns), find(labelColumns), find(splitColumns)
	switch {
	case file >= 0 && label >= 0:
		return file, label, split, nil
	case len(record) == 2 && file < 0 && label < 0:
		return -1, -1, -1, nil
	}
	if len(record) == 1 {
		return 0, 0, 0, fmt.Errorf("%q is one column: want at least a file and its label, with a comma, a tab or a semicolon between", record[0])
	}
	return 0, 0, 0, fmt.Errorf("columns %q: want one of %s and one of %s, or two columns without a header", record,
		strings.Join(fileColumns, ", "), strings.Join(labelColumns, ", "))
}

func (t *table) add(file string, r *row) {
	file = strings.TrimPrefix(path.Clean(strings.ReplaceAll(file, "\\", "/")), "./")
	switch old := t.rows[file]; {
	case file == "." || strings.ContainsRune(file, 0):
		r.wrong = "no file name"
		file = fmt.Sprintf("\x00%d", r.line) // matches nothing
	case r.class == "":
		r.wrong = "no label"
	case strings.ContainsAny(r.class, "\r\n"):
		r.wrong = "a line break in the label"
	case old != nil && old.class == r.class && old.cut == r.cut:
		return // says nothing new
	case old != nil:
		old.wrong = fmt.Sprintf("%s is %s here, but %s in line %d", file, old.class, r.class, r.line)
		return
	}
	t.rows[file] = r
}

// find is the row of an image: by its path or the longest end of it, with or without the file's ending.
func (t *table) find(name string) *row {
	for p := name; ; {
		for _, key := range []string{p, p[:len(p)-len(path.Ext(p))]} {
			if r := t.rows[key]; r != nil {
				return r
			}
		}
		_, rest, ok := strings.Cut(p, "/")
		if !ok {
			return nil
		}
		p = rest
	}
}

// inVal says which split a row is of.
func (t *table) inVal(r *row) (val bool, err error) {
	cut := r.cut
	if cut == "" {
		cut = t.split
	}
	switch {
	case cut == "" || cut == trainName || cut == "training":
		return false, nil
	case slices.Contains(valNames, cut):
		return true, nil
	}
	return false, fmt.Errorf("split %q: want %s or one of %s", cut, trainName, strings.Join(valNames, ", "))
}
