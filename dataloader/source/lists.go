package source

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"
)

// ilsvrcTexts reads the catalog's texts for what they say of ILSVRC2012; others are passed over.
func (c *catalog) ilsvrcTexts() (*ilsvrcLabels, error) {
	x := &ilsvrcLabels{list: map[string]listed{}, names: map[string]string{}}
	metaNames := map[string]string{}
	metaAt := ""
	for _, t := range c.texts {
		switch base := path.Base(t.path); {
		case isMeta(t.path):
			synsets, err := readMeta(t.data)
			if err != nil {
				return nil, under(t.path, err)
			}
			if metaAt != "" {
				return nil, fmt.Errorf("%s and %s: keep one of them", metaAt, t.path)
			}
			metaAt, x.wnids = t.path, map[int]string{}
			for _, s := range synsets {
				if x.wnids[s.id] != "" {
					return nil, fmt.Errorf("%s: two classes are number %d", t.path, s.id)
				}
				x.wnids[s.id], metaNames[s.wnid] = s.wnid, s.words
			}
		case ilsvrcTruth.MatchString(base):
			if x.truth != nil {
				return nil, fmt.Errorf("%s and %s: keep one of them", x.where, t.path)
			}
			if err := x.readTruth(t); err != nil {
				return nil, err
			}
		case ending(base) == ".txt" || ending(base) == ".csv":
			if err := x.readList(t); err != nil {
				return nil, err
			}
		}
	}
	for wnid, words := range metaNames {
		if x.names[wnid] == "" {
			x.names[wnid] = words
		}
	}
	return x, nil
}

// readTruth reads the ground truth: a number a line.
func (x *ilsvrcLabels) readTruth(t text) error {
	lines, err := t.lines()
	if err != nil {
		return err
	}
	x.where, x.truth = t.path, make([]int, len(lines))
	for i, line := range lines {
		if x.truth[i], err = strconv.Atoi(line); err != nil || x.truth[i] < 1 {
			return fmt.Errorf("%s:%d: %.40q: want the number of a class, 1 or more", t.path, i+1, line)
		}
	}
	return nil
}

// readList reads a list of validation images ("IMAGE WNID ..." a line, by spaces, tabs or a comma) or of classes
// ("WNID NAME" a line). A text whose first lines are neither is something else.
func (x *ilsvrcLabels) readList(t text) error {
	lines, err := t.lines()
	if err != nil {
		return nil // not one of these lists; a table is read again as one
	}
	kind, wrong := 0, 0
	for i, line := range lines {
		first, rest := cutField(line)
		second, _ := cutField(rest)
		switch {
		case line == "":
		case isWNID(first) && strings.IndexFunc(rest, unicode.IsLetter) >= 0 && kind != 1:
			kind = 2
			x.names[first] = rest
		case isWNID(second) && kind != 2:
			kind = 1
			key := listKey(first)
			if old, twice := x.list[key]; twice && old.wnid != second {
				return fmt.Errorf("%s:%d: %s is of class %s, but of %s in %s", t.path, i+1, first, second, old.wnid, old.where)
			}
			x.list[key] = listed{second, fmt.Sprintf("%s:%d", t.path, i+1)}
		case i == 0: // a header
		case kind == 0:
			if wrong++; wrong > 10 {
				return nil
			}
		case isWNID(first): // a class without a name, or with a number
		default:
			return fmt.Errorf("%s:%d: %.60q: want %s", t.path, i+1, line, [3]string{1: "IMAGE WNID", 2: "WNID NAME"}[kind])
		}
	}
	return nil
}

// cutField is the first field of a line that is separated by spaces, tabs or a comma, and the rest.
func cutField(line string) (field, rest string) {
	at := strings.IndexAny(line, " \t,")
	if at < 0 {
		return line, ""
	}
	return line[:at], strings.TrimLeft(line[at+1:], " \t,")
}
