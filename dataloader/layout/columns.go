package layout

import (
	"fmt"
	"strings"
)

// The names of the columns of a table of labels, in any case; of several the first in this order is taken.
var (
	fileColumns  = []string{"file", "filename", "file_name", "path", "image", "image_id", "id"}
	labelColumns = []string{"label", "class", "category"}
	// otherSplits are names that may well be of splits, and are refused rather than left out.
	otherSplits = []string{"set", "subset", "partition", "is_val", "is_validation", "is_test", "is_train", "is_valid"}
)

// columns are where a table has its files, labels and splits; split is -1 where it has none.
type columns struct {
	file, label, split int
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
	if len(asked) > 0 {
		for _, name := range asked {
			if find(name) < 0 {
				return c, fmt.Errorf("columns %q: no column %q, which is asked for", record, name)
			}
		}
		return columns{find(asked[0]), find(asked[1]), find(asked[2:]...), true}, nil
	}
	c = columns{find(fileColumns...), find(labelColumns...), find("split"), true}
	switch at := find(otherSplits...); {
	case c.file < 0 && c.label < 0 && len(record) == 2:
		return columns{file: 0, label: 1, split: -1}, nil
	case c.file < 0 || c.label < 0:
		return c, Advise("columns %q: want one of %s and one of %s, with a comma, a tab or a semicolon between, or "+
			"two columns without a header, or the names of others (--columns FILE,LABEL)", record,
			strings.Join(fileColumns, ", "), strings.Join(labelColumns, ", "))
	case at >= 0:
		return c, Advise("columns %q: is %q of splits? Name it split, with train, val and test in it, or leave it out by "+
			"--columns FILE,LABEL or FILE,LABEL,SPLIT", record, record[at])
	}
	return c, nil
}
