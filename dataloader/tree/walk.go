package tree

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"

	"duet/dataloader/picture"
)

// A walker visits what containers hold, in an order that every visit repeats. The reader that a visit is given is good
// until it returns.
type walker struct {
	*Tree
	ctx        context.Context
	visit      func(f found, r io.Reader) error
	sum        hash.Hash // of what was shown; nil: none is wanted
	roots      []os.FileInfo
	met        []Root // archives in folders, by their names as entries, that are no roots
	hiddenSeen map[string]bool
	scratch    []byte
	shown      int
}

// list visits all roots, and then what was met in them.
func (w *walker) list(roots []Root, o Options) error {
	for _, r := range roots {
		info, err := os.Stat(r.Path)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Path, err)
		}
		w.roots = append(w.roots, info)
	}
	for i, r := range roots {
		if err := w.root(r, w.roots[i], o.Plain); err != nil {
			return fmt.Errorf("%s: %w", r.Path, err)
		}
	}
	causes := make([]string, len(w.met))
	for i, a := range w.met {
		if o.Beside != nil {
			causes[i] = o.Beside(a.Prefix)
		}
	}
	for i, a := range w.met {
		if causes[i] != "" {
			w.keep(found{Entry: Entry{Name: a.Prefix, Kind: Aside}, cause: causes[i]})
		} else if err := w.enter(a); err != nil {
			return fmt.Errorf("%s: %w", a.Path, err)
		}
	}
	return nil
}

// show passes an entry on.
func (w *walker) show(f found, r io.Reader) error {
	if w.shown++; w.shown > w.limits.Members {
		return fmt.Errorf("more than %d files", w.limits.Members)
	}
	if w.sum != nil {
		b := append(append(w.scratch[:0], f.Name...), 0)
		b = binary.LittleEndian.AppendUint64(b, uint64(f.Size))
		w.scratch = binary.LittleEndian.AppendUint64(b, uint64(f.time))
		w.sum.Write(w.scratch) // never fails
	}
	return w.visit(f, r)
}

// refuse shows an entry that is not to be used.
func (w *walker) refuse(in uint16, name string, kind Kind, cause string) error {
	return w.show(found{Entry: Entry{Name: name, In: in, Kind: kind}, cause: cause}, nil)
}

// showHidden refuses what is hidden though it may be somebody's data: images, and folders on disk.
func (w *walker) showHidden(in uint16, prefix, name string, folder bool) error {
	at := hidden(name)
	nobodys := housekeeping(path.Base(at)) || !folder && !picture.IsNamed(name)
	if at = prefix + at; nobodys || w.hiddenSeen[at] {
		return nil
	}
	w.hiddenSeen[at] = true
	return w.refuse(in, at, Aside, "hidden, or the system's own: not read")
}

// root visits one path that is listed.
func (w *walker) root(r Root, info os.FileInfo, plain func(name string) bool) (err error) {
	c := &container{path: r.Path, prefix: r.Prefix}
	if !info.IsDir() {
		if c.kind, err = sniff(r.Path, plain != nil && plain(filepath.Base(r.Path))); err != nil {
			return err
		}
		if c.kind == inFolder {
			c = &container{path: filepath.Dir(r.Path), alone: r.Path}
		}
	}
	return w.inside(c, info)
}

// enter visits an archive that was met in a folder.
func (w *walker) enter(a Root) error {
	info, err := os.Stat(a.Path)
	if err != nil {
		return w.refuse(0, a.Prefix, Refused, causeOf(err))
	}
	kind, err := sniff(a.Path, false)
	if err != nil {
		return errors.New("not the archive that its name says: is it complete?")
	}
	stem, _ := ArchiveStem(a.Prefix)
	if err := w.show(found{Entry: Entry{Name: stem, Kind: Folder}}, nil); err != nil {
		return err
	}
	return w.inside(&container{kind: kind, path: a.Path, prefix: stem + "/"}, info)
}

// inside visits what a container holds.
func (w *walker) inside(c *container, info os.FileInfo) error {
	in := uint16(len(w.containers))
	if len(w.containers) == w.limits.Containers {
		return fmt.Errorf("more than %d archives", w.limits.Containers)
	}
	w.containers = append(w.containers, c)
	switch {
	case c.alone != "":
		return w.file(in, filepath.Base(c.alone), c.alone, info)
	case c.kind == inFolder:
		return w.folder(in)
	}
	c.size, c.time = info.Size(), info.ModTime().UnixNano()
	fmt.Fprintf(w.sum, "%d bytes of %d\n", c.size, c.time)
	return w.again(in)
}

// again visits an archive.
func (w *walker) again(in uint16) error {
	c := w.containers[in]
	f, err := os.Open(c.path)
	if err != nil {
		return err
	}
	defer f.Close()
	switch c.kind {
	case inTar:
		r, place := newSection(f, 0, c.size)
		return w.members(in, r, place, c.prefix, 1)
	case inZip:
		return w.zip(in, f)
	}
	return w.stream(in, f)
}

// ErrNoArchive is among the errors of a List when a root is neither a folder nor an archive.
var ErrNoArchive = errors.New("want a folder, .tar, .tar.gz or .zip")

// sniff looks at a file's first bytes, not at its name; inFolder stands for one that is plain, by its name.
func sniff(path string, plain bool) (containerKind, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	b := bufio.NewReader(f)
	kind, r := inTar, io.Reader(b)
	switch head, _ := b.Peek(4); {
	case string(head) == "PK\x03\x04" || string(head) == "PK\x05\x06":
		return inZip, nil
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		kind = inStream
		if r, err = gzip.NewReader(b); err != nil {
			return 0, err
		}
	}
	if plain {
		return inFolder, nil
	}
	if _, err := tar.NewReader(r).Next(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoArchive, err)
	}
	return kind, nil
}
