package layout

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"duet/dataloader/tree"
)

// Table lists images by a table of their labels, or by one for each split: by those that are paths of their own, else
// by those among the images that name any. Where the images lie in several folders, a table has to be asked for.
func Table(s *Survey) (*Listing, error) {
	if len(s.images) == 0 {
		return nil, &NotThis{}
	}
	given := slices.ContainsFunc(s.texts, text.givenTable)
	must, flat := given || s.Format == "csv", s.flat()
	tables, notes, bad := s.readTables(given, !must && !flat)
	switch {
	case bad != nil && (given || len(tables) == 0 && (must || flat)):
		return nil, bad
	case len(tables) == 0:
		return nil, &NotThis{Notes: notes}
	case !must && !flat:
		return nil, Advise("%s labels images that lie in folders of their own (such as %s): --format csv takes its labels, "+
			"--format folders the folders for classes", tables[0].Name, s.images[0].Name)
	}
	for i, t := range tables {
		for _, other := range tables[:i] {
			if t.split == other.split || t.split == noSplit || other.split == noSplit {
				return nil, Advise("several tables of labels, %s and %s: give one of them as a path of its own, or one for each "+
					"split, such as train.csv and val.csv", cmp.Or(other.alone, other.Name), cmp.Or(t.alone, t.Name))
			}
		}
	}
	l, err := s.byTables(tables, notes)
	if err != nil && bad != nil {
		err = Advise("%w (not used: %w: give the right table as a path of its own)", err, bad)
	}
	return l, err
}

// readTables reads those that are given, or all. Such as have no header may be bad ones. bad is what is wrong with the
// first that is not among the tables.
func (s *Survey) readTables(given, headed bool) (tables []*table, notes []string, bad error) {
	for _, t := range s.texts {
		if given && !t.givenTable() || !given && !t.isTable() {
			continue
		}
		x, err := readTable(t, s.Columns)
		if err == nil {
			in, _ := s.splits.at(t.Name)
			x.split = cmp.Or(splitOf(strings.TrimSuffix(path.Base(t.Name), path.Ext(t.Name))), in)
			if !slices.ContainsFunc(s.images, func(e *tree.Entry) bool { return len(x.in(s.splits, e.Name)) > 0 }) {
				err = fmt.Errorf("%s names none of the images: it has %s, want %s or the end of such a path", t.Name,
					x.rows[len(x.rows)-1].file, s.images[0].Name)
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
	return t.alone != "" && !t.isTruth()
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

// byTables gives every image the class and the split of its row. A row that says no split leaves it to its table, and
// that to the image's folder.
func (s *Survey) byTables(tables []*table, notes []string) (*Listing, error) {
	d := s.draft("images with a table of labels")
	d.Notes = notes
	if err := d.take(s.images, func(e *tree.Entry) (a answer, err error) {
		r, err := rowOf(tables, s.splits, e.Name)
		in, outside := s.splits.at(e.Name)
		switch {
		case err != nil:
			return a, err
		case r == nil:
			return answer{cause: "not in " + tables[0].Name, aside: outside || in == testSplit}, nil // which need no label
		case r.wrong == "" && r.of.trains && r.cut == "":
			r.wrong = "no split, where other rows have train"
		}
		if r.wrong != "" {
			return answer{cause: r.at() + ": " + r.wrong}, nil
		}
		if a = (answer{class: r.class, is: cmp.Or(splitOf(r.cut), r.of.split, in)}); a.is == noSplit {
			err = s.unclear
		}
		return a, err
	}); err != nil {
		return nil, err
	}
	if len(d.Items) == 0 {
		last := d.Rejected[len(d.Rejected)-1]
		return nil, fmt.Errorf("no image has a label that is to be used (such as %s: %s)", last.File, last.Cause)
	}
	for _, t := range tables {
		for i, r := range t.rows {
			switch {
			case r.used != "":
			case i == 0 && t.hasOddHeader():
				d.Notes = append(d.Notes, fmt.Sprintf("%s: %s,%s, taken for the names of columns", r.at(), r.file, r.class))
			default:
				d.Rejected = append(d.Rejected, Rejected{File: r.at(), Cause: cmp.Or(r.wrong, "no image "+r.file)})
			}
		}
	}
	d.faultUntrained()
	return d.finish()
}

// hasOddHeader reports whether the first row of a table without the usual names is a header with others: its file is
// not there, while those of all other rows are, and none of these has its label.
func (t *table) hasOddHeader() bool {
	return !t.header && !slices.ContainsFunc(t.rows[1:], func(r *row) bool {
		return r.used == "" || r.class == t.rows[0].class
	})
}

// rowOf is the row of an image; nil when no table has one. Rows that contradict each other are wrong.
func rowOf(tables []*table, s *splits, image string) (r *row, err error) {
	for _, t := range tables {
		for _, one := range t.in(s, image) {
			switch {
			case one.used != "" && one.used != image:
				return nil, Advise("%s: means both %s and %s: want paths below the source, or a table for each split",
					one.at(), one.used, image)
			case r == nil:
				r = one
			default:
				r.agree(one)
			}
			one.used = image
		}
	}
	return r, nil
}
