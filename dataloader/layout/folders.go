package layout

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"duet/dataloader/tree"
)

const foldersHint = "want a source of CLASS/IMAGE, or of train/CLASS/IMAGE and val/CLASS/IMAGE, or a .csv of the " +
	"images' labels; --format folders takes any folders for classes"

// Folders lists class folders, with or without splits above them. Where they are asked for, doubts whether the folders
// are classes do not count.
func Folders(s *Survey) (*Listing, error) {
	in, forced := s.splits, s.Format == "folders"
	switch {
	case len(s.images) == 0 && len(s.rejected) > 0:
		return nil, &NotThis{Why: fmt.Errorf("no image that is read, of %s that may be one (such as %s: %s)",
			plural(len(s.rejected), "file"), s.rejected[0].File, s.rejected[0].Cause)}
	case len(s.images) == 0:
		return nil, &NotThis{}
	case s.unclear != nil && !forced:
		return nil, s.unclear
	}
	placed := func(e *tree.Entry) bool { a, _ := in.place(e.Name); return a.cause == "" }
	if forced && !slices.ContainsFunc(s.images, placed) {
		in = &splits{root: in.root}
	}
	if err := s.oneSource(in, forced); err != nil {
		return nil, err
	}
	d := s.draft("class folders")
	if in.val != noSplit {
		d.Kind += " in " + in.folder[trainSplit] + " and " + in.folder[in.val]
	}
	if err := d.take(s.images, func(e *tree.Entry) (answer, error) {
		a, rest := in.place(e.Name)
		if folders := strings.Split(rest, "/"); slices.ContainsFunc(folders[:len(folders)-1], sideName.MatchString) {
			a.cause, a.aside = "in a folder of masks or labels", true
		}
		return a, nil
	}); err != nil {
		return nil, err
	}
	if len(d.Items) == 0 {
		return nil, &NotThis{Why: Advise("%s, but none in a class folder: %s (found %s)", plural(len(s.images), "image"),
			foldersHint, s.images[0].Name)}
	}
	d.faultEmpty(s, func(folder string) string {
		a, _ := in.place(folder + "/x")
		if a.is == valSplit || a.is == testSplit {
			return ""
		}
		return a.class
	})
	d.faultUntrained()
	if !forced && len(d.train) > 0 {
		if err := d.doubt(in); err != nil {
			return nil, err
		}
	}
	return d.finish()
}

// oneSource refuses several sources that are no splits of one, and tables that class folders do not use.
func (s *Survey) oneSource(in *splits, forced bool) error {
	sources := s.Roots
	for _, t := range s.texts {
		if t.alone != "" {
			sources--
		}
	}
	outside := func(e *tree.Entry) bool { _, is := in.at(e.Name); return is }
	switch {
	case forced && sources < s.Roots:
		return Advise("a table or list is given, but --format folders uses none: leave one of them out")
	case sources > 1 && (in.val == noSplit || slices.ContainsFunc(s.images, outside)):
		return Advise("%d sources of class folders: want one, or one of each split, named train, val or test, or one with a "+
			"table of its labels (put others into one folder)", sources)
	}
	return nil
}

// partName matches the names of parts of a data set rather than of classes, such as images2, train.X1, test_set,
// seg_train; sideName those of what lies beside the images of a class.
var (
	sideName = regexp.MustCompile(`(?i)^(annotation|mask|label|trimap|segmentation)s?$`)
	partName = regexp.MustCompile(`(?i)^[0-9 ._-]*((train|valid|test).*|.*(train|test)|(image|img|jpg|jpeg|jpegimage|` +
		`png|part|data|dataset|val|dev|pred|annotation|mask|label|trimap|segmentation)s?)[0-9 ._-]*$`)
)

// doubt says why folders are hardly the classes, and takes those out that are hardly classes beside others: one that is
// named as a split, and one that holds no image but several folders of them.
func (d *draft) doubt(in *splits) error {
	if err := d.several(foldersHint); err != nil {
		return err
	}
	classes := classOrder(d.train)
	if !slices.ContainsFunc(classes, func(c string) bool { return !partName.MatchString(c) }) {
		return Advise("all folders (such as %s) are named as parts of a data set, not as classes: %s",
			strings.Join(classes[:min(len(classes), 3)], ", "), foldersHint)
	}
	within := map[string]map[string]bool{} // by class: the folders in it that hold images, "." for itself
	for _, it := range d.Items {
		a, rest := in.place(it.Name)
		if within[a.class] == nil {
			within[a.class] = map[string]bool{}
		}
		within[a.class][path.Dir(rest)] = true
	}
	for _, class := range classes {
		switch folders := within[class]; {
		case in.val == noSplit && splitOf(class) != noSplit && !strings.EqualFold(class, "valid"):
			d.fault(class, "is named as a split: %s", foldersHint)
		case !folders["."] && len(folders) > 1:
			d.fault(class, "holds no image, but folders such as %s (which are the classes?): %s",
				strings.Join(slices.Sorted(maps.Keys(folders))[:2], " and "), foldersHint)
		}
	}
	return nil
}
