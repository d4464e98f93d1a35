package source

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

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
		name, in := strings.CutPrefix(it.Name, root)
		first, rest, ok := strings.Cut(name, "/")
		switch {
		case !in, strings.Contains(rest, "/"): // beside folders of classes, or in one
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
