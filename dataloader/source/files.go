package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"duet/dataloader/layout"
	"duet/dataloader/picture"
	"duet/dataloader/tree"
)

// layouts are tried in this order.
var layouts = []struct {
	name string
	list func(*layout.Survey) (*Listing, error)
}{{"ilsvrc2012", layout.ILSVRC}, {"cifar", layout.CIFAR}, {"idx", layout.IDX}, {formatCSV, layout.Table},
	{"folders", layout.Folders}}

// wanted is what the layouts need to see.
var wanted = "want class folders (CLASS/IMAGE, or train/CLASS/IMAGE and val/CLASS/IMAGE) of images that end in " +
	strings.Join(picture.Endings, ", ") + ", images with a .csv or .tsv of files and labels, ILSVRC2012's archives or " +
	"folders that are named by WordNet IDs such as n01440764, CIFAR's data_batch_1.bin or train.bin, or IDX's " +
	"train-images-idx3-ubyte and train-labels-idx1-ubyte"

// files is the source of what is on disk.
type files struct {
	paths   []string
	request layout.Request
	tree    *tree.Tree
	listing *Listing
}

func (s *files) String() string { return strings.Join(s.paths, " ") }

// List lists the tree, surveys it, and chooses the layout.
func (s *files) List(ctx context.Context, progress func(int)) (*Listing, error) {
	s.tree, s.listing = nil, nil
	survey := layout.NewSurvey(s.request, progress)
	t, err := tree.List(ctx, s.roots(), tree.Options{Limits: limits, Look: survey.Look, Plain: plainFile.MatchString,
		Beside: survey.Beside})
	if errors.Is(err, tree.ErrNoArchive) {
		err = fmt.Errorf("%w; a table or list of labels is named .csv, .tsv or .txt", err)
	}
	if err != nil {
		return nil, err
	}
	s.tree = t
	survey.Finish(t)
	survey.SumTexts(t.Sum())
	l, err := s.choose(survey)
	if err != nil {
		return nil, err
	}
	if l.Arrays == nil {
		slices.SortFunc(l.Items, survey.Order)
	}
	for _, it := range l.Items {
		fmt.Fprintf(t.Sum(), "%s %d %t\n", it.Name, it.Label, it.Val)
	}
	for _, class := range l.Classes {
		fmt.Fprintf(t.Sum(), "%s %s\n", class.ID, class.Name)
	}
	l.Fingerprint = fmt.Sprintf("%x", t.Sum().Sum(nil))
	if progress != nil {
		progress(len(l.Items))
	}
	s.listing = l
	return l, nil
}

// limits are changed by tests alone.
var limits = tree.DefaultLimits

// choose tries the layouts in their order, or the one that is asked for. What is told of those that do not fit goes
// with the listing, or with the error.
func (s *files) choose(survey *layout.Survey) (*Listing, error) {
	asked, notes := s.request.Format, survey.Notes
	var why error
	for _, x := range layouts {
		if asked != "" && asked != x.name {
			continue
		}
		l, err := x.list(survey)
		if none, is := errors.AsType[*layout.NotThis](err); is {
			notes = append(notes, none.Notes...)
			why = none.Why
			continue
		}
		if err != nil {
			return nil, s.failed(err, notes)
		}
		l.Notes = append(notes, l.Notes...)
		return l, nil
	}
	switch {
	case why != nil:
	case asked != "":
		why = fmt.Errorf("not of the format %s that was asked for: %s", asked, wanted)
	default:
		why = errors.New("no images that are recognised: " + wanted)
	}
	return nil, s.failed(why, notes)
}

// failed is an error with some of the notes.
func (s *files) failed(err error, notes []string) error {
	const some = 3
	switch more := len(notes) - some; {
	case len(notes) == 0:
		return fmt.Errorf("%s: %w", s, err)
	case more > 0:
		notes = append(notes[:some:some], fmt.Sprintf("and %d more", more))
	}
	return layout.Advise("%s: %w (not used: %s)", s, err, strings.Join(notes, "; "))
}

// plainFile matches the names of files that are given alone, beside the images; a .mat is passed over.
var plainFile = regexp.MustCompile(`(?i)(\.(txt|csv|tsv|mat|bin)|-ubyte(\.gz)?)$`)

// roots are the paths with what names their entries: a split that the path's name stands for, as in train.tar, else its
// name without its ending; a number tells those of one name apart. One path alone has none.
func (s *files) roots() []tree.Root {
	if len(s.paths) == 1 {
		return []tree.Root{{Path: s.paths[0]}}
	}
	var roots []tree.Root
	taken := map[string]bool{}
	for i, p := range s.paths {
		name := filepath.Base(filepath.Clean(p))
		if stem, _ := tree.ArchiveStem(name); stem != "" {
			name = stem
		}
		if tree.Hidden(name) || name == ".." || name == "/" || name == "." {
			name = fmt.Sprintf("source%d", i+1)
		}
		if name = cmp.Or(layout.SplitName(name), name); taken[name] { // or images of one name would be taken for the same
			name = fmt.Sprintf("%s%d", name, i+1)
		}
		taken[name] = true
		roots = append(roots, tree.Root{Path: p, Prefix: name + "/"})
	}
	return roots
}
