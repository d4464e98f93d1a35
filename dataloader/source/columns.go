package source

import (
	"fmt"
	"slices"
	"strings"
)

// The names of the columns of a table of labels, in any case; of several the first in this order is taken.
var (
	fileColumns  = []string{"file", "filename", "file_name", "filepath", "path", "image", "name", "image_id", "id"}
	labelColumns = []string{"label", "class", "category", "wnid", "target"}
	splitColumns = []string{"split", "set", "subset", "partition", "is_valid", "is_val", "is_validation", "is_test", "is_train"}
)

// flagged are the splits that columns of true and false stand for.
var flagged = map[string]split{"is_valid": valSplit, "is_val": valSplit, "is_validation": valSplit, "is_test": testSplit, "is_train": trainSplit}

// columns finds the columns in a header: those of the given names, or of the usual ones; of two columns the one that has
// another name is what is missing. file is -1 when the record is no header, but a row of two.
func columns(record, named []string) (file, label, split int, err error) {
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
		return 0, 0, 0, fmt.Errorf("%q is one column: want at least a file and its label, with a comma, a tab or a semicolon between", record[0])
	}
	if len(named) > 0 {
		at := [3]int{0, 0, -1}
		for i, name := range named {
			if at[i] = find(name); at[i] < 0 {
				return 0, 0, 0, fmt.Errorf("columns %q: no column %q, which is asked for", record, name)
			}
		}
		return at[0], at[1], at[2], nil
	}
	file, label, split = find(fileColumns...), find(labelColumns...), find(splitColumns...)
	switch {
	case file >= 0 && label >= 0:
		return file, label, split, nil
	case len(record) == 2 && file < 0 && label < 0:
		return -1, -1, -1, nil
	case len(record) == 2 && split < 0:
		if id := find("image_id", "id"); id >= 0 && label < 0 {
			return id, 1 - id, -1, nil // "id,name"
		}
		if file < 0 {
			return 1 - label, label, -1, nil
		}
		return file, 1 - file, -1, nil
	}
	return 0, 0, 0, fmt.Errorf("columns %q: want one of %s and one of %s, or two columns without a header, or the names of others (--columns FILE,LABEL)", record,
		strings.Join(fileColumns, ", "), strings.Join(labelColumns, ", "))
}

// idleSplits is the name of a column of splits in a header, other than those of files and labels; "" when there is none.
func idleSplits(record []string, file, label int) string {
	for i, cell := range record {
		if name := strings.TrimSpace(cell); i != file && i != label && slices.Contains(splitColumns, strings.ToLower(name)) {
			return name
		}
	}
	return ""
}

// flags are the columns of a header that say yes or no to a split: of one that is named, that alone, else all of them when
// the column of splits is one.
func flags(record []string, column int, named bool) []flagColumn {
	of := func(i int) split { return flagged[strings.ToLower(strings.TrimSpace(record[i]))] }
	if column < 0 || of(column) == noSplit {
		return nil
	}
	var all []flagColumn
	for i := range record {
		if of(i) != noSplit && (i == column || !named) {
			all = append(all, flagColumn{i, of(i)})
		}
	}
	return all
}

// A flagColumn says yes or no to a split.
type flagColumn struct {
	at    int
	split split
}

// unflag is the split that the columns of flags say yes to, "" for none: then the image's folder says it. No to training alone
// is yes to testing.
func (t *table) unflag(record []string) (cut, wrong string) {
	for _, f := range t.flags {
		cell, s := strings.TrimSpace(record[f.at]), f.split
		switch strings.ToLower(cell) {
		case "true", "t", "yes", "y", "1", "1.0":
		case "":
			continue
		case "false", "f", "no", "n", "0", "0.0":
			if s != trainSplit || len(t.flags) > 1 {
				continue
			}
			s = testSplit
		default:
			return "", fmt.Sprintf("%q: want true or false", cell)
		}
		if cut != "" && cut != s.String() {
			return "", fmt.Sprintf("of the splits %s and %s", cut, s)
		}
		cut = s.String()
	}
	return cut, ""
}
