package layout

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"path"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// A table says the class, and perhaps the split, of images by name.
type table struct {
	text
	columns
	split  split // of all its rows, by its name or its folder's; noSplit when its rows or the images' folders say
	trains bool  // a row says that it is for training
	rows   []*row
	byFile map[string]*row
}

type row struct {
	of    *table
	line  int
	file  string
	class string
	cut   string // the split as it stands there
	used  string // by the image of this name
	wrong string // why it is not to be used
}

// at is where a row is.
func (r *row) at() string { return fmt.Sprintf("%s:%d", r.of.Name, r.line) }

// agree makes a row wrong where another of its image says something else.
func (r *row) agree(other *row) {
	if r.class != other.class || r.cut != other.cut || r.of != other.of {
		r.wrong = cmp.Or(r.wrong, fmt.Sprintf("%s is said again, and otherwise, in %s", r.file, other.at()))
	}
}

// readTable reads a table.
func readTable(t text, asked []string) (*table, error) {
	if _, err := t.lines(); err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(t.data, []byte("\ufeff"))))
	r.Comma = t.separator()
	r.TrimLeadingSpace, r.ReuseRecord = true, true
	x := &table{text: t, byFile: map[string]*row{}}
	for first := true; ; first = false {
		record, err := r.Read()
		switch {
		case err == io.EOF && len(x.rows) == 0:
			return nil, fmt.Errorf("%s: no row", t.Name)
		case err == io.EOF:
			return x, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		line, _ := r.FieldPos(0)
		if first {
			if x.columns, err = findColumns(record, asked); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", t.Name, line, err)
			}
		}
		if !first || !x.header {
			x.add(record, line)
		}
	}
}

// separator is what separates the fields of a table: a comma, or where the first line has none a tab or a semicolon, or
// a space in a .txt.
func (t text) separator() rune {
	first, _, _ := bytes.Cut(t.data, []byte("\n"))
	signs := ",\t;"
	if ending(t.Name) == ".txt" {
		signs += " "
	}
	for _, sign := range signs {
		if bytes.ContainsRune(first, sign) {
			return sign
		}
	}
	return ','
}

// key is the name of a file as rows are found by it: with slashes, and accents as Unicode composes them.
func key(file string) string {
	return norm.NFC.String(path.Clean(strings.ReplaceAll(strings.TrimSpace(file), "\\", "/")))
}

// add keeps the row of a record, unless one said the same.
func (t *table) add(record []string, line int) {
	r := &row{of: t, line: line, file: key(record[t.file]), class: norm.NFC.String(strings.TrimSpace(record[t.label]))}
	if t.columns.split >= 0 {
		r.cut = strings.TrimSpace(record[t.columns.split])
	}
	t.trains = t.trains || splitOf(r.cut) == trainSplit
	old := t.byFile[r.file]
	switch {
	case r.file == ".":
		r.wrong = "no file name"
	case old != nil:
		old.agree(r)
		return
	case r.class == "":
		r.wrong = "no label"
	case r.cut != "" && splitOf(r.cut) == noSplit:
		r.wrong = fmt.Sprintf("split %q: want train, val or test", r.cut)
	}
	t.rows, t.byFile[r.file] = append(t.rows, r), r
}

// in are the rows of an image that the table may name: by its path or the longest end of it, with and without the
// file's ending. An image that lies in no split's folder, where there are splits, must be named with its folder.
func (t *table) in(s *splits, image string) (rows []*row) {
	is, outside := s.at(image)
	if t.split != noSplit && s.folder[t.split] != "" && is != t.split {
		return nil
	}
	for p, deeper := norm.NFC.String(image), true; deeper && len(rows) == 0; _, p, deeper = strings.Cut(p, "/") {
		if outside && !strings.Contains(p, "/") {
			return nil
		}
		for _, k := range []string{p, strings.TrimSuffix(p, path.Ext(p))} {
			if r := t.byFile[k]; r != nil {
				rows = append(rows, r)
			}
		}
	}
	return rows
}
