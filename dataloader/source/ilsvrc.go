package source

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// ILSVRC2012: training images in tars or folders that are named by WordNet IDs, validation images in one flat folder,
// whose labels the development kit gives: line k of its ground truth is the ILSVRC2012_ID of image k, and its meta.mat
// says which WordNet ID that is. Lists that others have made of the same ("IMAGE WNID ..." a line) serve as well, such as
// LOC_val_solution.csv. Labels are the training classes' WordNet IDs in their order.
// Source: https://image-net.org/challenges/LSVRC/2012/2012-downloads.php, and the kit's readme.txt.
var (
	wnidPattern   = regexp.MustCompile(`^n[0-9]{8}$`)
	ilsvrcVal     = regexp.MustCompile(`(?i)^ILSVRC2012_val_([0-9]{8})\.[a-z]+$`)
	ilsvrcTest    = regexp.MustCompile(`(?i)^ILSVRC2012_test_[0-9]{8}\.[a-z]+$`)
	ilsvrcOther   = regexp.MustCompile(`(?i)^ILSVRC2012_(img_test|img_train_t3|bbox)`) // archives of other tasks
	ilsvrcTruth   = regexp.MustCompile(`(?i)^ILSVRC2012_validation_ground_truth\.txt$`)
	ilsvrcSolving = "add ILSVRC2012_devkit_t12.tar.gz as a path, or its ILSVRC2012_validation_ground_truth.txt and meta.mat, or a list " +
		"of IMAGE WNID a line"
)

func isWNID(s string) bool {
	return len(s) == 9 && s[0] == 'n' && wnidPattern.MatchString(s)
}

// cutWNID finds the first folder of a path that is named by a WordNet ID, and what lies around it, with a slash at its end;
// wnid is "" when none is.
func cutWNID(p string) (around, wnid string) {
	for at := 0; ; {
		first, _, ok := strings.Cut(p[at:], "/")
		if !ok {
			return "", ""
		}
		if isWNID(first) {
			return p[:at], first
		}
		at += len(first) + 1
	}
}

func wnidFolder(p string) string {
	_, wnid := cutWNID(p)
	return wnid
}

// ilsvrcRole is what a path says of an image: its class, and its split by its folders, or by its name where they say none.
func (c *catalog) ilsvrcRole(name string) (wnid string, s split) {
	base := path.Base(name)
	byName := noSplit
	switch {
	case len(base) > 15 && strings.EqualFold(base[:15], "ILSVRC2012_val_") && ilsvrcVal.MatchString(base):
		byName = valSplit
	case len(base) > 16 && strings.EqualFold(base[:16], "ILSVRC2012_test_") && ilsvrcTest.MatchString(base):
		byName = testSplit
	}
	if wnid = wnidFolder(name); wnid == "" {
		if in, _ := c.found.split(name); byName == noSplit && in == testSplit {
			byName = testSplit
		}
		return "", byName
	}
	if s, _ = c.found.split(name); s == noSplit {
		s = byName
	}
	if s == noSplit {
		s = trainSplit
	}
	return wnid, s
}

// ilsvrc lists ILSVRC2012, and what is arranged like it; nil when this is something else. forced: it is asked for, so that
// doubts do not count.
func (c *catalog) ilsvrc(forced bool) (*Listing, error) {
	var sorted []Item // in folders of WordNet IDs
	found, there := false, map[split]bool{}
	for _, it := range c.items {
		wnid, s := c.ilsvrcRole(it.Name)
		if found = found || wnid != "" || s == valSplit; wnid != "" {
			sorted = append(sorted, it)
		}
	}
	if !found {
		return nil, nil // its texts are not ours to judge
	}
	before, err := c.found, c.foundErr
	if len(before.of) == 0 && err == nil { // other folders may lie beside the splits
		var inner *splitFolders
		if inner, err = findSplits(sorted, commonRoot(sorted)); len(inner.of) > 0 {
			c.found = inner
		}
	}
	labels := c.ilsvrcTexts()
	lists := false // images that only a list can label
	for _, it := range c.items {
		wnid, s := c.ilsvrcRole(it.Name)
		if wnid != "" {
			there[s] = true
			continue
		}
		_, listed := labels.list[listKey(it.Name)]
		if s == noSplit && (!listed || labels.err != nil) && !c.stray(it.Name) {
			c.found = before
			return nil, nil // an image that belongs nowhere: this is something else
		}
		lists = lists || s == valSplit || listed
	}
	switch {
	case err != nil:
		return nil, err
	case lists && labels.err != nil:
		return nil, labels.err
	case labels.err != nil:
		c.note(labels.err.Error())
	}
	if !there[trainSplit] {
		return nil, c.onlyVal()
	}
	if unused := c.unusedGiven(labels); unused != "" {
		return nil, fmt.Errorf("%s is given, but says nothing of ILSVRC2012: --format csv takes it for a table of labels", unused)
	}
	val := validates(func(s split) bool { return there[s] })
	if lists {
		val = valSplit
	}
	// Names of classes get numbers as they are met; setClasses makes them labels.
	numbers, inTrain, inVal, where := map[string]int32{}, map[string]bool{}, map[string]bool{}, map[string]string{}
	tests := 0
	for i := range c.items {
		it := &c.items[i]
		wnid, s := c.ilsvrcRole(it.Name)
		if wnid == "" {
			key := listKey(it.Name)
			_, listed := labels.list[key]
			if s == testSplit && !listed {
				it.Label = dropped
				tests++
				continue
			}
			if s == noSplit && !listed {
				c.drop(i, "neither in a class folder nor in a list of validation images")
				continue
			}
			s = val
			var cause string
			if wnid, cause, err = labels.of(it.Name, key); err != nil {
				return nil, err
			} else if cause != "" {
				c.drop(i, cause)
				continue
			}
		}
		if s != trainSplit && s != val {
			c.setAside(i, fmt.Sprintf("of the split %s, beside %s", s, val))
			continue
		}
		n, known := numbers[wnid]
		if !known {
			n = int32(len(numbers))
			numbers[strings.Clone(wnid)] = n
		}
		it.Label = n
		if it.Val = s == val; it.Val {
			inVal[wnid], where[wnid] = true, it.Name
		} else {
			inTrain[wnid] = true
		}
	}
	if tests > 0 {
		c.leave(fmt.Sprintf("(%s)", plural(tests, "image")), "test images: they have no labels")
	}
	c.compact()
	l := &Listing{Kind: "ILSVRC2012"}
	for _, d := range c.dirs {
		wnid, s := c.ilsvrcRole(d + "/x")
		if _, known := inTrain[wnid]; wnid != "" && s == trainSplit && !known {
			inTrain[wnid] = false // said once
			l.Faults = append(l.Faults, Fault{wnid, fmt.Sprintf("%s has no image: %s is empty or holds no image that is read", wnid, d)})
		}
	}
	c.onlyInVal(l, inTrain, inVal, numbers, func(wnid string) string {
		return fmt.Sprintf("is in the validation split (%s), but has no training image", where[wnid])
	})
	if !forced {
		if err := c.doubtWNIDs(inTrain, l.Faults); err != nil {
			return nil, err
		}
	}
	return l, c.ilsvrcClasses(l, labels, numbers, inTrain)
}

