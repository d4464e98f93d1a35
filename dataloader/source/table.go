package source

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// table lists images by tables of their labels; nil when there is none, or when images lie in class folders. forced: a
// table is asked for. Tables that are paths of their own count first.
func (c *catalog) table(forced bool, columns []string) (*Listing, error) {
	if len(c.items) == 0 {
		return nil, nil
	}
	tables, bad := c.tables(forced, columns)
	for _, t := range tables {
		if !slices.ContainsFunc(c.items, func(it Item) bool { return strings.HasPrefix(it.Name, t.folder) }) {
			t.folder = "" // in a folder of tables
		}
	}
	given := slices.ContainsFunc(c.texts, func(t text) bool { return t.alone != "" && isTable(t, true) })
	switch flat := c.flat(); {
	case len(tables) == 0 && bad == nil:
		return nil, nil
	case len(tables) == 0 && (forced || given || flat):
		return nil, bad // nothing else labels the images
	case len(tables) == 0:
		c.note(bad.Error())
		return nil, nil
	case !forced && !given && !flat && !c.rule(tables):
		return nil, nil
	case bad != nil:
		return nil, fmt.Errorf("%s may be a table of labels, but another one cannot be read: %w: give the right one as a path of its own", tables[0].path, bad)
	}
	for i, t := range tables {
		for _, other := range tables[:i] {
			if t.folder == other.folder && (t.split == noSplit || other.split == noSplit) {
				return nil, fmt.Errorf("several tables of labels, %s and %s: give one of them as a path of its own", other.path, t.path)
			}
		}
	}
	return c.byTables(tables)
}

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

// tables reads the tables at the root, or those that are given as paths of their own; the innermost come first. bad is what
// is wrong with those that cannot be read.
func (c *catalog) tables(forced bool, columns []string) (tables []*table, bad error) {
	alone := slices.ContainsFunc(c.texts, func(t text) bool { return t.alone != "" && isTable(t, true) })
	depth := func(t text) int { return strings.Count(t.path, "/") }
	var texts []text
	for _, t := range c.texts {
		if isTable(t, alone) && (t.alone != "" || !alone) {
			texts = append(texts, t)
		}
	}
	if len(texts) == 0 {
		return nil, nil
	}
	if !alone {
		root := slices.MinFunc(texts, func(a, b text) int { return cmp.Compare(depth(a), depth(b)) })
		texts = slices.DeleteFunc(texts, func(t text) bool { return depth(t) > depth(root) })
	}
	more := 0
	for _, t := range texts {
		read, err := readTable(t, columns)
		if err != nil && bad != nil {
			more++
			continue
		}
		if err != nil {
			bad = err
			continue
		}
		tables = append(tables, read)
	}
	if more > 0 {
		bad = fmt.Errorf("%w (and %d more)", bad, more)
	}
	slices.SortStableFunc(tables, func(a, b *table) int { return cmp.Compare(len(b.folder), len(a.folder)) })
	return tables, bad
}

// flat reports whether the images lie in one folder, or in one for each split, so that no folders can be their classes.
func (c *catalog) flat() bool {
	folders := map[split]string{}
	for _, it := range c.items {
		folder, s := path.Dir(it.Name), c.folderSplit(it.Name)
		if other, seen := folders[s]; seen && folder != other {
			return false
		}
		folders[s] = folder
	}
	return true
}

// rule reports whether tables name most of the images, though these lie in several folders, and say other classes than the
// folders do.
func (c *catalog) rule(tables []*table) bool {
	images, found, agree := 0, 0, true
	class, folder := map[string]string{}, map[string]string{} // of a folder, of a class
	for _, it := range c.items {
		if s := c.folderSplit(it.Name); s == testSplit || s == sideSplit {
			continue // they may have no labels
		}
		images++
		for _, t := range tables {
			r, _ := t.find(it.Name)
			if r == nil || !c.applies(t, it.Name) {
				continue
			}
			found++
			in := path.Base(path.Dir(it.Name))
			if _, known := class[in]; !known {
				class[in] = r.class
			}
			if _, known := folder[r.class]; !known {
				folder[r.class] = in
			}
			agree = agree && class[in] == r.class && folder[r.class] == in
			break
		}
	}
	return found > 0 && 2*found >= images && !agree
}

