package layout

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"duet/dataloader/picture"
	"duet/dataloader/tree"
)

// ILSVRC2012: training images in tars or folders that are named by WordNet IDs, validation images in one flat folder,
// whose labels the development kit gives: line k of its ground truth is the ILSVRC2012_ID of image k, and its meta.mat
// says which WordNet ID that is. Lists that others have made of the same ("IMAGE WNID ..." a line) serve as well, such
// as LOC_val_solution.csv. Labels are the training classes' WordNet IDs in their order. Source:
// https://image-net.org/challenges/LSVRC/2012/2012-downloads.php, and the kit's readme.txt.
var (
	wnidPattern   = regexp.MustCompile(`^n[0-9]{8}$`)
	ilsvrcVal     = regexp.MustCompile(`(?i)^ILSVRC2012_val_([0-9]{8})\.[a-z]+$`)
	ilsvrcTest    = regexp.MustCompile(`(?i)^ILSVRC2012_test_[0-9]{8}\.[a-z]+$`)
	ilsvrcOther   = regexp.MustCompile(`(?i)^ILSVRC2012_(img_test|img_train_t3|bbox)`) // archives of other tasks
	ilsvrcTruth   = regexp.MustCompile(`(?i)^ILSVRC2012_validation_ground_truth\.txt$`)
	ilsvrcSolving = "add ILSVRC2012_devkit_t12.tar.gz as a path, or its ILSVRC2012_validation_ground_truth.txt and " +
		"meta.mat, or a list of IMAGE WNID a line"
)

func isWNID(s string) bool {
	return len(s) == 9 && s[0] == 'n' && wnidPattern.MatchString(s)
}

// cutWNID finds the first folder of a path that is named by a WordNet ID, and what lies around it, with a slash at its
// end; wnid is "" when none is.
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

// ilsvrcRole is what a path says of an image: its class, and its split by its folders, or by its name where they say
// none.
func (s *Survey) ilsvrcRole(name string) (wnid string, is split) {
	base, byName := path.Base(name), noSplit
	if len(base) > 15 && strings.EqualFold(base[:11], "ILSVRC2012_") {
		switch {
		case ilsvrcVal.MatchString(base):
			byName = valSplit
		case ilsvrcTest.MatchString(base):
			byName = testSplit
		}
	}
	in, _ := s.splits.at(name)
	if _, wnid = cutWNID(name); wnid == "" {
		if byName == noSplit && in == testSplit {
			return "", testSplit
		}
		return "", byName
	}
	for _, is = range []split{in, byName, trainSplit} {
		if is != noSplit {
			break
		}
	}
	return wnid, is
}

// Beside is the tree.Options.Beside of a survey. Beside loose images archives are often what those came from, so only
// ILSVRC2012's others are opened there, and those of classes that are not unpacked.
func (s *Survey) Beside(t *tree.Tree, met []tree.Archive) (causes []string) {
	loose, looseVal := s.count > 0 || s.idx.seen || s.cifar.seen(), false
	classes := map[string]bool{} // WordNet folders with images
	for e := range t.Entries() {
		if e.Kind == tree.File && picture.IsNamed(e.Name) {
			around, wnid := cutWNID(e.Name)
			classes[around+wnid] = true
			looseVal = looseVal || ilsvrcVal.MatchString(path.Base(e.Name))
		}
	}
	for _, a := range met {
		base, cause := path.Base(a.Name), ""
		other := strings.HasPrefix(base, "ILSVRC2012_devkit") || strings.HasPrefix(base, "ILSVRC2012_img_val") && !looseVal ||
			isWNID(path.Base(a.Stem)) && !classes[a.Stem]
		switch {
		case ilsvrcOther.MatchString(base):
			cause = "no images of the classification task"
		case loose && !other:
			cause = "an archive beside loose images: give it as a path of its own to have it read"
			s.Notes = append(s.Notes, a.Name+": "+cause)
		}
		causes = append(causes, cause)
	}
	return causes
}

// ILSVRC lists ILSVRC2012, and what is arranged like it.
func ILSVRC(s *Survey) (*Listing, error) {
	x := &ilsvrc{Survey: s, there: map[split]bool{}, where: map[string]string{}}
	if err := x.fits(); err != nil {
		return nil, err
	}
	d := s.draft("ILSVRC2012")
	if x.labels.err != nil {
		d.Notes = append(d.Notes, x.labels.err.Error())
	}
	if err := d.take(s.images, x.ask); err != nil {
		return nil, err
	}
	if x.tests > 0 {
		d.leave(fmt.Sprintf("(%s)", plural(x.tests, "image")), "test images: they have no labels")
	}
	d.faultEmpty(s, func(folder string) string {
		if wnid, is := s.ilsvrcRole(folder + "/x"); is == trainSplit {
			return wnid
		}
		return ""
	})
	d.faultUntrained(func(wnid string) string {
		return fmt.Sprintf("is in the validation split (%s), but has no training image", x.where[wnid])
	})
	if s.Format == "" {
		if err := d.doubtWNIDs(s); err != nil {
			return nil, err
		}
	}
	l, err := d.finish()
	if err != nil {
		return nil, err
	}
	for i := range l.Classes {
		l.Classes[i].Name = strings.Join(strings.Fields(x.labels.names[l.Classes[i].ID]), " ")
	}
	return l, nil
}

