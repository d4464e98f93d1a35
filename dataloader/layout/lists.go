package layout

import (
	"duet/dataloader/picture"
	"fmt"
	"maps"
	"path"
	"strconv"
	"strings"
	"unicode"
)

// ilsvrcLabels is what the texts of a source say of validation images and class names.
type ilsvrcLabels struct {
	list  map[string]listed // file name without ending -> class
	truth []int             // ILSVRC2012_ID by image number - 1
	wnids map[int]string    // by ILSVRC2012_ID; nil: no meta.mat
	names map[string]string // by WordNet ID
	where string            // of truth
	used  map[string]bool   // the texts that say anything, by path
	err   error             // the first thing that is wrong with a text
}

type listed struct {
	wnid, where string
	twice       error // it is of another class elsewhere
}

// listKey is the name by which lists give an image.
func listKey(p string) string {
	base := path.Base(p)
	if picture.IsNamed(base) {
		base = base[:len(base)-len(path.Ext(base))]
	}
	return base
}

// of is the WordNet ID of a validation image, or the cause why it alone has none.
func (x *ilsvrcLabels) of(name string) (wnid, cause string, err error) {
	if l, ok := x.list[listKey(name)]; ok {
		return l.wnid, "", l.twice
	}
	switch {
	case x.truth == nil && len(x.list) > 0:
		return "", "not in the list of validation images", nil
	case x.truth == nil:
		return "", "", fmt.Errorf("validation images (such as %s), but nothing that gives their labels: %s", name,
			ilsvrcSolving)
	case x.wnids == nil:
		return "", "", fmt.Errorf("%s gives numbers of classes, but no meta.mat says which they are: %s", x.where,
			ilsvrcSolving)
	}
	match := ilsvrcVal.FindStringSubmatch(path.Base(name))
	if match == nil {
		return "", "no number in the name, by which the ground truth gives its class", nil
	}
	k, err := strconv.Atoi(match[1])
	if err != nil || k < 1 || k > len(x.truth) {
		return "", fmt.Sprintf("%s has %d lines: none for image %d", x.where, len(x.truth), k), nil
	}
	id := x.truth[k-1]
	if wnid = x.wnids[id]; wnid == "" {
		return "", "", fmt.Errorf("%s:%d: class %d is not in meta.mat", x.where, k, id)
	}
	return wnid, "", nil
}

// ilsvrcTexts reads the texts for what they say of ILSVRC2012; others are passed over.
func (s *Survey) ilsvrcTexts() *ilsvrcLabels {
	x := &ilsvrcLabels{list: map[string]listed{}, names: map[string]string{}, used: map[string]bool{}}
	fromMeta, metaAt := map[string]string{}, ""
	for _, t := range s.texts {
		var err error
		switch {
		case isMeta(t.Name) && metaAt != "":
			err = fmt.Errorf("%s and %s: keep one of them", metaAt, t.Name)
		case isMeta(t.Name):
			var synsets []synset
			if synsets, err = readMeta(t.data); err != nil {
				err = fmt.Errorf("%s: %w", t.Name, err)
				break
			}
			metaAt, x.wnids = t.Name, map[int]string{}
			for _, one := range synsets {
				if x.wnids[one.id] != "" {
					err = fmt.Errorf("%s: two classes are number %d", t.Name, one.id)
				}
				x.wnids[one.id], fromMeta[one.wnid] = one.wnid, one.words
			}
		case ilsvrcTruth.MatchString(path.Base(t.Name)) && x.truth != nil:
			err = fmt.Errorf("%s and %s: keep one of them", x.where, t.Name)
		case ilsvrcTruth.MatchString(path.Base(t.Name)):
			err = x.readTruth(t)
		case ending(t.Name) != ".tsv":
			x.used[t.Name], err = x.readList(t)
		}
		if x.err == nil {
			x.err = err
		}
	}
	maps.Copy(fromMeta, x.names)
	x.names = fromMeta
	return x
}

// readTruth reads the ground truth: a number a line.
func (x *ilsvrcLabels) readTruth(t text) error {
	lines, err := t.lines()
	if err != nil {
		return err
	}
	x.where, x.truth = t.Name, make([]int, len(lines))
	for i, line := range lines {
		if x.truth[i], err = strconv.Atoi(line); err != nil || x.truth[i] < 1 {
			return fmt.Errorf("%s:%d: %.40q: want the number of a class, 1 or more", t.Name, i+1, line)
		}
	}
	return nil
}

// readList reads a list of validation images ("IMAGE WNID ..." a line, by spaces, tabs or a comma) or of classes ("WNID
// NAME" a line). A text whose first lines are neither is something else.
func (x *ilsvrcLabels) readList(t text) (used bool, err error) {
	const images, classes = "IMAGE WNID", "WNID NAME"
	lines, err := t.lines()
	if err != nil {
		return false, nil // not one of these lists; a table is read again as one
	}
	kind, wrong := "", 0
	for i, line := range lines {
		first, rest := cutField(line)
		second, _ := cutField(rest)
		switch {
		case line == "":
		case isWNID(first) && strings.IndexFunc(rest, unicode.IsLetter) >= 0 && kind != images:
			kind = classes
			x.names[first] = rest
		case isWNID(second) && kind != classes:
			kind = images
			key := listKey(first)
			one := listed{wnid: second, where: fmt.Sprintf("%s:%d", t.Name, i+1)}
			if old, again := x.list[key]; again && old.wnid != second {
				one.twice = fmt.Errorf("%s: %s is of class %s, but of %s in %s", one.where, first, second, old.wnid, old.where)
			}
			x.list[key] = one
		case i == 0: // a header
		case kind == "":
			if wrong++; wrong > 10 {
				return false, nil
			}
		case isWNID(first): // a class without a name, or with a number
		default:
			return true, fmt.Errorf("%s:%d: %.60q: want %s", t.Name, i+1, line, kind)
		}
	}
	return kind != "", nil
}

// cutField is the first field of a line that is separated by spaces, tabs or a comma, and the rest.
func cutField(line string) (field, rest string) {
	at := strings.IndexAny(line, " \t,")
	if at < 0 {
		return line, ""
	}
	return line[:at], strings.TrimLeft(line[at+1:], " \t,")
}
