package source

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"
)

// ilsvrcTexts reads the catalog's texts for what they say of ILSVRC2012; others are passed over.
func (c *catalog) ilsvrcTexts() *ilsvrcLabels {
	x := &ilsvrcLabels{list: map[string]listed{}, names: map[string]string{}, used: map[string]bool{}}
	metaNames := map[string]string{}
	metaAt := ""
	for _, t := range c.texts {
		var err error
		switch base := path.Base(t.path); {
		case isMeta(t.path):
			var synsets []synset
			if synsets, err = readMeta(t.data); err != nil {
				err = under(t.path, err)
				break
			}
			if metaAt != "" {
				err = fmt.Errorf("%s and %s: keep one of them", metaAt, t.path)
				break
			}
			metaAt, x.wnids = t.path, map[int]string{}
			for _, s := range synsets {
				if x.wnids[s.id] != "" {
					err = fmt.Errorf("%s: two classes are number %d", t.path, s.id)
				}
				x.wnids[s.id], metaNames[s.wnid] = s.wnid, s.words
			}
		case ilsvrcTruth.MatchString(base):
			if x.truth != nil {
				err = fmt.Errorf("%s and %s: keep one of them", x.where, t.path)
				break
			}
			err = x.readTruth(t)
		case ending(base) == ".txt" || ending(base) == ".csv":
			x.used[t.path], err = x.readList(t)
		}
		if x.err == nil {
			x.err = err
		}
	}
	for wnid, words := range metaNames {
		if x.names[wnid] == "" {
			x.names[wnid] = words
		}
	}
	return x
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
func (x *ilsvrcLabels) readList(t text) (used bool, err error) {
	lines, err := t.lines()
	if err != nil {
		return false, nil // not one of these lists; a table is read again as one
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
			one := listed{wnid: second, where: fmt.Sprintf("%s:%d", t.path, i+1)}
			if old, again := x.list[key]; again && old.wnid != second {
				one.twice = fmt.Errorf("%s: %s is of class %s, but of %s in %s", one.where, first, second, old.wnid, old.where)
			}
			x.list[key] = one
		case i == 0: // a header
		case kind == 0:
			if wrong++; wrong > 10 {
				return false, nil
			}
		case isWNID(first): // a class without a name, or with a number
		default:
			return true, fmt.Errorf("%s:%d: %.60q: want %s", t.path, i+1, line, [3]string{1: "IMAGE WNID", 2: "WNID NAME"}[kind])
		}
	}
	return kind != 0, nil
}

// cutField is the first field of a line that is separated by spaces, tabs or a comma, and the rest.
func cutField(line string) (field, rest string) {
	at := strings.IndexAny(line, " \t,")
	if at < 0 {
		return line, ""
	}
	return line[:at], strings.TrimLeft(line[at+1:], " \t,")
}
