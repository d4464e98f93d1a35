package source

import (
	"fmt"
	"maps"
	"path"
	"slices"
)

const tableKind = "images with a table of labels"

// table lists images by tables of their labels; nil when there is none, or when images lie in class folders. forced: a
// table is asked for. Tables that are paths of their own count first.
func (c *catalog) table(forced bool, columns []string) (*Listing, error) {
	if len(c.items) == 0 {
		return nil, nil
	}
	tables, bad := c.tables(forced, columns)
	given := slices.ContainsFunc(c.texts, func(t text) bool { return t.alone != "" && isTable(t, true) })
	must, flat := forced || given || len(columns) > 0, c.flat()
	switch {
	case len(tables) == 0 && bad == nil:
		return nil, nil
	case len(tables) == 0 && (must || flat):
		return nil, bad // nothing else labels the images
	case len(tables) == 0:
		c.note(bad.Error())
		return nil, nil
	case !must && !flat && !c.rule(tables):
		return nil, nil
	case bad != nil:
		return nil, fmt.Errorf("%s may be a table of labels, but another one cannot be read: %w: give the right one as a path of its own", tables[0].path, bad)
	}
	for i, t := range tables {
		for _, other := range tables[:i] {
			if t.folder == other.folder && (t.split == noSplit || other.split == noSplit) && (t.alone == "" || other.alone == "") {
				return nil, fmt.Errorf("several tables of labels, %s and %s: give one of them as a path of its own", other.path, t.path)
			}
		}
	}
	return c.byTables(tables)
}

// flat reports whether the images lie in one folder, or in one for each split, so that no folders can be their classes.
func (c *catalog) flat() bool {
	folders := map[split]string{}
	for _, it := range c.items {
		s, _ := c.found.split(it.Name)
		folder := path.Dir(it.Name)
		if other, seen := folders[s]; seen && folder != other {
			return false
		}
		folders[s] = folder
	}
	return true
}

// rule reports whether tables name most of the images, though these lie in several folders, and say more than the folders
// do: other classes, or splits.
func (c *catalog) rule(tables []*table) bool {
	images, found, agree, splits := 0, 0, true, false
	class, folder := map[string]string{}, map[string]string{} // of a folder, of a class
	for _, it := range c.items {
		if s, other := c.found.split(it.Name); s == testSplit || s == sideSplit || other {
			continue // they may have no labels
		}
		images++
		for _, t := range tables {
			r, _ := c.rowIn(t, it.Name)
			if r == nil || !t.named {
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
			splits = splits || len(c.found.of) == 0 && (r.cut != "" || t.split == valSplit || t.split == testSplit)
			break
		}
	}
	use := found > 0 && 2*found >= images && (!agree || splits)
	if !use && (!agree || found == 0 || splits) {
		c.note(fmt.Sprintf("%s names %d of %s with a class of theirs", tables[0].path, found, plural(images, "image")))
	}
	return use
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
		if s, other := c.found.split(it.Name); r == nil && (other || s == testSplit || s == sideSplit) {
			c.setAside(i, "not in "+tables[0].path) // it needs no label
			continue
		} else if r == nil {
			c.drop(i, "not in "+tables[0].path)
			continue
		}
		s, err := r.splitOf()
		if err != nil && r.wrong == "" {
			r.wrong = err.Error()
		}
		if t.trains && r.cut == "" && r.wrong == "" {
			r.wrong = "no split, where other rows have train"
		}
		if r.wrong != "" {
			c.drop(i, fmt.Sprintf("%s:%d: %s", t.path, r.line, r.wrong))
			continue
		}
		if s == noSplit {
			s = t.split
		}
		if s == noSplit && c.foundErr != nil {
			return nil, c.foundErr
		}
		if s == noSplit {
			s, _ = c.found.split(it.Name)
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
		case s == noSplit, s == trainSplit, s == sideSplit:
			train[byNumber[it.Label]] = true
		case s == val:
			it.Val, valid[byNumber[it.Label]] = true, true
		default:
			c.setAside(i, fmt.Sprintf("of the split %s, beside %s", s, val))
		}
	}
	c.unusedRows(tables)
	c.compact()
	if len(c.items) == 0 {
		return nil, fmt.Errorf("%s names none of the images: %s, %s", tables[0].path, c.rejected[0].Cause, c.rejected[len(c.rejected)-1].Cause)
	}
	l := &Listing{Kind: tableKind}
	c.onlyInVal(l, train, valid, numbers, func(class string) string {
		return fmt.Sprintf("is in the validation split (%s), but has no training image", where[class])
	})
	if len(train) == 0 {
		return nil, fmt.Errorf("no training image: class %s", l.Faults[0].Problem)
	}
	return l, c.setClasses(l, classOrder(train), numbers)
}

// row is the row of an image, and its table; nil when no table has one. Rows that contradict each other are wrong.
func (c *catalog) row(tables []*table, image string) (*table, *row, error) {
	var t *table
	var r *row
	for _, in := range tables {
		first, second := c.rowIn(in, image)
		for _, one := range []*row{first, second} {
			switch {
			case one == nil:
				continue
			case one.used != "" && one.used != image:
				return nil, nil, fmt.Errorf("%s:%d: means both %s and %s: want paths below the source, or a table in the folder of its images, or one "+
					"that is named as their split", in.path, one.line, one.used, image)
			case r == nil:
				t, r = in, one
			case (r.class != one.class || r.cut != one.cut || t.split != in.split) && r.wrong == "":
				r.wrong = fmt.Sprintf("%s is said again, and otherwise, in %s:%d", image, in.path, one.line)
			}
			one.used = image
		}
	}
	return t, r, nil
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
