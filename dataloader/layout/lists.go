package layout

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"duet/dataloader/picture"
)

// ilsvrcClasses are ILSVRC2012's classes: line k is "WNID NAME" of ILSVRC2012_ID k. Source: ILSVRC2012's development
// kit, data/meta.mat; the names are WordNet's.
//
//go:embed ilsvrc2012.txt
var ilsvrcClasses string

// ilsvrcWNIDs has the WordNet ID of ILSVRC2012_ID k at k-1, wordNetNames what each is called.
var ilsvrcWNIDs, wordNetNames = readClasses(ilsvrcClasses)

func readClasses(list string) (wnids []string, names map[string]string) {
	names = map[string]string{}
	for line := range strings.Lines(list) {
		wnid, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		wnids, names[wnid] = append(wnids, wnid), name
	}
	return wnids, names
}

const maxTruth = 1 << 20 // images

var ilsvrcTruth = regexp.MustCompile(`(?i)^ILSVRC2012_validation_ground_truth\.txt$`)

func (t text) isTruth() bool { return ilsvrcTruth.MatchString(path.Base(t.Name)) }

// listKey is the name by which lists give an image.
func listKey(p string) string {
	base := path.Base(p)
	if picture.IsNamed(base) {
		base = base[:len(base)-len(path.Ext(base))]
	}
	return base
}

// isList reports whether a text is a list of images and their WordNet IDs, perhaps below a header.
func (t text) isList() bool {
	first, rest, _ := bytes.Cut(t.data, []byte("\n"))
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	is := func(line []byte) bool {
		_, wnid := cutList(string(line[:min(len(line), maxLineBytes)]))
		return wnid != ""
	}
	return is(first) || is(second)
}

// cutList is what a line "IMAGE WNID ..." says, by spaces, tabs or a comma; wnid is "" of any other line.
func cutList(line string) (image, wnid string) {
	fields := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
	if len(fields) < 2 || isWNID(fields[0]) || !isWNID(fields[1]) {
		return "", ""
	}
	return listKey(fields[0]), fields[1]
}

// readLists reads the ground truth and the lists; other texts are passed over.
func (x *ilsvrc) readLists() {
	for _, t := range x.texts {
		switch {
		case t.isTruth() || t.isList():
			x.bad = cmp.Or(x.bad, x.readList(t))
		case t.alone != "" && t.isTable():
			x.wrong = Advise("%s is given, but says nothing of ILSVRC2012: --format csv takes it for a table of labels", t.alone)
		}
	}
}

// readList reads a list, or the ground truth: the number of a class a line.
func (x *ilsvrc) readList(t text) error {
	lines, err := t.lines()
	truth := t.isTruth()
	if err == nil && truth && len(lines) > maxTruth {
		err = fmt.Errorf("%s: %d lines: want at most %d", t.Name, len(lines), maxTruth)
	}
	if err != nil {
		return err
	}
	for i, line := range lines {
		image, wnid := cutList(line)
		if truth {
			n, err := strconv.Atoi(line)
			if err != nil || n < 1 || n > len(ilsvrcWNIDs) {
				return fmt.Errorf("%s:%d: %.40q: want the number of a class, 1 to %d", t.Name, i+1, line, len(ilsvrcWNIDs))
			}
			image, wnid = fmt.Sprintf("ILSVRC2012_val_%08d", i+1), ilsvrcWNIDs[n-1]
		}
		switch old := x.list[image]; {
		case wnid == "" && (line == "" || i == 0):
			continue
		case wnid == "":
			return fmt.Errorf("%s:%d: %.60q: want IMAGE WNID", t.Name, i+1, line)
		case old != "" && old != wnid:
			return fmt.Errorf("%s:%d: %s is of class %s, but of %s before", t.Name, i+1, image, wnid, old)
		}
		x.list[image] = wnid
	}
	return nil
}

// ILSVRCClasses are ILSVRC2012's classes in the order of their WordNet IDs, which is how folders of them are labelled
// and in which other programs' networks tell them apart: the IDs, and what each is called.
func ILSVRCClasses() (wnids, names []string) {
	wnids = slices.Sorted(slices.Values(ilsvrcWNIDs))
	for _, id := range wnids {
		names = append(names, wordNetNames[id])
	}
	return wnids, names
}
