// Package source recognises labelled images in whatever form they come, lists them without decoding a pixel, and gives
// their bytes. It knows nothing of what becomes of them.
//
// A source is one path or several. The first of these that fits is taken, or the one that Options.Format names:
//
//	ilsvrc2012  the archives of ILSVRC2012 as they are downloaded (ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar and
//	            ILSVRC2012_devkit_t12.tar.gz), one path each or in one folder, or the same unpacked
//	cifar       CIFAR-10's or CIFAR-100's binary files
//	idx         IDX files, as MNIST comes
//	csv         images and tables of their labels, in their folders or as paths of their own; for all of one split when they,
//	            or their folders, are named so
//	folders     class folders, with or without splits above them; paths that are named as splits are splits
//	packed      a packed set, by Options.Packed
//	generated   the word "generated": images that are drawn
//
// Splits are named train, val (or valid, validation, dev) and test, which validates where there is no val; other names with
// such a word in them, as seg_train, count where all folders have one. What looks like no classes at all (a single folder,
// folders that are named as parts of a data set) is an error, and a folder beside classes that is hardly one a Fault, unless
// the format folders is asked for.
//
// Labels are in the order of the classes' names: where all are whole numbers in that of their values, else of their bytes.
//
// Where files are: in a folder, a .tar, a .tar.gz or a .zip. An archive in a folder, or a .tar in a tar, stands for a
// folder of its name without its ending. Archives are read in place; nothing is ever written to disk.
//
// Files are untrusted. Names that lead out of an archive, links to anything but an image in it, devices and damaged files
// are listed as rejected with their cause; the limits are constants of this package (limits.go).
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

	"duet/dataloader/picture"
)

// Options say how paths are read. The zero value is usable.
type Options struct {
	// Format is one of Formats, or "" when the source is to be recognised by looking.
	Format string
	// Columns are the names of a table's columns of files, of labels and perhaps of splits; none: the usual names.
	Columns []string
	// Generated is what the source "generated" draws, with Seed; the zero value stands for DefaultGenerated.
	Generated Generated
	Seed      uint64
	// Packed opens a folder that holds PackedFile, which no other format looks at; nil: such a folder is an error.
	Packed func(dir string) (Source, error)
}

// PackedFile is the file by which a packed set is recognised.
const PackedFile = "set.json"

// GeneratedPath is the source that is no path: images that are drawn.
const GeneratedPath = "generated"

// The formats, in the order in which they are tried, and the two that no files are looked at for.
const (
	formatILSVRC    = "ilsvrc2012"
	formatCIFAR     = "cifar"
	formatIDX       = "idx"
	formatCSV       = "csv"
	formatFolders   = "folders"
	formatPacked    = "packed"
	formatGenerated = GeneratedPath
)

// Formats are the values of Options.Format.
func Formats() []string {
	return []string{formatILSVRC, formatCIFAR, formatIDX, formatCSV, formatFolders, formatPacked, formatGenerated}
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
	// Unchanged is an error when an archive is not what it was when it was listed: what was fetched is then in doubt. It is an
	// ErrLost when that cannot be told.
	Unchanged() error
	// Close ends the source; no Fetch may be called after it.
	Close() error
}

// A Fetch gives the content of one emitted item. It may be called from any goroutine, until the source is closed. buf is
// scratch that the bytes may be put in; they may be elsewhere too. An error rejects this item, and is the cause, unless it
// is an ErrLost.
type Fetch func(buf []byte) (Content, error)

// Content is an encoded file, or the pixels of a source that needs no decoder; the other is nil.
type Content struct {
	Encoded []byte
	Image   image.Image
}

// A Listing is what a source holds.
type Listing struct {
	Kind     string  // such as "ILSVRC2012", "class folders in train and val", "CIFAR-10 binary"
	Classes  []Class // by label
	Items    []Item  // in the order of Read: training first, by class and name; what is streamed comes in its archive's order
	Rejected []Rejected
	Faults   []Fault  // classes that are not among Classes
	Notes    []string // on what was not used, such as a table of something else
	Side     int      // in pixels, when all images are square, alike and at most MaxSide; else 0
	// Reading is how the files of a packed set were read, once and for all; nil of any other source.
	Reading *picture.Reading
	// Fingerprint is a hexadecimal SHA-256 of the names, sizes and labels, and of the times of modification of the files
	// on disk: two equal ones are of the same source, unchanged. Paths of the source itself are not in it.
	Fingerprint string
}

