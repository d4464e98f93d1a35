// Package tree lists what lies in folders and archives, and gives its bytes. It knows names, sizes and places, and
// nothing of what the files mean.
//
// Files are in a folder, a .tar, a .tar.gz or a .zip. An archive in a folder, or a .tar in a tar, stands for a folder
// of its name without its ending. Archives are read in place; nothing is ever written to disk.
//
// Files are untrusted. Names that lead out of an archive, links to anything but an image in it, devices and the like
// are entries that are refused, with their cause; what is bounded, and by how much, is in limits.go.
package tree

import (
	"context"
	"crypto/sha256"
	"duet/dataloader/picture"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"strings"
	"sync"
)

// A Kind says what may be done with an entry.
type Kind uint8

const (
	File    Kind = iota // it can be read
	Folder              //
	Refused             // it is not to be used; Cause says why
	Aside               // refused, though nothing is wrong with it
)

// An Entry is a path of a tree. There may be millions: 40 bytes and a name each.
type Entry struct {
	Name string // with slashes, clean and local
	Size int64
	At   int64 // its place in the container; of one that is refused, its cause's
	In   uint16
	Kind Kind
}

// A Tree is what was found, in the order in which it was. It does not change once it is listed.
type Tree struct {
	limits     Limits
	containers []*container
	blocks     [][]Entry
	causes     []string
	targets    map[string]string // names in archives, by the links to them
	sum        hash.Hash
	mutex      sync.Mutex
	handles    map[uint16]*os.File
}

// A container is what holds files: a folder or an archive on disk.
type container struct {
	kind    containerKind
	path    string // on disk
	alone   string // the path of the tree that is one file of this folder; "": all are shown
	prefix  string // before the names of its entries
	size    int64  // of an archive
	time    int64  // when it was last modified, in nanoseconds
	members []zipMember
}

type containerKind uint8

const (
	inFolder containerKind = iota
	inTar
	inZip
	inStream // .tar.gz: read only from its beginning
)

// A Root is a path that is listed. What names its entries begins with Prefix.
type Root struct{ Path, Prefix string }

// Options say how roots are listed. Each function may be nil.
type Options struct {
	Limits Limits // the zero value stands for DefaultLimits
	// Plain reports whether a root that is one file is taken for itself, by its name: it need not be an archive.
	Plain func(name string) bool
	// Look is shown every file once, as it is found. r reads it, and is good until Look returns; it is nil of a file in a
	// folder, which Tree.Open reads.
	Look func(t *Tree, e *Entry, r io.Reader) error
	// Beside says of each archive that was met in a folder why it stays closed; "" has it opened. All else is listed then.
	Beside func(t *Tree, met []Archive) (causes []string)
}

// An Archive was met in a folder.
type Archive struct {
	Path string // on disk
	Name string // as an entry
	Stem string // the name without its ending
}

// List lists everything that the roots hold. Close the tree afterwards.
func List(ctx context.Context, roots []Root, o Options) (*Tree, error) {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits
	}
	t := &Tree{limits: o.Limits, sum: sha256.New(), targets: map[string]string{}}
	l := &lister{o: o}
	w := &walker{Tree: t, ctx: ctx, sum: t.sum, visit: l.add}
	l.w = w
	for _, r := range roots {
		info, err := os.Stat(r.Path)
		if err != nil {
			return nil, under(r.Path, err)
		}
		w.roots = append(w.roots, info)
	}
	for i, r := range roots {
		if err := w.root(r, w.roots[i], o.Plain); err != nil {
			return nil, err
		}
	}
	if len(w.met) > 0 {
		causes := make([]string, len(w.met))
		if o.Beside != nil {
			causes = o.Beside(t, w.met)
		}
		for i, a := range w.met {
			if causes[i] != "" {
				l.keep(found{Entry: Entry{Name: a.Name, Kind: Aside}, cause: causes[i]})
			} else if err := w.enter(a); err != nil {
				return nil, err
			}
		}
	}
	l.follow()
	return t, nil
}

