// Package source recognises labelled images in whatever form they come, lists them without decoding a pixel, and gives
// their bytes. It knows nothing of what becomes of them.
//
// A source is one path or several, as docs/data.md describes. Of the layouts the first that fits is taken, or the one
// that Options.Format names. Beside them there are packed sets, and images that are drawn. Package tree says where
// files may be and what bounds there are, package layout how they may be arranged. Files are untrusted: what is not to
// be used is listed as rejected, with its cause.
package source

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"duet/dataloader/layout"
	"duet/dataloader/tree"
)

// Options say how paths are read. The zero value is usable.
type Options struct {
	// Format is one of Formats, or "" when the source is to be recognised by looking.
	Format string
	// Columns are the names of a table's columns of files, of labels and perhaps of splits; none: the usual names.
	Columns []string
	// Generated opens GeneratedPath; nil: that is an error.
	Generated func() (Source, error)
	// Packed opens a folder that holds PackedFile, which no other format looks at; nil: such a folder is an error.
	Packed func(dir string) (Source, error)
}

// PackedFile is the file by which a packed set is recognised.
const PackedFile = "set.json"

// GeneratedPath is the source that is no path: images that are drawn.
const GeneratedPath = "generated"

const formatPacked, formatCSV = "packed", "csv"

// Formats are the values of Options.Format: the layouts, and the two that no files are looked at for.
func Formats() []string {
	var names []string
	for _, l := range layouts {
		names = append(names, l.name)
	}
	return append(names, formatPacked, GeneratedPath)
}

// A Source gives images in two passes: List, then Read, any number of times. Neither may run beside the other.
type Source interface {
	// List looks at everything once; no pixels are decoded. progress, if any, is told now and then how many images were
	// found. Its errors are of the whole source: a damaged archive, a class without images.
	List(ctx context.Context, progress func(found int)) (*Listing, error)
	// Read emits the items that want wants (all when want is nil) in the order of Listing.Items, from one goroutine, after
	// a List. want may be asked about an item more than once. An error of emit ends it and is returned, perhaps within
	// another. An error of its own is of the whole source.
	Read(ctx context.Context, want func(item int) bool, emit func(item int, fetch Fetch) error) error
	// Unchanged is an error when an archive is not what it was when it was listed: what was fetched is then in doubt. It
	// is an ErrLost when that cannot be told.
	Unchanged() error
	// Close ends the source; no Fetch may be called after it.
	Close() error
}

// A Fetch gives the content of one emitted item. It may be called from any goroutine, until the source is closed. buf
// is scratch that the bytes may be put in; they may be elsewhere too. An error rejects this item, and is the cause,
// unless it is an ErrLost.
type Fetch func(buf []byte) (Content, error)

// Content is an encoded file, or the pixels of a source that needs no decoder; the other is nil.
type Content struct {
	Encoded []byte
	Image   image.Image
}

// What a source holds; package layout says more of each.
type (
	Listing  = layout.Listing
	Class    = layout.Class
	Item     = layout.Item
	Fault    = layout.Fault
	Rejected = layout.Rejected
)

// MaxSide is the largest side of images that are kept as they are.
const MaxSide = layout.MaxSide

// ErrLost is among the errors of a Fetch when it is not the item that is at fault, ErrAdvice among those of Open and
// List that advise a flag, or other paths.
var (
	ErrLost   = tree.ErrLost
	ErrAdvice = layout.ErrAdvice
)

// Open recognises what the paths are: one or several, in any order.
func Open(paths []string, o Options) (Source, error) {
	if o.Format != "" && !slices.Contains(Formats(), o.Format) {
		return nil, fmt.Errorf("source format %q: want one of %s", o.Format, strings.Join(Formats(), ", "))
	}
	if len(paths) == 0 {
		return nil, errors.New("no source: want at least one path, or the word " + GeneratedPath)
	}
	if slices.Contains(paths, GeneratedPath) || o.Format == GeneratedPath {
		if len(paths) > 1 || paths[0] != GeneratedPath || o.Format != "" && o.Format != GeneratedPath {
			return nil, fmt.Errorf("source %s: want the word %q alone, and no other format", strings.Join(paths, " "),
				GeneratedPath)
		}
		if o.Generated == nil {
			return nil, fmt.Errorf("source %q: images are not drawn here", GeneratedPath)
		}
		return o.Generated()
	}
	if err := apart(paths); err != nil {
		return nil, err
	}
	packed := isPacked(paths[0])
	if o.Format == formatPacked || packed && (o.Format == "" || len(paths) > 1) {
		if len(paths) > 1 || !packed || o.Packed == nil {
			return nil, fmt.Errorf("source %s: want a packed set alone, a folder with %s in it", strings.Join(paths, " "),
				PackedFile)
		}
		return o.Packed(paths[0])
	}
	request, err := o.request(len(paths))
	if err != nil {
		return nil, err
	}
	return &files{paths: slices.Clone(paths), request: request}, nil
}

// request is what is asked of the layouts. Who names columns asks for a table.
func (o Options) request(paths int) (layout.Request, error) {
	r := layout.Request{Format: o.Format, Columns: slices.Clone(o.Columns), Roots: paths}
	for i, name := range r.Columns {
		r.Columns[i] = strings.TrimSpace(name)
	}
	switch {
	case len(r.Columns) == 0:
		return r, nil
	case len(r.Columns) == 1 || len(r.Columns) > 3 || slices.Contains(r.Columns, ""):
		return r, fmt.Errorf("columns %q: want the names of those of files, of labels and perhaps of splits", o.Columns)
	case o.Format != "" && o.Format != formatCSV:
		return r, fmt.Errorf("columns %q are asked for, which the format %s has none of", o.Columns, o.Format)
	}
	r.Format = formatCSV
	return r, nil
}

func isPacked(path string) bool {
	info, err := os.Stat(filepath.Join(path, PackedFile))
	return err == nil && info.Mode().IsRegular()
}

// apart refuses paths that are not there, the same, or folders within each other: their images would be taken twice.
func apart(paths []string) error {
	infos, real := make([]os.FileInfo, len(paths)), make([]string, len(paths))
	for i, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("source %s does not exist: want a folder, .tar, .tar.gz or .zip of images, a packed set, "+
				"or the word %q", path, GeneratedPath)
		}
		if err == nil {
			real[i], err = filepath.EvalSymlinks(path)
		}
		if err == nil {
			real[i], err = filepath.Abs(real[i])
		}
		if err != nil {
			return fmt.Errorf("source: %w", err)
		}
		if !info.IsDir() && !info.Mode().IsRegular() {
			return fmt.Errorf("source %s is neither a folder nor a regular file", path)
		}
		infos[i] = info
		for k, other := range paths[:i] {
			switch {
			case os.SameFile(info, infos[k]):
				return fmt.Errorf("source %s is given twice: want it once", path)
			case info.IsDir() && infos[k].IsDir() && (Within(real[i], real[k]) || Within(real[k], real[i])):
				return fmt.Errorf("sources %s and %s: one lies within the other: want one of them", other, path)
			}
		}
	}
	return nil
}

// Within reports whether a path is a folder or lies below it. Both are absolute and without links.
func Within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}