// A Class is a label's meaning.
type Class struct {
	ID   string // the folder, WordNet ID or label by which the source names it
	Name string // for people; "" when the source has none
}

// An Item is one image. There may be millions: 40 bytes and a name each.
type Item struct {
	Name  string // where it is in the source, with slashes
	Label int32
	Val   bool   // of the validation split
	in    uint16 // container
	size  int64  // bytes
	at    int64  // place in the container: an offset, or the number of a member
}

// Bytes is the size of the item's file, as it was listed; 0 where items are no files.
func (it Item) Bytes() int64 { return it.size }

// A Fault is a class that cannot be used, such as one without a training image. Unless it is left out on purpose it is an
// error.
type Fault struct {
	Class   string
	Problem string // begins with the class
}

// Rejected is something of a source that is not among its items.
type Rejected struct {
	File, Cause string
	Aside       bool // nothing is wrong with it: it is of another split, hidden, of another task
}

// Open recognises what the paths are: one or several, in any order.
func Open(paths []string, o Options) (Source, error) {
	if o.Format != "" && !slices.Contains(Formats(), o.Format) {
		return nil, fmt.Errorf("source format %q: want one of %s", o.Format, strings.Join(Formats(), ", "))
	}
	if len(paths) == 0 {
		return nil, errors.New("no source: want at least one path, or the word " + formatGenerated)
	}
	if slices.Contains(paths, formatGenerated) || o.Format == formatGenerated {
		if len(paths) > 1 || paths[0] != formatGenerated || o.Format != "" && o.Format != formatGenerated {
			return nil, fmt.Errorf("source %s: want the word %q alone, and no other format", strings.Join(paths, " "), formatGenerated)
		}
		return newGenerated(o)
	}
	infos := make([]os.FileInfo, len(paths))
	for i, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("source %s does not exist: want a folder, .tar, .tar.gz or .zip of images, a packed set, or the word %q",
				path, formatGenerated)
		}
		if err != nil {
			return nil, fmt.Errorf("source: %w", err)
		}
		if !info.IsDir() && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("source %s is neither a folder nor a regular file", path)
		}
		infos[i] = info
	}
	if err := overlap(paths, infos); err != nil {
		return nil, err
	}
	packed := isPacked(paths[0])
	switch {
	case len(paths) == 1 && (packed && o.Format == "" || o.Format == formatPacked):
		if o.Packed == nil || !packed {
			return nil, fmt.Errorf("source %s: want a packed set, a folder with %s in it", paths[0], PackedFile)
		}
		return o.Packed(paths[0])
	case o.Format == formatPacked || packed && len(paths) > 1:
		return nil, fmt.Errorf("source %s: want a packed set alone", strings.Join(paths, " "))
	}
	columns := slices.Clone(o.Columns)
	for i, name := range columns {
		columns[i] = strings.TrimSpace(name)
	}
	if len(o.Columns) == 1 || len(o.Columns) > 3 || slices.Contains(columns, "") {
		return nil, fmt.Errorf("columns %q: want the names of those of files, of labels and perhaps of splits", o.Columns)
	}
	return &files{paths: slices.Clone(paths), given: infos, format: o.Format, columns: columns}, nil
}

func isPacked(path string) bool {
	info, err := os.Stat(filepath.Join(path, PackedFile))
	return err == nil && info.Mode().IsRegular()
}

// overlap refuses paths that are the same, and folders within each other: their images would be taken twice.
func overlap(paths []string, infos []os.FileInfo) error {
	real := make([]string, len(paths))
	for i, path := range paths {
		var err error
		if real[i], err = filepath.EvalSymlinks(path); err == nil {
			real[i], err = filepath.Abs(real[i])
		}
		if err != nil {
			return fmt.Errorf("source: %w", err)
		}
	}
	for i, path := range paths {
		for k, other := range paths {
			switch {
			case k < i && os.SameFile(infos[i], infos[k]):
				return fmt.Errorf("source %s is given twice: want it once", path)
			case k != i && infos[i].IsDir() && infos[k].IsDir() && real[i] != real[k] && Within(real[i], real[k]):
				return fmt.Errorf("source %s lies within %s: want one of them", path, other)
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