// doubtWNIDs says why folders of WordNet IDs are hardly the classes: there is one of them, though no fault says why, or in
// one split they lie in several folders that are no parts of it.
func (c *catalog) doubtWNIDs(inTrain map[string]bool, faults []Fault) error {
	var classes []string
	for wnid, is := range inTrain {
		if is {
			classes = append(classes, wnid)
		}
	}
	if len(classes) == 1 && len(faults) == 0 {
		return fmt.Errorf("all %s are of one class, the folder %s: want folders of several classes; --format ilsvrc2012 takes it for one",
			plural(len(c.items), "image"), classes[0])
	}
	around := map[split]map[string]string{} // by split: the folders around those of WordNet IDs, without the split's own -> with it
	for _, it := range c.items {
		wnid, s := c.ilsvrcRole(it.Name)
		if wnid == "" {
			continue
		}
		whole, _ := cutWNID(it.Name)
		outer := whole
		if in, _ := c.found.split(it.Name); in != noSplit {
			top, rest, _ := strings.Cut(strings.TrimPrefix(whole, c.found.root), "/")
			outer = strings.TrimPrefix(rest, c.found.wrapper[top])
		}
		if around[s] == nil {
			around[s] = map[string]string{}
		}
		around[s][outer] = whole
	}
	for _, s := range slices.Sorted(maps.Keys(around)) {
		outers := slices.Sorted(maps.Keys(around[s]))
		names := make([]string, len(outers))
		for i, outer := range outers {
			names[i] = path.Base("/" + outer)
		}
		if len(outers) > 1 && !areParts(names) {
			return fmt.Errorf("folders of WordNet IDs lie in %s and in %s: which are the classes? --format ilsvrc2012 takes the WordNet IDs, --format folders the "+
				"folders around them", folderName(around[s][outers[0]]), folderName(around[s][outers[1]]))
		}
	}
	return nil
}

func folderName(prefix string) string {
	if prefix == "" {
		return "the source itself"
	}
	return strings.TrimSuffix(prefix, "/")
}

// unusedGiven is a table that is a path of its own and says nothing of ILSVRC2012; "" when there is none.
func (c *catalog) unusedGiven(labels *ilsvrcLabels) string {
	for _, t := range c.texts {
		if t.alone != "" && !labels.used[t.path] && isTable(t, false) {
			return t.alone
		}
	}
	return ""
}

// stray reports whether an image lies beside everything, or in a folder of validation images: one that is listed nowhere
// is rejected there, and does not make the whole something else.
func (c *catalog) stray(name string) bool {
	rest := strings.TrimPrefix(name, c.root)
	in, _ := c.found.split(name)
	return !strings.Contains(rest, "/") || in == valSplit
}

func (c *catalog) ilsvrcClasses(l *Listing, labels *ilsvrcLabels, numbers map[string]int32, inTrain map[string]bool) error {
	var wnids []string
	for wnid, is := range inTrain {
		if is {
			wnids = append(wnids, wnid)
		}
	}
	slices.Sort(wnids)
	if err := c.setClasses(l, wnids, numbers); err != nil {
		return err
	}
	for i := range l.Classes {
		l.Classes[i].Name = strings.Join(strings.Fields(labels.names[l.Classes[i].ID]), " ")
	}
	return nil
}

// onlyVal says that training images lack when there are validation images; nil when this is not ILSVRC2012 at all.
func (c *catalog) onlyVal() error {
	for _, it := range c.items {
		if _, s := c.ilsvrcRole(it.Name); s == valSplit && ilsvrcVal.MatchString(path.Base(it.Name)) {
			return fmt.Errorf("validation images of ILSVRC2012 (%s), but no training images: add ILSVRC2012_img_train.tar as a path", it.Name)
		}
	}
	return nil
}
