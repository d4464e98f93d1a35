package source

import (
	"fmt"
	"path"
	"strconv"
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
	if isImage(base) {
		base = base[:len(base)-len(path.Ext(base))]
	}
	return base
}

// of is the WordNet ID of a validation image, or the cause why it alone has none.
func (x *ilsvrcLabels) of(name, key string) (wnid, cause string, err error) {
	if l, ok := x.list[key]; ok {
		return l.wnid, "", l.twice
	}
	switch {
	case x.truth == nil && len(x.list) > 0:
		return "", "not in the list of validation images", nil
	case x.truth == nil:
		return "", "", fmt.Errorf("validation images (such as %s), but nothing that gives their labels: %s", name, ilsvrcSolving)
	case x.wnids == nil:
		return "", "", fmt.Errorf("%s gives numbers of classes, but no meta.mat says which they are: %s", x.where, ilsvrcSolving)
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
