package layout

import (
	"fmt"
	"strings"
)

// The names of the columns of a table of labels, in any case; of several the first in this order is taken.
var (
	fileColumns  = []string{"file", "filename", "file_name", "path", "image", "image_id", "id"}
	labelColumns = []string{"label", "class", "category"}
	splitColumns = []string{"split", flagColumn}
	// otherSplits are names that may well be of splits, and are refused rather than left out.
	otherSplits = []string{"set", "subset", "partition", "is_val", "is_validation", "is_test", "is_train"}
)

// flagColumn is of true and false.
const flagColumn = "is_valid"

// columns are where a table has its files, labels and splits; split is -1 where it has none.
type columns struct {
	file, label, split int
	flag               bool // split is a flagColumn
	header             bool // the first record has their names
}

// findColumns finds the columns of the given names, or of the usual ones. A first record of two fields without any of
// these names is a row.
func findColumns(record, asked []string) (c columns, err error) {
	find := func(names ...string) int {
		for _, name := range names {
			for i, cell := range record {
				if strings.EqualFold(strings.TrimSpace(cell), name) {
					return i
				}
			}
		}
		return -1
	}
	if len(record) == 1 {
		return c, fmt.Errorf("%q is one column: want at least a file and its label, with a comma, a tab or a semicolon "+
			"between", record[0])
	}
	for _, name := range asked {
		if find(name) < 0 {
			return c, fmt.Errorf("columns %q: no column %q, which is asked for", record, name)
		}
	}
	switch len(asked) {
	case 3:
		c = columns{file: find(asked[0]), label: find(asked[1]), split: find(asked[2]), header: true}
	case 2:
		c = columns{file: find(asked[0]), label: find(asked[1]), split: -1, header: true}
	default:
		c = columns{file: find(fileColumns...), label: find(labelColumns...), split: find(splitColumns...), header: true}
		at := find(otherSplits...)
		switch {
		case c.file < 0 && c.label < 0 && len(record) == 2:
			return columns{file: 0, label: 1, split: -1}, nil
		case c.file < 0 || c.label < 0:
			return c, Advise("columns %q: want one of %s and one of %s, or two columns without a header, or the names of "+
				"others (--columns FILE,LABEL)", record, strings.Join(fileColumns, ", "), strings.Join(labelColumns, ", "))
		case at >= 0:
			return c, Advise("columns %q: is %q of splits? Name it split, with train, val and test in it, or --columns "+
				"FILE,LABEL leaves it out", record, record[at])
		}
	}
	c.flag = c.split >= 0 && strings.EqualFold(strings.TrimSpace(record[c.split]), flagColumn)
	return c, nil
}

// cut is the split that a record says, as it stands there; "" where it says none, which leaves it to the image's
// folder.
func (c columns) cut(record []string) (cut, wrong string) {
	if c.split < 0 {
		return "", ""
	}
	cut = strings.TrimSpace(record[c.split])
	if !c.flag {
		if cut != "" && splitOf(cut) == noSplit {
			wrong = fmt.Sprintf("split %q: want train, val or test", cut)
		}
		return cut, wrong
	}
	switch strings.ToLower(cut) {
	case "true", "t", "yes", "y", "1", "1.0":
		return "val", ""
	case "", "false", "f", "no", "n", "0", "0.0":
		return "", ""
	}
	return "", fmt.Sprintf("%q: want true or false", cut)
}
