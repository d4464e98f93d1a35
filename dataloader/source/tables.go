package source

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// isTable reports whether a text may be a table of labels.
func isTable(t text, forced bool) bool {
	switch ending(t.path) {
	case ".csv", ".tsv":
		return true
	case ".txt": // most are not; one that is given alone, where nothing else asks for it
		return forced && t.alone != "" && !ilsvrcTruth.MatchString(path.Base(t.path))
	}
	return false
}

// tables reads the tables that are given as paths of their own, or, of those at each depth below the root, the ones that name
// most images; the innermost come first. bad is what is wrong with those of them that cannot be read.
func (c *catalog) tables(forced bool, columns []string) (tables []*table, bad error) {
	given := slices.ContainsFunc(c.texts, func(t text) bool { return t.alone != "" && isTable(t, true) })
	byDepth := map[int][]text{}
	for _, t := range c.texts {
		if isTable(t, given) && (t.alone != "") == given {
			depth := strings.Count(t.path, "/")
			if given {
				depth = 0
			}
			byDepth[depth] = append(byDepth[depth], t)
		}
	}
	most := -1
	for _, depth := range slices.Sorted(maps.Keys(byDepth)) {
		some, wrong := c.readTables(byDepth[depth], columns)
		if len(some) > 1 && !given {
			some = c.naming(some)
		}
		n := 0
		if len(some) > 0 && len(byDepth) > 1 {
			n = c.named(some)
		}
		if n <= most && (len(tables) > 0 || len(some) == 0) {
			c.noteTables(some, wrong)
			continue
		}
		c.noteTables(tables, bad)
		tables, bad, most = some, wrong, n
	}
	if !forced && !given && len(columns) == 0 && len(tables) > 0 && !c.flat() && c.named(tables) == 0 {
		c.noteTables(tables, nil)
		tables = nil
	}
	slices.SortStableFunc(tables, func(a, b *table) int { return cmp.Compare(len(b.folder), len(a.folder)) })
	return tables, bad
}

// readTables reads what may be tables; bad is what is wrong with the first of those that cannot be read.
func (c *catalog) readTables(texts []text, columns []string) (tables []*table, bad error) {
	more := 0
	for _, t := range texts {
		read, err := readTable(t, columns)
		switch {
		case err == nil:
			if read.idle != "" {
				c.note(fmt.Sprintf("the column %s of %s: --columns %s,%s uses it", read.idle, read.path, strings.Join(columns, ","), read.idle))
			}
			c.scope(read, texts)
			tables = append(tables, read)
		case bad == nil:
			bad = err
		default:
			more++
		}
	}
	if more > 0 {
		bad = fmt.Errorf("%w (and %d more)", bad, more)
	}
	return tables, bad
}

// naming are those of several tables that name any image, or all when none does.
func (c *catalog) naming(tables []*table) []*table {
	var some, others []*table
	for _, t := range tables {
		if slices.ContainsFunc(c.items, func(it Item) bool { r, _ := c.rowIn(t, it.Name); return r != nil }) {
			some = append(some, t)
		} else {
			others = append(others, t)
		}
	}
	if len(some) == 0 {
		return tables
	}
	c.noteTables(others, nil)
	return some
}

// noteTables notes tables that are not used.
func (c *catalog) noteTables(tables []*table, bad error) {
	for _, t := range tables {
		c.note(t.path + " names none of the images, or less than another table")
	}
	if bad != nil {
		c.note(bad.Error())
	}
}

// named is how many images tables name.
func (c *catalog) named(tables []*table) (n int) {
	for _, it := range c.items {
		if slices.ContainsFunc(tables, func(t *table) bool { r, _ := c.rowIn(t, it.Name); return r != nil }) {
			n++
		}
	}
	return n
}

// scope finds which images a table may name: those below its folder, if there are any, or all when it was given as a path of
// its own; and of which split they are by its name, by the split's folder that it is in, or by the folders that several
// given ones of one name come from.
func (c *catalog) scope(t *table, beside []text) {
	t.unroot(c.items)
	at := t.path
	if t.alone != "" {
		at = filepath.ToSlash(t.alone)
	} else if folder := at[:strings.LastIndexByte(at, '/')+1]; slices.ContainsFunc(c.items, func(it Item) bool { return strings.HasPrefix(it.Name, folder) }) {
		t.folder = folder
	}
	base := path.Base(at)
	if t.split = splitOfWords(words(base[:len(base)-len(path.Ext(base))])); t.split != noSplit {
		return
	}
	if t.alone == "" {
		t.split, _ = c.found.split(t.path)
	} else if slices.ContainsFunc(beside, func(other text) bool { return other.path == t.path && other.alone != t.alone }) {
		t.split, _ = splitOf(path.Base(path.Dir(at)))
	}
}

// rowIn is the row of an image in a table that may name it; other is a second one. An image that lies in no split's folder,
// where there are splits, must be named with its folder.
func (c *catalog) rowIn(t *table, image string) (r, other *row) {
	if !strings.HasPrefix(image, t.folder) {
		return nil, nil
	}
	s, outside := c.found.split(image)
	if t.split != noSplit && c.found.there(t.split) && s != t.split {
		return nil, nil
	}
	r, other, byPath := t.find(image)
	if (outside || s == sideSplit) && !byPath {
		return nil, nil
	}
	return r, other
}
