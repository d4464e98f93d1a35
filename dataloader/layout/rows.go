package layout

import (
	"bytes"
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
	folder string // the images below it are named, with a slash at its end; "" for all
	split  split  // of all its rows, by its name or its folder's; noSplit when its rows or the images' folders say
	trains bool   // a row says that it is for training
	rows   map[string]*row
}

type row struct {
	line  int
	class string
	cut   string // the split as it stands there
	used  string // by the image of this name
	wrong string // why it is not to be used
}

// readTable reads a table.
func readTable(t text, asked []string) (*table, error) {
	if _, err := t.lines(); err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(t.data, []byte("\ufeff"))))
	r.Comma = t.separator()
	r.TrimLeadingSpace, r.ReuseRecord = true, true
	x := &table{text: t, rows: map[string]*row{}}
	for first := true; ; first = false {
		record, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		line, _ := r.FieldPos(0)
		if first {
			if x.columns, err = findColumns(record, asked); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", t.Name, line, err)
			}
			if x.header {
				continue
			}
		}
		x.add(key(record[x.file]), record, line)
	}
	if len(x.rows) == 0 {
		return nil, fmt.Errorf("%s: no row", t.Name)
	}
	return x, nil
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
	file = path.Clean(strings.ReplaceAll(strings.TrimSpace(file), "\\", "/"))
	return norm.NFC.String(strings.TrimPrefix(file, "./"))
}

// add keeps the row of a record.
func (t *table) add(file string, record []string, line int) {
	r := &row{line: line, class: norm.NFC.String(strings.TrimSpace(record[t.label]))}
	r.cut, r.wrong = t.cut(record)
	t.trains = t.trains || splitOf(r.cut) == trainSplit
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

// find are the rows of an image: by its path or the longest end of it, with and without the file's ending. byPath: the
// table gives a folder too.
func (t *table) find(name string) (rows []*row, byPath bool) {
	for p := norm.NFC.String(name); ; {
		for _, k := range []string{p, strings.TrimSuffix(p, path.Ext(p))} {
			if r := t.rows[k]; r != nil {
				rows = append(rows, r)
			}
		}
		_, rest, deeper := strings.Cut(p, "/")
		if len(rows) > 0 || !deeper {
			return rows, deeper
		}
		p = rest
	}
}

// in are the rows of an image that the table may name. An image that lies in no split's folder, where there are splits,
// must be named with its folder.
func (t *table) in(s *splits, image string) []*row {
	is, outside := s.at(image)
	if !strings.HasPrefix(image, t.folder) || t.split != noSplit && s.folder[t.split] != "" && is != t.split {
		return nil
	}
	rows, byPath := t.find(image)
	if outside && !byPath {
		return nil
	}
	return rows
}