// applies reports whether a table may name an image: one in its folder, and of its split where folders say so.
func (c *catalog) applies(t *table, image string) bool {
	if !strings.HasPrefix(image, t.folder) {
		return false
	}
	return t.split == noSplit || !c.thereIs[t.split] || c.folderSplit(image) == t.split
}

// byTables gives every image the class and the split of its row. A row that says no split leaves it to its table, and that
// to the image's folder.
func (c *catalog) byTables(tables []*table) (*Listing, error) {
	numbers, train, valid := map[string]int32{}, map[string]bool{}, map[string]bool{}
	splits, where, there := make([]split, len(c.items)), map[string]string{}, map[split]bool{}
	for i := range c.items {
		it := &c.items[i]
		t, r, err := c.row(tables, it.Name)
		if err != nil {
			return nil, err
		}
		if r == nil {
			c.drop(i, "not in "+tables[0].path)
			continue
		}
		s, err := r.splitOf()
		if err != nil && r.wrong == "" {
			r.wrong = err.Error()
		}
		if r.wrong != "" {
			c.drop(i, fmt.Sprintf("%s:%d: %s", t.path, r.line, r.wrong))
			continue
		}
		if s == noSplit {
			s = t.split
		}
		if s == noSplit {
			s = c.folderSplit(it.Name)
		}
		n, known := numbers[r.class]
		if !known {
			n = int32(len(numbers))
			numbers[r.class] = n
		}
		it.Label, splits[i], there[s] = n, s, true
		if _, known := where[r.class]; !known && s != noSplit && s != trainSplit {
			where[r.class] = fmt.Sprintf("%s:%d", t.path, r.line)
		}
	}
	val := validates(func(s split) bool { return there[s] })
	classes := slices.Collect(maps.Keys(numbers))
	byNumber := make([]string, len(classes))
	for class, n := range numbers {
		byNumber[n] = class
	}
	for i := range c.items {
		it := &c.items[i]
		switch s := splits[i]; {
		case it.Label == dropped:
		case s == noSplit, s == trainSplit:
			train[byNumber[it.Label]] = true
		case s == val:
			it.Val, valid[byNumber[it.Label]] = true, true
		default:
			c.drop(i, fmt.Sprintf("of the split %s, beside %s", s, val))
		}
	}
	c.unusedRows(tables)
	c.compact()
	if len(c.items) == 0 {
		return nil, fmt.Errorf("%s names none of the images: %s", tables[0].path, c.rejected[len(c.rejected)-1].Cause)
	}
	l := &Listing{Kind: "images with a table of labels"}
	c.onlyInVal(l, train, valid, numbers, func(class string) string {
		return fmt.Sprintf("is in the validation split (%s), but has no training image", where[class])
	})
	if len(train) == 0 {
		return nil, fmt.Errorf("no training image: class %s", l.Faults[0].Problem)
	}
	classes = slices.Sorted(maps.Keys(train))
	sortNumbers(classes)
	return l, c.setClasses(l, classes, numbers)
}

// row is the row of an image, and its table; nil when no table has one. Rows that contradict each other are wrong.
func (c *catalog) row(tables []*table, image string) (*table, *row, error) {
	var t *table
	var r *row
	take := func(in *table, one *row) error {
		if one.used != "" && one.used != image {
			return fmt.Errorf("%s:%d: means both %s and %s: want paths, or a table in the folder of its images, or one that is named as their split",
				in.path, one.line, one.used, image)
		}
		one.used = image
		switch {
		case r == nil:
			t, r = in, one
		case r.class != one.class || r.cut != one.cut || t.split != in.split:
			if r.wrong == "" {
				r.wrong = fmt.Sprintf("%s is said again, and otherwise, in %s:%d", image, in.path, one.line)
			}
		}
		return nil
	}
	if c.folderSplit(image) == sideSplit {
		return nil, nil, nil
	}
	for _, in := range tables {
		if !c.applies(in, image) {
			continue
		}
		one, other := in.find(image)
		if one == nil {
			continue
		}
		if err := take(in, one); err != nil {
			return nil, nil, err
		}
		if other != nil {
			if err := take(in, other); err != nil {
				return nil, nil, err
			}
		}
	}
	return t, r, nil
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