// Entries are all of them, in their order.
func (t *Tree) Entries() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for _, block := range t.blocks {
			for i := range block {
				if !yield(&block[i]) {
					return
				}
			}
		}
	}
}

// Cause says why an entry is refused.
func (t *Tree) Cause(e *Entry) string {
	if e.Kind != Refused && e.Kind != Aside {
		return ""
	}
	return t.causes[e.At]
}

// Streamed reports whether a container can only be read from its beginning.
func (t *Tree) Streamed(in uint16) bool { return t.containers[in].kind == inStream }

// Alone is the path on disk of an entry that is a root by itself; "" of any other.
func (t *Tree) Alone(e *Entry) string { return t.containers[e.In].alone }

// UnpackedLimit is how much a packed file of so many bytes may unpack to.
func (t *Tree) UnpackedLimit(packed int64) int64 { return t.limits.unpacked(packed) }

// Sum is a running SHA-256 of names and sizes, and of the times of modification of the files on disk. It is for the one
// who lists, to go on with.
func (t *Tree) Sum() hash.Hash { return t.sum }

// A found is an entry on its way into the tree.
type found struct {
	Entry
	cause   string // of one that is refused
	link    string // it is refused as a link to this path of its archive, which may be an image
	symlink bool   // its content says so
	time    int64  // what else tells whether it is unchanged: a time of modification, a sum
}

// refused is an entry that is not to be used.
func refused(name string, in uint16, cause string) found {
	return found{Entry: Entry{Name: name, In: in, Kind: Refused}, cause: cause}
}

// A lister fills a tree.
type lister struct {
	o     Options
	w     *walker
	names arena
	links []found // that may be images
}

const blockEntries = 4096

// keep puts an entry into the tree.
func (l *lister) keep(f found) *Entry {
	t := l.w.Tree
	if n := len(t.blocks); n == 0 || len(t.blocks[n-1]) == blockEntries {
		t.blocks = append(t.blocks, make([]Entry, 0, blockEntries))
	}
	f.Name = l.names.keep(f.Name)
	if f.Kind == Refused || f.Kind == Aside {
		f.At = int64(len(t.causes))
		t.causes = append(t.causes, f.cause)
	}
	block := &t.blocks[len(t.blocks)-1]
	*block = append(*block, f.Entry)
	return &(*block)[len(*block)-1]
}

// add is the visit of a listing.
func (l *lister) add(f found, r io.Reader) error {
	if f.link != "" && picture.IsNamed(f.Name) {
		f.Name = strings.Clone(f.Name)
		l.links = append(l.links, f)
		return nil
	}
	e := l.keep(f)
	if e.Kind != File || l.o.Look == nil {
		return nil
	}
	return l.o.Look(l.w.Tree, e, r)
}

// follow makes files of the links to images, as the unpacked archive has them, and refuses the others.
func (l *lister) follow() {
	if len(l.links) == 0 {
		return
	}
	images, leads := map[string]*Entry{}, map[string]string{} // by name
	for _, f := range l.links {
		images[f.link] = nil
		leads[f.Name] = f.link
	}
	for e := range l.w.Entries() {
		if first, wanted := images[e.Name]; wanted && first == nil && e.Kind == File && picture.IsNamed(e.Name) {
			images[e.Name] = e
		}
	}
	for _, f := range l.links {
		at := f.link
		for n := 1; n < maxLinks && images[at] == nil && leads[at] != ""; n++ {
			at = leads[at]
		}
		if to := images[at]; to != nil {
			name := f.Name
			f.Entry = *to
			f.Name = name
			l.w.targets[name] = at
		}
		l.keep(f)
	}
}

// under puts a path before an error.
func under(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}

// causeOf is an error without the path that the report gives already.
func causeOf(err error) string {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
