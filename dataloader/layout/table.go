package layout

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"duet/dataloader/tree"
)

// Table lists images by tables of their labels: by those that are paths of their own, else by those among the images
// that name any. Where the images lie in several folders, a table has to be asked for.
func Table(s *Survey) (*Listing, error) {
	if len(s.images) == 0 {
		return nil, &NotThis{}
	}
	given := slices.ContainsFunc(s.texts, text.givenTable)
	must, flat := given || s.Format == "csv", s.flat()
	tables, notes, bad := s.readTables(given, !must, !must && !flat)
	switch {
	case bad != nil && (given || len(tables) == 0 && (must || flat)):
		return nil, bad
	case len(tables) == 0:
		return nil, &NotThis{Notes: notes}
	case !must && !flat:
		return nil, Advise("%s labels images that lie in folders of their own (such as %s): --format csv takes its labels, "+
			"--format folders the folders for classes", tables[0].Name, s.images[0].Name)
	}
	innermost := func(a, b *table) int { return cmp.Compare(len(b.folder), len(a.folder)) }
	slices.SortStableFunc(tables, innermost)
	for i, t := range tables {
		for _, other := range tables[:i] {
			if t.folder == other.folder && (t.split == noSplit || other.split == noSplit) && !given {
				return nil, Advise("several tables of labels, %s and %s: give one of them as a path of its own", other.Name, t.Name)
			}
		}
	}
	l, err := s.byTables(tables, notes)
	if err != nil && bad != nil {
		err = Advise("%w (not used: %w: give the right table as a path of its own)", err, bad)
	}
	return l, err
}

// readTables reads those that are given, or all. Such as name no image, or have no header, may be bad ones: bad is what
// is wrong with the first.
func (s *Survey) readTables(given, naming, headed bool) (tables []*table, notes []string, bad error) {
	for _, t := range s.texts {
		if given && !t.givenTable() || !given && !t.isTable() {
			continue
		}
		x, err := readTable(t, s.Columns)
		if err == nil {
			x.scope(s)
			if naming && !slices.ContainsFunc(s.images, func(e *tree.Entry) bool { return len(x.in(s.splits, e.Name)) > 0 }) {
				err = fmt.Errorf("%s names none of the images", t.Name)
			} else if headed && !x.header {
				err = Advise("%s, beside images in folders of their own: --format csv takes it for a table of their labels", t.Name)
			}
		}
		if err != nil {
			notes, bad = append(notes, err.Error()), cmp.Or(bad, err)
		} else {
			tables = append(tables, x)
		}
	}
	return tables, notes, bad
}

// givenTable reports whether a text is a path of its own that may be a table: a .txt too, which else is none.
func (t text) givenTable() bool {
	return t.alone != "" && !isMeta(t.Name) && !ilsvrcTruth.MatchString(path.Base(t.Name))
}

// flat reports whether the images lie in one folder, or in one for each split, so that no folders can be their classes.
func (s *Survey) flat() bool {
	folders := map[split]string{}
	for _, e := range s.images {
		is, _ := s.splits.at(e.Name)
		folder := path.Dir(e.Name)
		if other, seen := folders[is]; seen && folder != other {
			return false
		}
		folders[is] = folder
	}
	return true
}

// scope finds which images a table may name: those below its folder, if there are any, or all when it was given as a
// path of its own; and of which split they are by its name, by the split's folder that it is in, or by the folder that
// one of several given ones comes from.
func (t *table) scope(s *Survey) {
	at := t.Name
	folder := at[:strings.LastIndexByte(at, '/')+1]
	if t.alone != "" {
		at = filepath.ToSlash(t.alone)
	} else if slices.ContainsFunc(s.images, func(e *tree.Entry) bool { return strings.HasPrefix(e.Name, folder) }) {
		t.folder = folder
	}
	base := path.Base(at)
	if t.split = splitOf(strings.TrimSuffix(base, path.Ext(base))); t.split != noSplit {
		return
	}
	if t.alone == "" {
		t.split, _ = s.splits.at(t.Name)
	} else if slices.ContainsFunc(s.texts, func(o text) bool { return o.Name == t.Name && o.alone != t.alone }) {
		t.split = splitOf(path.Base(path.Dir(at)))
	}
}

// byTables gives every image the class and the split of its row. A row that says no split leaves it to its table, and
// that to the image's folder.
func (s *Survey) byTables(tables []*table, notes []string) (*Listing, error) {
	d := s.draft("images with a table of labels")
	d.Notes = append(d.Notes, notes...)
	if err := d.take(s.images, func(e *tree.Entry) (a answer, err error) {
		t, r, err := rowOf(tables, s.splits, e.Name)
		in, outside := s.splits.at(e.Name)
		switch {
		case err != nil:
			return a, err
		case r == nil:
			return answer{cause: "not in " + tables[0].Name, aside: outside || in == testSplit}, nil // which need no label
		case r.wrong == "" && t.trains && r.cut == "":
			r.wrong = "no split, where other rows have train"
		}
		if r.wrong != "" {
			return answer{cause: fmt.Sprintf("%s:%d: %s", t.Name, r.line, r.wrong)}, nil
		}
		if a = (answer{class: r.class, is: cmp.Or(splitOf(r.cut), t.split, in)}); a.is == noSplit {
			err = s.unclear
		}
		return a, err
	}); err != nil {
		return nil, err
	}
	for _, t := range tables {
		t.unused(d)
	}
	if len(d.Items) == 0 {
		return nil, fmt.Errorf("%s names none of the images: %s, %s", tables[0].Name, d.Rejected[0].Cause,
			d.Rejected[len(d.Rejected)-1].Cause)
	}
	d.faultUntrained()
	return d.finish()
}

// rowOf is the row of an image, and its table; nil when no table has one. Rows that contradict each other are wrong.
func rowOf(tables []*table, s *splits, image string) (t *table, r *row, err error) {
	for _, in := range tables {
		for _, one := range in.in(s, image) {
			switch {
			case one.used != "" && one.used != image:
				return nil, nil, Advise("%s:%d: means both %s and %s: want paths below the source, or a table in the folder of "+
					"its images, or one that is named as their split", in.Name, one.line, one.used, image)
			case r == nil:
				t, r = in, one
			case (r.class != one.class || r.cut != one.cut || t.split != in.split) && r.wrong == "":
				r.wrong = fmt.Sprintf("%s is said again, and otherwise, in %s:%d", image, in.Name, one.line)
			}
			one.used = image
		}
	}
	return t, r, nil
}

// unused rejects the rows that name no image, in the order of their lines.
func (t *table) unused(d *draft) {
	var all []*row
	for file, r := range t.rows {
		if r.used == "" {
			r.wrong = cmp.Or(r.wrong, "no image "+file)
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *row) int { return cmp.Compare(a.line, b.line) })
	for _, r := range all {
		d.reject(fmt.Sprintf("%s:%d", t.Name, r.line), r.wrong)
	}
}
