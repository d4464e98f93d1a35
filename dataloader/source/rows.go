package source

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A table says the class, and perhaps the split, of images by name.
type table struct {
	text
	folder string       // the images below it are named, with a slash at its end; "" for all
	split  split        // of all its rows, by its name or its folder's; noSplit when its rows or the images' folders say
	named  bool         // its columns have the names that are asked for, or the usual ones
	trains bool         // a row says that it is for training
	flags  []flagColumn // its columns that say yes or no to a split
	idle   string       // its column of splits, where the names that are asked for leave it out
	rows   map[string]*row

	composed map[string]*row // rows by the composed forms of names that are not ASCII; nil: not made yet
}

type row struct {
	line  int
	class string
	cut   string // the split as it stands there
	used  string // by the image of this name
	wrong string // why it is not to be used
}

// readTable reads a table. Its columns are those named, or found by a header, or two: file and label.
func readTable(t text, named []string) (*table, error) {
	if bytes.HasPrefix(t.data, []byte("\xff\xfe")) || bytes.HasPrefix(t.data, []byte("\xfe\xff")) {
		return nil, fmt.Errorf("%s is in UTF-16: save it as UTF-8", t.path)
	}
	if bytes.IndexByte(t.data, '\n') < 0 {
		t.data = bytes.ReplaceAll(t.data, []byte("\r"), []byte("\n")) // as an old Mac ends lines
	}
	if _, err := t.lines(); err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(t.data, []byte("\ufeff"))))
	r.Comma = separator(t)
	r.TrimLeadingSpace, r.ReuseRecord = true, true
	x := &table{text: t, rows: map[string]*row{}}
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
			f, l, s, err := columns(record, named)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", t.path, line, err)
			}
			if f >= 0 {
				file, label, split = f, l, s
				x.flags = flags(record, split, len(named) > 0)
				if len(named) == 2 {
					x.idle = idleSplits(record, f, l)
				}
				x.named = len(named) > 0 || slices.ContainsFunc(labelColumns, func(n string) bool { return strings.EqualFold(strings.TrimSpace(record[l]), n) })
				continue
			}
		}
		entry := &row{line: line, class: norm.NFC.String(strings.TrimSpace(record[label]))}
		if split >= 0 {
			if entry.cut = strings.TrimSpace(record[split]); len(x.flags) > 0 {
				entry.cut, entry.wrong = x.unflag(record)
			}
			x.trains = x.trains || splitWords[strings.ToLower(entry.cut)] == trainSplit
		}
		x.add(strings.TrimSpace(record[file]), entry)
	}
	if len(x.rows) == 0 {
		return nil, fmt.Errorf("%s: no row", t.path)
	}
	if len(named) == 0 && x.distinct() {
		return nil, fmt.Errorf("%s: a label of its own for (nearly) each of %s: no table of classes (--columns FILE,LABEL takes it for one)", t.path, plural(len(x.rows), "file"))
	}
	return x, nil
}

// distinct reports whether what would be classes are rather numbers or names of the files themselves.
func (t *table) distinct() bool {
	const enough = 3
	classes := map[string]bool{}
	for _, r := range t.rows {
		classes[r.class] = true
	}
	return len(t.rows) >= enough && 10*len(classes) > 9*len(t.rows)
}

// separator is what separates the fields of a table: a comma, or where the first line has none a tab or a semicolon, or a
// space in a .txt.
func separator(t text) rune {
	first, _, _ := bytes.Cut(t.data, []byte("\n"))
	signs := ",\t;"
	if ending(t.path) == ".txt" {
		signs += " "
	}
	for _, sign := range signs {
		if bytes.ContainsRune(first, sign) {
			return sign
		}
	}
	return ','
}

// unroot takes from the names of a table, where they are paths on some disk, the folders that they have in common, until one
// means an image.
func (t *table) unroot(images []Item) {
	common, first := "", true
	for name := range t.rows {
		drive := len(name) > 2 && name[1] == ':' && name[2] == '/'
		if strings.HasPrefix(name, "\x00") {
			continue
		}
		if !drive && !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "../") {
			return
		}
		dir := name[:strings.LastIndexByte(name, '/')+1]
		for !first && !strings.HasPrefix(dir, common) {
			common = common[:strings.LastIndexByte(common[:max(len(common)-1, 0)], '/')+1]
		}
		if first {
			common, first = dir, false
		}
	}
	all := t.rows
	for at := 0; at < len(common); {
		at += strings.IndexByte(common[at:], '/') + 1
		t.rows, t.composed = map[string]*row{}, nil
		for name, r := range all {
			t.rows[strings.TrimPrefix(name, common[:at])] = r
		}
		if slices.ContainsFunc(images, func(it Item) bool { r, _, _ := t.find(it.Name); return r != nil }) {
			return
		}
	}
	t.rows, t.composed = all, nil
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

// find is the row of an image: by its path or the longest end of it, with or without the file's ending. other is the row of
// the one where both are there. byPath: the table gives a folder too.
func (t *table) find(name string) (r, other *row, byPath bool) {
	for p := name; ; {
		r, other = t.at(p), t.at(p[:len(p)-len(path.Ext(p))])
		byPath = strings.Contains(p, "/")
		switch {
		case r == nil && other != nil:
			return other, nil, byPath
		case r == other:
			other = nil
		}
		if r != nil {
			return r, other, byPath
		}
		_, rest, ok := strings.Cut(p, "/")
		if !ok {
			return nil, nil, false
		}
		p = rest
	}
}

// at is the row of a name, as it is written or, as a Mac writes accents apart, in Unicode's composed form.
func (t *table) at(name string) *row {
	if r := t.rows[name]; r != nil || isASCII(name) {
		return r
	}
	if t.composed == nil {
		t.composed = map[string]*row{}
		for file, r := range t.rows {
			composed := norm.NFC.String(file)
			if first := t.composed[composed]; first == nil || r.line < first.line {
				t.composed[composed] = r
			}
		}
	}
	return t.composed[norm.NFC.String(name)]
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// splitOf is the split of a row by what stands there; noSplit when nothing does.
func (r *row) splitOf() (split, error) {
	s := splitWords[strings.ToLower(r.cut)]
	if r.cut != "" && (s == noSplit || s == sideSplit) {
		return s, fmt.Errorf("split %q: want train, val or test", r.cut)
	}
	return s, nil
}
