// Package tree lists what lies in folders and archives, and gives its bytes. It knows names, sizes and places, and
// nothing of what the files mean.
//
// Files are in a folder, a .tar, a .tar.gz or a .zip. An archive in a folder, or a .tar in a tar, stands for a folder
// of its name without its ending. Archives are read in place; nothing is ever written to disk.
//
// Files are untrusted. Names that lead out of an archive, links in one, devices and the like are entries that are
// refused, with their cause; what is bounded, and by how much, is in limits.go.
package tree

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"iter"
	"os"
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
	At   int64 // its place in the container
	In   uint16
	Kind Kind
}

// A Tree is what was found, in the order in which it was. It does not change once it is listed.
type Tree struct {
	limits     Limits
	containers []*container
	blocks     [][]Entry
	causes     map[*Entry]string
	sum        hash.Hash
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
	// Look is shown every file once, as it is found. r reads one of a stream, and is good until Look returns; it is nil of
	// any other, which Tree.Open reads.
	Look func(t *Tree, e *Entry, r io.Reader) error
	// Beside says of each archive that was met in a folder why it stays closed; "" has it opened. All else is listed then.
	Beside func(name string) (cause string)
}

// List lists everything that the roots hold.
func List(ctx context.Context, roots []Root, o Options) (*Tree, error) {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits
	}
	t := &Tree{limits: o.Limits, causes: map[*Entry]string{}, sum: sha256.New()}
	w := &walker{Tree: t, ctx: ctx, sum: t.sum, hiddenSeen: map[string]bool{}, visit: func(f found, r io.Reader) error {
		e := t.keep(f)
		if e.Kind != File || o.Look == nil {
			return nil
		}
		return o.Look(t, e, r)
	}}
	return t, w.list(roots, o)
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
func (t *Tree) Cause(e *Entry) string { return t.causes[e] }

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
	cause string // of one that is refused
	time  int64  // what else tells whether it is unchanged: a time of modification, a sum
}

func (f *found) refuse(cause string) { f.Kind, f.cause = Refused, cause }

const blockEntries = 4096

// keep puts an entry into the tree.
func (t *Tree) keep(f found) *Entry {
	if n := len(t.blocks); n == 0 || len(t.blocks[n-1]) == blockEntries {
		t.blocks = append(t.blocks, make([]Entry, 0, blockEntries))
	}
	block := &t.blocks[len(t.blocks)-1]
	*block = append(*block, f.Entry)
	e := &(*block)[len(*block)-1]
	if f.cause != "" {
		t.causes[e] = f.cause
	}
	return e
}

// causeOf is an error without the path that the report gives already.
func causeOf(err error) string {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
