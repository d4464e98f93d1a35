package source

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// files is the source of what is on disk.
type files struct {
	paths      []string
	given      []os.FileInfo // of paths
	format     string
	columns    []string
	containers []*container
	listing    *Listing
	targets    map[string]string // names in archives by links to them
	raw        raw               // the format whose files hold many images; nil: every item is a file
	arrays     []*array          // of raw, in the order of their items
	mutex      sync.Mutex
	handles    map[uint16]*os.File
}

// maxHandles archives stay open between two fetches; a folder of more opens them again.
const maxHandles = 64

func (s *files) String() string { return strings.Join(s.paths, " ") }

func (s *files) streamed(in uint16) bool { return s.containers[in].kind == inStream }

func (s *files) List(ctx context.Context, progress func(int)) (*Listing, error) {
	s.closeHandles()
	s.containers, s.listing, s.targets, s.raw, s.arrays = nil, nil, nil, nil, nil
	l, err := s.list(ctx, progress)
	if err != nil {
		return nil, err
	}
	s.listing = l
	return l, nil
}

func (s *files) list(ctx context.Context, progress func(int)) (*Listing, error) {
	sum := sha256.New()
	c := &catalog{progress: progress}
	if s.format == "" || s.format == formatCIFAR {
		c.raws = append(c.raws, newCIFAR(s.format != ""))
	}
	if s.format == "" || s.format == formatIDX {
		c.raws = append(c.raws, newIDX())
	}
	w := &walker{visit: c.look, sum: sum}
	c.streamed = func(in uint16) bool { return w.containers[in].kind == inStream }
	for i, prefix := range prefixes(s.paths) {
		if err := w.root(ctx, s.paths[i], prefix); err != nil {
			return nil, err
		}
	}
	if err := s.openMet(ctx, w, c); err != nil {
		return nil, err
	}
	s.containers = w.containers
	for _, t := range c.texts {
		sum.Write(t.data) // never fails
	}
	s.targets = c.follow()
	c.dropTwice()
	c.arrange()
	l, err := s.recognise(c)
	if err != nil {
		return nil, withPath(s.String(), c.noted(err))
	}
	if s.raw == nil {
		sortItems(l.Items, s.streamed)
		if err := s.findSide(ctx, c, l); err != nil {
			return nil, err
		}
	}
	for _, it := range l.Items {
		fmt.Fprintf(sum, "%s %d %t\n", it.Name, it.Label, it.Val)
	}
	for _, class := range l.Classes {
		fmt.Fprintf(sum, "%s %s\n", class.ID, class.Name)
	}
	l.Fingerprint = fmt.Sprintf("%x", sum.Sum(nil))
	if progress != nil {
		progress(len(l.Items))
	}
	return l, nil
}

