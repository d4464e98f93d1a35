package layout

import (
	"cmp"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"

	"duet/dataloader/picture"
)

// ilsvrcLabels is what the texts of a source say of validation images and class names.
type ilsvrcLabels struct {
	list  map[string]string // WordNet ID by the name of an image without its ending
	truth []int             // ILSVRC2012_ID by image number - 1
	wnids map[int]string    // by ILSVRC2012_ID; nil: no meta.mat
	names map[string]string // by WordNet ID
	used  map[string]bool   // the texts that say anything, by path
	err   error             // the first thing that is wrong with a text
}

const maxTruth = 1 << 20 // images

// listKey is the name by which lists give an image.
func listKey(p string) string {
	base := path.Base(p)
	if picture.IsNamed(base) {
		base = base[:len(base)-len(path.Ext(base))]
	}
	return base
}

// ilsvrcTexts reads the texts for what they say of ILSVRC2012; others are passed over.
func (s *Survey) ilsvrcTexts() *ilsvrcLabels {
	x := &ilsvrcLabels{list: map[string]string{}, names: map[string]string{}, used: map[string]bool{}}
	for _, t := range s.texts {
		var err error
		switch {
		case isMeta(t.Name):
			err = x.readMeta(t)
		case ilsvrcTruth.MatchString(path.Base(t.Name)):
			err = x.readTruth(t)
		case ending(t.Name) != ".tsv":
			x.used[t.Name], err = x.readList(t)
		}
		x.err = cmp.Or(x.err, err)
	}
	if x.truth != nil && x.wnids == nil {
		x.err = cmp.Or(x.err, fmt.Errorf("a ground truth gives numbers of classes, but no meta.mat says which they are: %s",
			ilsvrcSolving))
	}
	for k, id := range x.truth {
		name := fmt.Sprintf("ILSVRC2012_val_%08d", k+1)
		if x.wnids[id] == "" {
			x.err = cmp.Or(x.err, fmt.Errorf("%s is of class %d, which is not in meta.mat", name, id))
		}
		x.list[name] = cmp.Or(x.list[name], x.wnids[id])
	}
	return x
}

// readMeta reads which class has which number, and what those are called that no list names.
func (x *ilsvrcLabels) readMeta(t text) error {
	synsets, err := readMeta(t.data)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	if x.wnids != nil {
		return fmt.Errorf("%s is one of two: keep one of them", t.Name)
	}
	x.wnids = map[int]string{}
	for _, one := range synsets {
		if x.wnids[one.id] != "" {
			return fmt.Errorf("%s: two classes are number %d", t.Name, one.id)
		}
		x.wnids[one.id] = one.wnid
		x.names[one.wnid] = cmp.Or(x.names[one.wnid], one.words)
	}
	return nil
}

// readTruth reads the ground truth: a number a line.
func (x *ilsvrcLabels) readTruth(t text) error {
	lines, err := t.lines()
	switch {
	case err != nil:
		return err
	case x.truth != nil:
		return fmt.Errorf("%s is one of two: keep one of them", t.Name)
	case len(lines) > maxTruth:
		return fmt.Errorf("%s: %d lines: want at most %d", t.Name, len(lines), maxTruth)
	}
	x.truth = make([]int, len(lines))
	for i, line := range lines {
		if x.truth[i], err = strconv.Atoi(line); err != nil || x.truth[i] < 1 {
			return fmt.Errorf("%s:%d: %.40q: want the number of a class, 1 or more", t.Name, i+1, line)
		}
	}
	return nil
}

// readList reads a list of validation images ("IMAGE WNID ..." a line, by spaces, tabs or a comma) or of classes ("WNID
// NAME" a line), perhaps below a header. A text that begins otherwise is something else.
func (x *ilsvrcLabels) readList(t text) (used bool, err error) {
	lines, err := t.lines()
	if err != nil {
		return false, nil // not one of these lists; a table is read again as one
	}
	for i, line := range lines {
		first, rest := cutField(line)
		wnid, _ := cutField(rest)
		switch {
		case isWNID(first):
			if strings.IndexFunc(rest, unicode.IsLetter) >= 0 {
				x.names[first], used = rest, true
			}
		case isWNID(wnid):
			used = true
			if old := x.list[listKey(first)]; old != "" && old != wnid {
				return true, fmt.Errorf("%s:%d: %s is of class %s, but of %s before", t.Name, i+1, first, wnid, old)
			}
			x.list[listKey(first)] = wnid
		case line == "" || i == 0:
		case !used:
			return false, nil
		default:
			return true, fmt.Errorf("%s:%d: %.60q: want IMAGE WNID, or WNID NAME", t.Name, i+1, line)
		}
	}
	return used, nil
}

// cutField is the first field of a line that is separated by spaces, tabs or a comma, and the rest.
func cutField(line string) (field, rest string) {
	at := strings.IndexAny(line, " \t,")
	if at < 0 {
		return line, ""
	}
	return line[:at], strings.TrimLeft(line[at+1:], " \t,")
}
