package source

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
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

// table lists images by tables of their labels; nil when there is none, or when images lie in class folders. forced: a
// table is asked for. paths that name tables count first.
func (c *catalog) table(forced bool, paths []string) (*Listing, error) {
	given := func(t text) bool { // as a path of its own
		return slices.ContainsFunc(paths, func(p string) bool { return filepath.Base(p) == t.path })
	}
	tables, err := c.tables(forced, given)
	if err != nil || len(tables) == 0 || len(c.items) == 0 {
		return nil, err
	}
	named := forced || slices.ContainsFunc(tables, func(t *table) bool { return given(t.text) && len(paths) > 1 })
	if !named && !c.flat() {
		return nil, nil
	}
	if len(tables) > 1 && slices.ContainsFunc(tables, func(t *table) bool { return t.split == "" }) {
		return nil, fmt.Errorf("several tables of labels, %s and %s: give one of them as a path of its own", tables[0].path, tables[1].path)
	}
	return c.byTables(tables)
}

// flat reports whether the images lie in one folder, or in one for each split, so that no folders can be their classes.
func (c *catalog) flat() bool {
	root, only := commonRoot(c.items), ""
	for _, it := range c.items {
		first, rest, ok := strings.Cut(it.Name[len(root):], "/")
		switch {
		case strings.Contains(rest, "/"):
			return false
		case !ok || first == trainName || slices.Contains(valNames, first):
		case only != "" && first != only:
			return false
		default:
			only = first
		}
	}
	return true
}

// tables reads the tables at the root, or those that are given as paths of their own.
func (c *catalog) tables(forced bool, given func(text) bool) ([]*table, error) {
	var texts []text
	for _, t := range c.texts {
		if end := ending(t.path); end == ".csv" || end == ".tsv" {
			texts = append(texts, t)
		}
	}
	if slices.ContainsFunc(texts, given) {
		texts = slices.DeleteFunc(texts, func(t text) bool { return !given(t) })
	} else if len(texts) > 0 { // the folder that is the root of all: of the shortest path
		depth := func(t text) int { return strings.Count(t.path, "/") }
		root := slices.MinFunc(texts, func(a, b text) int { return depth(a) - depth(b) })
		texts = slices.DeleteFunc(texts, func(t text) bool { return depth(t) > depth(root) })
	}
	var all []*table
	for _, t := range texts {
		read, err := readTable(t)
		if err != nil {
			if forced || given(t) || len(texts) == 1 && len(c.items) > 0 && c.flat() {
				return nil, err // nothing else labels the images
			}
			continue // some other table
		}
		all = append(all, read)
	}
	return all, nil
}

// readTable reads a table. Its columns are named by a header, or are two: file and label.
func readTable(t text) (*table, error) {
	if _, err := t.lines(); err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(t.data, []byte("\ufeff"))))
	if ending(t.path) == ".tsv" {
		r.Comma = '\t'
	}
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

func (c *catalog) byTables(tables []*table) (*Listing, error) {
	numbers, train, valid := map[string]int32{}, map[string]bool{}, map[string]string{}
	for i := range c.items {
		it := &c.items[i]
		var t *table
		var r *row
		for _, t = range tables {
			if len(tables) > 1 && !strings.Contains("/"+it.Name, "/"+t.split+"/") && c.hasFolder(t.split) {
				continue
			}
			if r = t.find(it.Name); r != nil {
				break
			}
		}
		if r == nil {
			c.drop(i, "not in "+tables[0].path)
			continue
		}
		if r.used != "" {
			return nil, fmt.Errorf("%s:%d: means both %s and %s: want paths", t.path, r.line, r.used, it.Name)
		}
		r.used = it.Name
		val, err := t.inVal(r)
		if err != nil && r.wrong == "" {
			r.wrong = err.Error()
		}
		if r.wrong != "" {
			c.drop(i, fmt.Sprintf("%s:%d: %s", t.path, r.line, r.wrong))
			continue
		}
		n, known := numbers[r.class]
		if !known {
			n = int32(len(numbers))
			numbers[r.class] = n
		}
		if it.Label, it.Val = n, val; val {
			valid[r.class] = fmt.Sprintf("%s:%d", t.path, r.line)
		} else {
			train[r.class] = true
		}
	}
	c.unusedRows(tables)
	c.compact()
	if len(c.items) == 0 {
		return nil, fmt.Errorf("%s names none of the images: %s", tables[0].path, c.rejected[len(c.rejected)-1].Cause)
	}
	for _, class := range slices.Sorted(maps.Keys(valid)) {
		if !train[class] {
			return nil, fmt.Errorf("%s: class %s is in the validation split, but has no training image", valid[class], class)
		}
	}
	l := &Listing{Kind: "images with a table of labels"}
	classes := slices.Sorted(maps.Keys(train))
	sortNumbers(classes)
	return l, c.setClasses(l, classes, numbers)
}

// hasFolder reports whether images lie in a folder of that name.
func (c *catalog) hasFolder(name string) bool {
	return slices.ContainsFunc(c.items, func(it Item) bool { return strings.Contains("/"+it.Name, "/"+name+"/") })
}

// sortNumbers puts class names that are all whole numbers into the order of their values.
func sortNumbers(classes []string) {
	digits := func(s string) bool {
		return s != "" && len(s) < 10 && strings.Trim(s, "0123456789") == ""
	}
	for _, c := range classes {
		if !digits(c) {
			return
		}
	}
	slices.SortStableFunc(classes, func(a, b string) int { return len(a) - len(b) })
}

// unusedRows rejects rows that name no image, in the order of their lines.
func (c *catalog) unusedRows(tables []*table) {
	for _, t := range tables {
		type unused struct {
			line  int
			cause string
		}
		var all []unused
		for file, r := range t.rows {
			if r.used != "" {
				continue
			}
			cause := r.wrong
			if cause == "" {
				cause = fmt.Sprintf("no image %s", file)
			}
			all = append(all, unused{r.line, cause})
		}
		slices.SortFunc(all, func(a, b unused) int { return a.line - b.line })
		for _, u := range all {
			c.reject(fmt.Sprintf("%s:%d", t.path, u.line), u.cause)
		}
	}
}