// openMet visits the archives that were met in folders. Beside loose images they are often what those came from, so
// only ILSVRC2012's others are opened there, and those of classes that are not unpacked.
func (s *files) openMet(ctx context.Context, w *walker, c *catalog) error {
	loose := len(c.items) > 0 || slices.ContainsFunc(c.raws, raw.any)
	looseVal := slices.ContainsFunc(c.items, func(it Item) bool { return ilsvrcVal.MatchString(filepath.Base(it.Name)) })
	if len(w.archives) == 0 {
		return nil
	}
	classes := map[string]bool{} // WordNet folders with images
	for _, it := range c.items {
		if around, wnid := cutWNID(it.Name); wnid != "" {
			classes[around+wnid] = true
		}
	}
	for _, a := range w.archives {
		if info, err := os.Stat(a.path); err == nil && slices.ContainsFunc(s.given, func(g os.FileInfo) bool { return os.SameFile(g, info) }) {
			continue // it is a path of its own too
		}
		base := filepath.Base(a.path)
		other := strings.HasPrefix(base, "ILSVRC2012_devkit") || strings.HasPrefix(base, "ILSVRC2012_img_val") && !looseVal ||
			isWNID(filepath.Base(a.stem)) && !classes[a.stem]
		switch {
		case ilsvrcOther.MatchString(base):
			c.leave(a.name, "no images of the classification task")
		case loose && !other:
			const cause = "an archive beside loose images: give it as a path of its own to have it read"
			c.leave(a.name, cause)
			c.note(a.name + ": " + cause)
		default:
			if err := w.met(ctx, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// recognise tries the formats in their order, or the one that is asked for.
func (s *files) recognise(c *catalog) (*Listing, error) {
	try := []struct {
		name string
		list func() (*Listing, error)
	}{
		{formatILSVRC, func() (*Listing, error) { return c.ilsvrc(s.format == formatILSVRC) }},
		{formatCIFAR, func() (*Listing, error) { return s.rawListing(c, "CIFAR") }},
		{formatIDX, func() (*Listing, error) { return s.rawListing(c, "IDX") }},
		{formatCSV, func() (*Listing, error) { return c.table(s.format == formatCSV, s.columns) }},
		{formatFolders, func() (*Listing, error) { return c.classFolders(s.format == formatFolders, len(s.paths)-c.alone()) }},
	}
	for _, f := range try {
		if s.format != "" && s.format != f.name {
			continue
		}
		l, err := f.list()
		if err != nil {
			return nil, err
		}
		if l != nil {
			if len(s.columns) > 0 && l.Kind != tableKind {
				return nil, fmt.Errorf("columns %q are asked for, but no table of labels is used (it was taken for %s): --format csv asks for one",
					s.columns, l.Kind)
			}
			l.Rejected, l.Notes = c.rejected, c.notes
			if s.format == "" && s.raw == nil && l.Kind != tableKind {
				if err := c.lostSplit(); err != nil {
					return nil, err
				}
			}
			return l, s.together(c)
		}
	}
	if s.format != "" {
		return nil, fmt.Errorf("%s is not of the format %s that was asked for: %s", s, s.format, wanted[s.format])
	}
	return nil, fmt.Errorf("%s holds no images that are recognised: want class folders of JPEG or PNG files "+
		"(CLASS/IMAGE, or train/CLASS/IMAGE and val/CLASS/IMAGE), images with a .csv of their labels, ILSVRC2012's archives, "+
		"CIFAR's binary files or IDX files", s)
}

// together refuses what would be taken for less than it is: of two formats of raw pixels one would be left out.
func (s *files) together(c *catalog) error {
	if s.format == "" {
		var raws []string
		for _, r := range c.raws {
			if r.any() {
				raws = append(raws, r.String())
			}
		}
		if len(raws) > 1 || len(raws) == 1 && len(c.items) > 0 {
			if len(c.items) > 0 {
				raws = append(raws, plural(len(c.items), "image file"))
			}
			return fmt.Errorf("%s together: want one of them, or its format named", strings.Join(raws, " and "))
		}
	}
	return nil
}

// wanted is what each format needs to see.
var wanted = map[string]string{
	formatILSVRC:  "want ILSVRC2012_img_train.tar, a tar of tars that are named by WordNet IDs such as n01440764, or folders named so",
	formatCIFAR:   "want data_batch_1.bin or train.bin",
	formatIDX:     "want train-images-idx3-ubyte and train-labels-idx1-ubyte",
	formatCSV:     "want a .csv or .tsv with a column of files and one of labels, beside the images or as a path of its own",
	formatFolders: "want CLASS/IMAGE, or train/CLASS/IMAGE and val/CLASS/IMAGE",
}

// findSide looks at headers only until images are seen to differ.
func (s *files) findSide(ctx context.Context, c *catalog, l *Listing) error {
	for i := range l.Items {
		if c.side.decided {
			break
		}
		if s.streamed(l.Items[i].in) || l.Items[i].size == 0 {
			continue // seen as it passed; nothing to see
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := s.open(l.Items[i].entry())
		if err != nil {
			continue
		}
		c.side.look(r)
		r.Close()
	}
	l.Side = c.side.side
	return nil
}

func (it Item) entry() entry { return entry{path: it.Name, size: it.size, in: it.in, at: it.at} }

func (s *files) Close() error {
	s.closeHandles()
	return nil
}

func (s *files) closeHandles() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, f := range s.handles {
		f.Close()
	}
	s.handles = nil
}

var errNotListed = errors.New("source: Read before List")

// handle opens an archive, or takes the one that is open. done ends its use.
func (s *files) handle(in uint16) (f *os.File, done func(), err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if f := s.handles[in]; f != nil {
		return f, func() {}, nil
	}
	if f, err = os.Open(s.containers[in].path); err != nil {
		return nil, nil, err
	}
	if len(s.handles) >= maxHandles {
		return f, func() { f.Close() }, nil
	}
	if s.handles == nil {
		s.handles = map[uint16]*os.File{}
	}
	s.handles[in] = f
	return f, func() {}, nil
}

type reader struct {
	io.Reader
	close func()
}

func (r reader) Close() error {
	r.close()
	return nil
}

// open reads an entry of a container that can be read anywhere. It may be called from many goroutines.
func (s *files) open(e entry) (io.ReadCloser, error) {
	c := s.containers[e.in]
	if c.kind == inFolder {
		return os.Open(filepath.Join(c.path, filepath.FromSlash(strings.TrimPrefix(e.path, c.prefix))))
	}
	f, done, err := s.handle(e.in)
	if err != nil {
		return nil, err
	}
	if c.kind == inZip {
		r := c.members[e.at].reader(f, e.size)
		return reader{r, func() { r.close(); done() }}, nil
	}
	return reader{io.NewSectionReader(f, e.at, e.size), done}, nil
}
