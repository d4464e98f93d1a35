package layout

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"strings"

	"duet/dataloader/tree"
)

// ILSVRC2012: training images in tars or folders that are named by WordNet IDs, validation images in one flat folder,
// whose labels the development kit gives: line k of its ground truth is the ILSVRC2012_ID of image k, and its meta.mat
// says which WordNet ID that is. Lists that others have made of the same ("IMAGE WNID ..." a line) serve as well, such
// as LOC_val_solution.csv. Labels are the training classes' WordNet IDs in their order. Source:
// https://image-net.org/challenges/LSVRC/2012/2012-downloads.php, and the kit's readme.txt.
var (
	ilsvrcVal     = regexp.MustCompile(`(?i)^ILSVRC2012_val_[0-9]{8}\.[a-z]+$`)
	ilsvrcTest    = regexp.MustCompile(`(?i)^ILSVRC2012_test_[0-9]{8}\.[a-z]+$`)
	ilsvrcOther   = regexp.MustCompile(`(?i)^ILSVRC2012_(img_test|img_train_t3|bbox)`) // archives of other tasks
	ilsvrcTruth   = regexp.MustCompile(`(?i)^ILSVRC2012_validation_ground_truth\.txt$`)
	ilsvrcSolving = "add ILSVRC2012_devkit_t12.tar.gz as a path, or its ILSVRC2012_validation_ground_truth.txt and " +
		"meta.mat, or a list of IMAGE WNID a line"
)

func isWNID(s string) bool {
	return len(s) == 9 && s[0] == 'n' && strings.Trim(s[1:], "0123456789") == ""
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
	switch {
	case len(base) < 15 || !strings.EqualFold(base[:11], "ILSVRC2012_"):
	case ilsvrcVal.MatchString(base):
		byName = valSplit
	case ilsvrcTest.MatchString(base):
		byName = testSplit
	}
	in, _ := s.splits.at(name)
	if _, wnid = cutWNID(name); wnid != "" {
		return wnid, cmp.Or(in, byName, trainSplit)
	}
	if in != testSplit {
		in = noSplit // or a folder of validation images, which a list has to name
	}
	return "", cmp.Or(byName, in)
}

// Beside is the tree.Options.Beside of a survey. Beside loose images archives are often what those came from, so only
// the development kit is opened there.
func (s *Survey) Beside(name string) (cause string) {
	base := path.Base(name)
	switch loose := s.count > 0 || len(s.arrayNames) > 0; {
	case ilsvrcOther.MatchString(base):
		return "no images of the classification task"
	case loose && !strings.HasPrefix(base, "ILSVRC2012_devkit"):
		cause = "an archive beside loose images: give it as a path of its own to have it read"
		s.Notes = append(s.Notes, name+": "+cause)
	}
	return cause
}

// ilsvrc is what ILSVRC finds in a survey.
type ilsvrc struct {
	*Survey
	labels *ilsvrcLabels
	val    split
	tests  int              // images without labels
	around map[split]string // the folder around those of WordNet IDs
}

// ILSVRC lists ILSVRC2012, and what is arranged like it.
func ILSVRC(s *Survey) (*Listing, error) {
	x := &ilsvrc{Survey: s, around: map[split]string{}}
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
	d.faultUntrained()
	if s.Format == "" && len(d.Faults) == 0 {
		if err := d.several("want folders of several classes; --format ilsvrc2012 takes it for one"); err != nil {
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

// fits says why the images are not arranged so, or lack something.
func (x *ilsvrc) fits() error {
	there := map[split]bool{} // the splits of the images in folders of WordNet IDs
	named, lists := "", false // a validation image; some are in no such folder
	for _, e := range x.images {
		wnid, is := x.ilsvrcRole(e.Name)
		there[is] = there[is] || wnid != ""
		if is == valSplit && ilsvrcVal.MatchString(path.Base(e.Name)) {
			named = e.Name
		}
	}
	x.val = validates(there)
	if named == "" && !there[trainSplit] && x.val == noSplit {
		return &NotThis{} // its texts are not ours to judge
	}
	x.labels = x.ilsvrcTexts()
	for _, e := range x.images {
		wnid, is := x.ilsvrcRole(e.Name)
		_, listed := x.labels.list[listKey(e.Name)]
		in, _ := x.splits.at(e.Name)
		beside := in == valSplit || !strings.Contains(strings.TrimPrefix(e.Name, x.splits.root), "/")
		switch {
		case wnid != "":
		case is == noSplit && !beside && (!listed || x.labels.err != nil): // it belongs nowhere
			return &NotThis{}
		case is == valSplit || listed:
			lists = true
		}
	}
	if lists {
		x.val = valSplit
	}
	switch {
	case x.unclear != nil:
		return x.unclear
	case lists && x.labels.err != nil:
		return x.labels.err
	case !there[trainSplit] && named == "":
		return &NotThis{}
	case !there[trainSplit]:
		return fmt.Errorf("validation images of ILSVRC2012 (%s), but no training images: add ILSVRC2012_img_train.tar as "+
			"a path", named)
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
	wnid, listed := x.labels.list[listKey(e.Name)]
	switch a.class, a.is = x.ilsvrcRole(e.Name); {
	case a.class != "":
		around, _ := cutWNID(e.Name)
		if first, met := x.around[a.is]; met && first != around && x.Format == "" {
			return a, Advise("folders of WordNet IDs lie in %s and in %s: which are the classes? --format ilsvrc2012 takes "+
				"the WordNet IDs, --format folders the folders around them", folderName(first), folderName(around))
		}
		x.around[a.is] = around
		if a.is != trainSplit && a.is != x.val {
			a.cause, a.aside = fmt.Sprintf("of the split %s, beside %s", a.is, x.val), true
		}
	case a.is == testSplit && !listed:
		x.tests++
		return answer{}, nil
	case a.is == noSplit && !listed:
		a.cause = "neither in a class folder nor in a list of validation images"
	case len(x.labels.list) == 0:
		return a, fmt.Errorf("validation images (such as %s), but nothing that gives their labels: %s", e.Name, ilsvrcSolving)
	case !listed:
		a.cause = "not in the list of validation images"
	default:
		a.class, a.is = wnid, x.val
	}
	return a, nil
}

func folderName(prefix string) string {
	if prefix == "" {
		return "the source itself"
	}
	return strings.TrimSuffix(prefix, "/")
}
