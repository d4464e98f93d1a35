package layout

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"duet/dataloader/tree"
)

// ILSVRC2012: training images in tars or folders that are named by WordNet IDs, validation images in one flat folder,
// whose labels the development kit gives: line k of its ground truth is the ILSVRC2012_ID of image k. Lists that others
// have made of the same ("IMAGE WNID ..." a line) serve as well, such as LOC_val_solution.csv. Labels are the training
// classes' WordNet IDs in their order. Source: https://image-net.org/challenges/LSVRC/2012/2012-downloads.php, and the
// kit's readme.txt.
var (
	ilsvrcImage = regexp.MustCompile(`(?i)^ILSVRC2012_(val|test)_[0-9]{8}\.[a-z]+$`)
	ilsvrcOther = regexp.MustCompile(`(?i)^ILSVRC2012_(img_test|img_train_t3|bbox)`) // archives of other tasks
)

func isWNID(s string) bool {
	return len(s) == 9 && s[0] == 'n' && strings.Trim(s[1:], "0123456789") == ""
}

// cutWNID finds the first folder of a path that is named by a WordNet ID, and the folder around it; wnid is "" when
// none is.
func cutWNID(p string) (around, wnid string) {
	folders := strings.Split(path.Dir(p), "/")
	at := slices.IndexFunc(folders, isWNID)
	if at < 0 {
		return "", ""
	}
	return path.Join(folders[:at]...), folders[at]
}

// ilsvrcRole is what a path says of an image: its class, and its split by its folders, or by its name where they say
// none. Without a class, validation images are those that are named so: others in their folder a list has to name.
func (s *Survey) ilsvrcRole(name string) (wnid string, is split) {
	if m := ilsvrcImage.FindStringSubmatch(path.Base(name)); m != nil {
		is = splitOf(m[1])
	}
	in, _ := s.splits.at(name)
	if _, wnid = cutWNID(name); wnid != "" {
		return wnid, cmp.Or(in, is, trainSplit)
	}
	if in == testSplit {
		is = cmp.Or(is, in)
	}
	return "", is
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
	list     map[string]string // WordNet ID by listKey
	bad      error             // what is wrong with a list
	around   map[split]string  // the folder around those of WordNet IDs
	unlisted string            // a validation image
	wrong    error             // with the source, if it is of ILSVRC2012
}

// ILSVRC lists ILSVRC2012, and what is arranged like it.
func ILSVRC(s *Survey) (*Listing, error) {
	if !slices.ContainsFunc(s.images, func(e *tree.Entry) bool {
		_, is := s.ilsvrcRole(e.Name)
		return is == trainSplit || is == valSplit
	}) {
		return nil, &NotThis{}
	}
	x := &ilsvrc{Survey: s, list: map[string]string{}, around: map[split]string{}}
	x.readLists()
	d := s.draft("ILSVRC2012")
	if err := d.take(s.images, x.ask); err != nil {
		return nil, err
	}
	switch wrong := cmp.Or(s.unclear, x.wrong); {
	case wrong != nil:
		return nil, wrong
	case len(d.train) == 0:
		return nil, errors.New("validation images of ILSVRC2012, but no training images: add ILSVRC2012_img_train.tar as a " +
			"path")
	case len(d.valid) == 0 && x.unlisted != "":
		return nil, fmt.Errorf("validation images (such as %s), but nothing that gives their labels: add "+
			"ILSVRC2012_devkit_t12.tar.gz as a path, or its ILSVRC2012_validation_ground_truth.txt, or a list of IMAGE WNID a "+
			"line", x.unlisted)
	case x.bad != nil:
		d.Notes = append(d.Notes, x.bad.Error())
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
	return d.finish()
}

// ask says what an image is by its path, or by the lists where it lies in no class's folder. An image that belongs
// nowhere makes the source another layout's, whatever else is wrong.
func (x *ilsvrc) ask(e *tree.Entry) (a answer, err error) {
	wnid, listed := x.list[listKey(e.Name)]
	folder, _ := path.Split(e.Name)
	in, _ := x.splits.at(e.Name)
	a.class, a.is = x.ilsvrcRole(e.Name)
	switch beside := in == valSplit || strings.HasPrefix(x.splits.root, folder); {
	case a.class != "":
		x.sameAround(e.Name, a.is)
		return a, nil
	case listed:
		a.class, a.is = wnid, valSplit
	case a.is == testSplit:
		a.cause, a.aside = "a test image: it has no label", true
		return a, nil
	case a.is == valSplit:
		a.cause, x.unlisted = "not in the list of validation images", e.Name
	case beside:
		a.cause = "neither in a class folder nor in a list of validation images"
		return a, nil
	default:
		return a, &NotThis{}
	}
	x.wrong = cmp.Or(x.wrong, x.bad)
	return a, nil
}

// sameAround holds that all class folders of a split lie in one folder, unless somebody says that they are classes.
func (x *ilsvrc) sameAround(name string, is split) {
	around, _ := cutWNID(name)
	first, met := x.around[is]
	if x.around[is] = around; met && first != around && x.Format == "" {
		const itself = "the source itself"
		x.wrong = cmp.Or(x.wrong, Advise("folders of WordNet IDs lie in %s and in %s: which are the classes? --format "+
			"ilsvrc2012 takes the WordNet IDs, --format folders the folders around them", cmp.Or(first, itself),
			cmp.Or(around, itself)))
	}
}
