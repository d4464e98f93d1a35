package layout

import (
	"cmp"
	"fmt"
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
	Side  Side     // of the images in streams
	Request
	told   func(found int)
	count  int                    // of the images so far
	causes map[*tree.Entry]string // of files that are rejected for what is in them
	texts  []text
	tables int // of the texts
	others int // likewise
	bytes  int // of all texts
	cifar  cifar
	idx    idx
	// What Finish finds.
	images   []*tree.Entry
	rejected []Rejected
	folders  int
	odd      [3]oddities // by what they are
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
	return &Survey{Request: r, told: told, causes: map[*tree.Entry]string{}}
}

// The endings of files by what is done with them, in lower case.
var (
	textEndings = []string{".txt", ".csv", ".tsv"}
	// shelvedEndings are of files that may hold images in some other way.
	shelvedEndings = []string{".parquet", ".arrow", ".tfrecord", ".tfrecords", ".lmdb", ".mdb", ".h5", ".hdf5", ".rec",
		".beton"}
	// closedEndings are of files that nobody looks into: some lie beside images by the thousand.
	closedEndings = append([]string{".xml", ".json", ".jsonl", ".md", ".html", ".htm", ".yaml", ".yml", ".mat", ".pdf",
		".npy", ".npz", ".pkl", ".db", ".ini"}, shelvedEndings...)
)

func ending(name string) string { return strings.ToLower(path.Ext(name)) }

// Look is the tree.Options.Look of a survey.
func (s *Survey) Look(t *tree.Tree, e *tree.Entry, r io.Reader) error {
	s.Tree = t
	if picture.IsNamed(e.Name) {
		if s.count++; s.told != nil && s.count%4096 == 0 {
			s.told(s.count)
		}
		if t.Streamed(e.In) && tree.TooLarge(e.Size) == "" {
			s.Side.Look(r)
		}
		return nil
	}
	if !isMeta(e.Name) && slices.Contains(closedEndings, ending(e.Name)) {
		return nil
	}
	if r == nil {
		f, err := t.Open(e)
		if err != nil {
			r = broken{err}
		} else {
			defer f.Close()
			r = f
		}
	}
	return under(e, s.read(e, r))
}

// read reads what there is to know of a file that is named as no image.
func (s *Survey) read(e *tree.Entry, r io.Reader) error {
	if s.cifar.look(e, r) || s.idx.look(s.Tree, e, r) {
		return nil
	}
	if slices.Contains(textEndings, ending(e.Name)) || isMeta(e.Name) {
		return s.text(e, r)
	}
	if !picture.IsForeign(e.Name) {
		head := make([]byte, picture.HeadBytes)
		n, _ := io.ReadFull(r, head) // what cannot be read, or is shorter, is no image
		s.isUnnamed(e, head[:n])
	}
	return nil
}

// A broken file cannot be opened.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// isUnnamed rejects an image that is not named as one, so that it is missed; anything else is nobody's concern.
func (s *Survey) isUnnamed(e *tree.Entry, head []byte) bool {
	is := picture.IsHead(head)
	if is {
		s.causes[e] = fmt.Sprintf("an image named %q: want an ending such as .jpg", path.Base(e.Name))
		s.odd[unnamed].add(e)
	}
	return is
}

// What is like an image, and is not read.
const (
	foreign = iota // an image of another format
	unnamed        // an image without an ending
	shelved        // a file that may hold images
)

// oddities are files of one kind.
type oddities struct {
	n     int
	first string
}

func (o *oddities) add(e *tree.Entry) {
	if o.n++; o.n == 1 {
		o.first = e.Name
	}
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
			s.folders++
		case cause != "":
			s.reject(e, cause)
		case picture.IsForeign(e.Name):
			s.odd[foreign].add(e)
			s.reject(e, ending(e.Name)+" is not read: convert it to JPEG or PNG")
		case picture.IsNamed(e.Name) && tree.TooLarge(e.Size) != "":
			s.reject(e, tree.TooLarge(e.Size))
		case picture.IsNamed(e.Name):
			s.images = append(s.images, e)
		case slices.Contains(shelvedEndings, ending(e.Name)):
			s.odd[shelved].add(e)
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
	order := make([]int32, len(s.images))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(strings.Compare(s.images[a].Name, s.images[b].Name), cmp.Compare(a, b))
	})
	twice := map[*tree.Entry]bool{}
	for k := 1; k < len(order); k++ {
		if e := s.images[order[k]]; e.Name == s.images[order[k-1]].Name {
			twice[e] = true
			s.reject(e, "the same name twice")
		}
	}
	if len(twice) > 0 {
		s.images = slices.DeleteFunc(s.images, func(e *tree.Entry) bool { return twice[e] })
	}
}

// noImages says what there is instead of images; nil when there is nothing.
func (s *Survey) noImages() error {
	switch f, u, o := s.odd[foreign], s.odd[unnamed], s.odd[shelved]; {
	case f.n > 0:
		return fmt.Errorf("no image that is read, but %s of other formats (such as %s): convert them to JPEG or PNG",
			plural(f.n, "image"), f.first)
	case u.n > 0:
		return fmt.Errorf("%s, but none named as one (such as %s): want an ending such as .jpg", plural(u.n, "image"),
			u.first)
	case o.n > 0:
		return fmt.Errorf("no image, but %s that may hold some and are not read (such as %s): unpack the images",
			plural(o.n, "file"), o.first)
	case s.folders > 0 && len(s.rejected) > 0:
		return fmt.Errorf("%s, but no JPEG or PNG file (not read: %s: %s)", plural(s.folders, "folder"), s.rejected[0].File,
			s.rejected[0].Cause)
	case s.folders > 0:
		return fmt.Errorf("%s, but no JPEG or PNG file", plural(s.folders, "folder"))
	}
	return nil
}
