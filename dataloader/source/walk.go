package source

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A container is what holds files: a folder or an archive on disk.
type container struct {
	kind    containerKind
	path    string // on disk
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

// A walker visits everything that paths hold.
type walker struct {
	containers []*container
	archives   []archive // met in folders
	visit      visitFunc
	alone      string // the path that is one file
	hiddenSeen map[string]bool
	sum        hash.Hash // of what was shown; nil: none is wanted
	scratch    []byte
	numbered   int64 // members of the archive so far
	shown      int
}

// An archive was met in a folder; stem is its name without its ending.
type archive struct{ path, name, stem string }

// show passes an entry on. time is what else tells whether it is unchanged.
func (w *walker) show(e entry, time int64, r io.Reader) error {
	if w.shown++; w.shown > maxMembers {
		return fmt.Errorf("more than %d files", maxMembers)
	}
	if w.sum != nil {
		b := append(append(w.scratch[:0], e.path...), 0)
		b = binary.LittleEndian.AppendUint64(b, uint64(e.size))
		w.scratch = binary.LittleEndian.AppendUint64(b, uint64(time))
		w.sum.Write(w.scratch) // never fails
	}
	return w.visit(e, r)
}

// hidden refuses what is hidden though it may be somebody's data: images, and folders of them as far as they are known.
func (w *walker) hidden(e entry, prefix string) error {
	if housekeeping(e.path) {
		return nil
	}
	at, cause := e.path, "hidden: not read"
	system := outermost(e.path, isSystem)
	if system != "" {
		at, cause = system, "the system's own folder: not read"
	} else if inside := hiddenFolder(e.path); inside != "" && !e.dir {
		at = inside
	}
	switch {
	case system == "" && !isImage(e.path) && !(e.dir && w.containers[e.in].kind == inFolder):
		return nil
	case w.hiddenSeen[prefix+at]:
		return nil
	}
	if w.hiddenSeen == nil {
		w.hiddenSeen = map[string]bool{}
	}
	w.hiddenSeen[prefix+at] = true
	return w.show(entry{path: prefix + at, in: e.in, refused: cause, aside: true}, 0, nil)
}

func (w *walker) refuse(p string, in uint16, cause string) error {
	return w.show(entry{path: p, in: in, refused: cause}, 0, nil)
}

func (w *walker) add(c *container) (uint16, error) {
	if len(w.containers) == maxContainers {
		return 0, fmt.Errorf("%s: more than %d archives", c.path, maxContainers)
	}
	w.containers = append(w.containers, c)
	return uint16(len(w.containers) - 1), nil
}

// root visits one path of the source. What names its entries begins with prefix.
func (w *walker) root(ctx context.Context, path, prefix string) error {
	info, err := os.Stat(path)
	if err != nil {
		return withPath(path, err)
	}
	if info.IsDir() {
		in, err := w.add(&container{kind: inFolder, path: path, prefix: prefix})
		if err == nil {
			err = w.folder(ctx, in)
		}
		return withPath(path, err)
	}
	kind, err := sniff(path)
	if err != nil {
		return withPath(path, err)
	}
	if kind != inFolder {
		return w.archive(ctx, path, prefix, kind, info)
	}
	in, err := w.add(&container{kind: inFolder, path: filepath.Dir(path)}) // a file alone: a table of labels
	if err != nil {
		return err
	}
	w.alone = path
	defer func() { w.alone = "" }()
	return withPath(path, w.file(w.containers[in], in, filepath.Base(path), path, info, nil))
}

// met visits an archive that was met in a folder.
func (w *walker) met(ctx context.Context, a archive) error {
	info, err := os.Stat(a.path)
	if err != nil {
		return w.refuse(a.name, 0, causeOf(err))
	}
	kind, err := sniff(a.path)
	if err != nil || kind == inFolder {
		return fmt.Errorf("%s is not the archive that its name says: is it complete?", a.path)
	}
	if err := w.show(entry{path: a.stem, dir: true}, 0, nil); err != nil {
		return withPath(a.path, err)
	}
	return w.archive(ctx, a.path, a.stem+"/", kind, info)
}

func (w *walker) archive(ctx context.Context, path, prefix string, kind containerKind, info os.FileInfo) error {
	in, err := w.add(&container{kind: kind, path: path, prefix: prefix, size: info.Size(), time: info.ModTime().UnixNano()})
	if err != nil {
		return err
	}
	if w.sum != nil {
		fmt.Fprintf(w.sum, "%d bytes of %d\n", info.Size(), info.ModTime().UnixNano())
	}
	return withPath(path, w.again(ctx, in))
}

// again visits one container.
func (w *walker) again(ctx context.Context, in uint16) error {
	switch w.containers[in].kind {
	case inTar:
		return w.tar(ctx, in)
	case inZip:
		return w.zip(ctx, in)
	case inStream:
		return w.stream(ctx, in)
	}
	return w.folder(ctx, in)
}

func withPath(path string, err error) error {
	if err == nil || strings.HasPrefix(err.Error(), path) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// plainFile matches the names of files that are given alone, beside the images.
var plainFile = regexp.MustCompile(`(?i)(\.(txt|csv|tsv|mat|bin)|-ubyte(\.gz)?)$`)

// sniff looks at a file's first bytes, not at its name; inFolder stands for a plain file.
func sniff(path string) (containerKind, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	head, _ := r.Peek(4)
	plain := plainFile.MatchString(filepath.Base(path))
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		return inZip, nil
	}
	kind := inTar
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(r)
		if err != nil {
			return 0, err
		}
		kind, r = inStream, bufio.NewReader(z)
	}
	if plain {
		return inFolder, nil
	}
	if _, err := tar.NewReader(r).Next(); err != nil {
		return 0, fmt.Errorf("want a folder, .tar, .tar.gz or .zip, or a table or list of labels named .csv, .tsv or .txt: %w", err)
	}
	return kind, nil
}

// prefixes are what names the entries of each of several paths: a split when its name stands for one that no other does, as
// in pets_train.tar, else its name without its ending. One path alone has none.
func prefixes(paths []string) []string {
	names, splits := make([]string, len(paths)), make([]split, len(paths))
	if len(paths) == 1 {
		return names
	}
	for i, p := range paths {
		base := filepath.Base(filepath.Clean(p))
		if stem, _ := archiveStem(base); stem != "" {
			base = stem
		}
		if !strings.HasPrefix(base, "ILSVRC") {
			splits[i], _ = splitOf(base)
		}
		if hidden(base) || base == ".." || base == "/" || base == "." {
			base = fmt.Sprintf("source%d", i+1)
		}
		names[i] = base + "/"
	}
	for i, s := range splits {
		if s != noSplit && s != sideSplit && slices.Index(splits, s) == i && !slices.Contains(splits[i+1:], s) && !plainFile.MatchString(paths[i]) {
			names[i] = s.String() + "/"
		}
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) { // or images of one name would be taken for the same
			names[i] = fmt.Sprintf("%s%d/", strings.TrimSuffix(name, "/"), i+1)
		}
	}
	return names
}