// ilsvrc is what ILSVRC finds in a survey.
type ilsvrc struct {
	*Survey
	labels *ilsvrcLabels
	val    split
	there  map[split]bool    // those of the images in folders of WordNet IDs
	tests  int               // images without labels
	where  map[string]string // the last image for validation, by class
}

// fits says why the images are not arranged so, or lack something.
func (x *ilsvrc) fits() error {
	found, lists, stray := false, false, false // stray: an image belongs nowhere
	for _, e := range x.images {
		wnid, is := x.ilsvrcRole(e.Name)
		found = found || wnid != "" || is == valSplit
		x.there[is] = x.there[is] || wnid != ""
	}
	if !found {
		return &NotThis{} // its texts are not ours to judge
	}
	x.labels = x.ilsvrcTexts()
	for _, e := range x.images {
		wnid, is := x.ilsvrcRole(e.Name)
		_, listed := x.labels.list[listKey(e.Name)]
		lists = lists || wnid == "" && (is == valSplit || listed)
		stray = stray || wnid == "" && is == noSplit && (!listed || x.labels.err != nil) && !x.stray(e.Name)
	}
	if x.val = validates(x.there); lists {
		x.val = valSplit
	}
	switch {
	case stray:
		return &NotThis{}
	case x.unclear != nil:
		return x.unclear
	case lists && x.labels.err != nil:
		return x.labels.err
	case !x.there[trainSplit]:
		return x.onlyVal()
	}
	for _, t := range x.texts {
		if t.alone != "" && !x.labels.used[t.Name] && t.isTable() {
			return Advise("%s is given, but says nothing of ILSVRC2012: --format csv takes it for a table of labels", t.alone)
		}
	}
	return nil
}

// ask says what an image is by its path, and by the labels of those that lie in no class's folder.
func (x *ilsvrc) ask(e *tree.Entry) (a answer, err error) {
	_, listed := x.labels.list[listKey(e.Name)]
	switch a.class, a.is = x.ilsvrcRole(e.Name); {
	case a.class == "" && a.is == testSplit && !listed:
		x.tests++
		return answer{}, nil
	case a.class == "" && a.is == noSplit && !listed:
		a.cause = "neither in a class folder nor in a list of validation images"
	case a.class == "":
		a.is = x.val
		a.class, a.cause, err = x.labels.of(e.Name)
	case a.is != trainSplit && a.is != x.val:
		a.cause, a.aside = fmt.Sprintf("of the split %s, beside %s", a.is, x.val), true
	}
	if a.cause == "" && a.is == x.val {
		x.where[a.class] = e.Name
	}
	return a, err
}

// doubtWNIDs says why folders of WordNet IDs are hardly the classes: there is one of them, though no fault says why, or
// in one split they lie in several folders.
func (d *draft) doubtWNIDs(s *Survey) error {
	if len(d.train) == 1 && len(d.Faults) == 0 {
		return Advise("all %s are of one class, the folder %s: want folders of several classes; --format ilsvrc2012 takes "+
			"it for one", plural(len(d.Items), "image"), classOrder(d.train)[0])
	}
	around := map[split]map[string]bool{} // by split: the folders around those of WordNet IDs
	for _, it := range d.Items {
		outer, wnid := cutWNID(it.Name)
		if wnid == "" {
			continue
		}
		_, is := s.ilsvrcRole(it.Name)
		if around[is] == nil {
			around[is] = map[string]bool{}
		}
		around[is][outer] = true
	}
	for _, is := range slices.Sorted(maps.Keys(around)) {
		if outer := slices.Sorted(maps.Keys(around[is])); len(outer) > 1 {
			return Advise("folders of WordNet IDs lie in %s and in %s: which are the classes? --format ilsvrc2012 takes the "+
				"WordNet IDs, --format folders the folders around them", folderName(outer[0]), folderName(outer[1]))
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

// stray reports whether an image lies beside everything, or in a folder of validation images: one that is listed
// nowhere is rejected there, and does not make the whole something else.
func (s *Survey) stray(name string) bool {
	in, _ := s.splits.at(name)
	return in == valSplit || !strings.Contains(strings.TrimPrefix(name, s.splits.root), "/")
}

// onlyVal says that training images lack when there are validation images.
func (s *Survey) onlyVal() error {
	for _, e := range s.images {
		if _, is := s.ilsvrcRole(e.Name); is == valSplit && ilsvrcVal.MatchString(path.Base(e.Name)) {
			return fmt.Errorf("validation images of ILSVRC2012 (%s), but no training images: add ILSVRC2012_img_train.tar as "+
				"a path", e.Name)
		}
	}
	return &NotThis{}
}
