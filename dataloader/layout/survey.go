package layout

import (
	"cmp"
	"io"
	"path"
	"slices"
	"strings"

	"duet/dataloader/picture"
	"duet/dataloader/tree"
)

// A Survey is what one pass over a tree sees: its images, and the few files that say what these are.
type Survey struct {
	*tree.Tree
	Notes []string // on what was not looked at
	Request
	told   func(found int)
	side   side
	count  int                    // of the images so far
	causes map[*tree.Entry]string // of files that are rejected for what is in them
	texts  []text
	bytes  int // of all texts
	arrays [arrayKinds]arrays
	// The files of arrays by name, to find one that is there twice.
	arrayNames map[string]string
	// What Finish finds.
	images   []*tree.Entry
	rejected []Rejected
	splits   *splits
	unclear  error // which folders the splits are
}

// A Request says what a source is, as far as somebody does.
type Request struct {
	Format  string   // the name of a layout; "" when it is to be found by looking
	Columns []string // of a table: those of files, of labels and perhaps of splits; none: the usual names
	Roots   int      // paths that are listed
}

// NewSurvey begins a survey. told, if any, hears now and then how many images were found.
func NewSurvey(r Request, told func(found int)) *Survey {
	return &Survey{Request: r, told: told, causes: map[*tree.Entry]string{}, arrayNames: map[string]string{}}
}

func ending(name string) string { return strings.ToLower(path.Ext(name)) }

// Look is the tree.Options.Look of a survey. It reads arrays and texts, and of images the headers while they are alike.
func (s *Survey) Look(t *tree.Tree, e *tree.Entry, r io.Reader) error {
	s.Tree = t
	look, image := s.text, picture.IsNamed(e.Name)
	switch {
	case image:
		if s.count++; s.told != nil && s.count%4096 == 0 {
			s.told(s.count)
		}
		if look = s.side.look; s.side.decided || tree.TooLarge(e.Size) != "" {
			return nil
		}
	case arrayFile(e.Name) != nil:
		look = s.array
	case !isText(e.Name):
		return nil
	}
	if r == nil {
		f, err := t.Open(e)
		if err != nil {
			if !image { // which is reported when it is decoded
				s.causes[e] = unreadable(err)
			}
			return nil
		}
		defer f.Close()
		r = f
	}
	return under(e, look(e, r))
}

// Finish sorts out what was seen, once all of it was.
func (s *Survey) Finish(t *tree.Tree) {
	s.Tree = t
	s.images = make([]*tree.Entry, 0, s.count)
	for e := range t.Entries() {
		switch cause := s.causes[e]; {
		case e.Kind == tree.Aside || e.Kind == tree.Refused:
			s.reject(e, t.Cause(e))
		case e.Kind == tree.Folder:
		case cause != "":
			s.reject(e, cause)
		case picture.IsForeign(e.Name):
			s.reject(e, ending(e.Name)+" is not read: convert it to JPEG or PNG")
		case picture.IsNamed(e.Name) && tree.TooLarge(e.Size) != "":
			s.reject(e, tree.TooLarge(e.Size))
		case picture.IsNamed(e.Name):
			s.images = append(s.images, e)
		}
	}
	s.dropTwice()
	s.splits, s.unclear = findSplits(s.images, commonRoot(s.images))
}

func (s *Survey) reject(e *tree.Entry, cause string) {
	s.rejected = append(s.rejected, Rejected{e.Name, cause, e.Kind == tree.Aside})
}

// dropTwice rejects every image but the first of a name.
func (s *Survey) dropTwice() {
	order := slices.Clone(s.images)
	slices.SortStableFunc(order, func(a, b *tree.Entry) int { return strings.Compare(a.Name, b.Name) })
	twice := map[*tree.Entry]bool{}
	for k, e := range order[min(1, len(order)):] {
		if e.Name == order[k].Name {
			twice[e] = true
			s.reject(e, "the same name twice")
		}
	}
	if len(twice) > 0 {
		s.images = slices.DeleteFunc(s.images, func(e *tree.Entry) bool { return twice[e] })
	}
}

// Order compares images by when they are read: those of streams last, as they come, and all others by split, label and
// name.
func (s *Survey) Order(a, b Item) int {
	sa, sb := s.Streamed(a.In), s.Streamed(b.In)
	switch {
	case sa && sb:
		return cmp.Or(cmp.Compare(a.In, b.In), cmp.Compare(a.At, b.At))
	case sa == sb && a.Val == b.Val:
		return cmp.Or(cmp.Compare(a.Label, b.Label), strings.Compare(a.Name, b.Name))
	case sb, !sa && b.Val:
		return -1
	}
	return 1
}
