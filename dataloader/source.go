package dataloader

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// generatedPath is the source that is no path.
const generatedPath = "generated"

// A source gives images in two passes: one that lists them, one that reads them.
type source interface {
	// list looks at everything once.
	list(ctx context.Context) (*listing, error)
	// read emits each listed item, in an order of its own, from one goroutine.
	read(ctx context.Context, emit emitFunc) error
	// decode turns what read emitted into an image. It is called from many goroutines.
	decode(item int, data []byte) (image.Image, error)
}

// An emitFunc takes the bytes of an item, or the cause why it cannot be read; its error ends the reading.
type emitFunc func(item int, data []byte, cause error) error

// A listing is what a source holds.
type listing struct {
	kind     string // such as "CIFAR-10 binary"
	classes  []string
	items    []item
	rejected []Rejected
}

// An item is one image of a source.
type item struct {
	val           bool // of the validation split
	label         int32
	name          string // where it is in the source
	width, height int    // in pixels, as its header says; 0 when unreadable
}

// Rejected is something of a source that is not in the packed set.
type Rejected struct {
	File, Cause string
}

// A format finds the images in a tree of files.
type format interface {
	// look is shown every file once, and reads from r what it needs to know.
	look(e entry, r io.Reader) error
	// listing is what was found: nil when the tree is not of this format.
	listing() (*listing, error)
	// read emits the items that a file holds.
	read(e entry, r io.Reader, emit emitFunc) error
	decode(data []byte) (image.Image, error)
}

// A treeSource is a tree of files in the first format that fits it.
type treeSource struct {
	tree   tree
	format format
}

func (s *treeSource) list(ctx context.Context) (*listing, error) {
	formats := []format{newCIFAR(), newIDX(), newClassFolders()}
	var refused []Rejected
	err := s.tree.visit(ctx, func(e entry, r io.Reader) error {
		if e.refused != "" {
			refused = append(refused, Rejected{e.path, e.refused})
			return nil
		}
		for _, f := range formats {
			if err := f.look(e, r); err != nil {
				return fmt.Errorf("%s: %w", e.path, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.tree, err)
	}
	for _, f := range formats {
		l, err := f.listing()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.tree, err)
		}
		if l != nil {
			s.format = f
			l.rejected = append(refused, l.rejected...)
			return l, nil
		}
	}
	return nil, fmt.Errorf("%s holds no images that are recognised: want class folders of JPEG or PNG files "+
		"(CLASS/IMAGE, or train/CLASS/IMAGE and val/CLASS/IMAGE), CIFAR-10's binary files or IDX files", s.tree)
}

func (s *treeSource) read(ctx context.Context, emit emitFunc) error {
	err := s.tree.visit(ctx, func(e entry, r io.Reader) error {
		if e.refused != "" || e.dir {
			return nil
		}
		if err := s.format.read(e, r, emit); err != nil {
			return fmt.Errorf("%s: %w", e.path, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", s.tree, err)
	}
	return nil
}

func (s *treeSource) decode(_ int, data []byte) (image.Image, error) { return s.format.decode(data) }

// openSource recognises what path is.
func openSource(path string, o PrepareOptions) (source, error) {
	if path == generatedPath {
		if err := o.Generated.validate(); err != nil {
			return nil, err
		}
		return &generatedSource{Generated: o.Generated, seed: o.Seed}, nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf(`source %s does not exist: want a packed set, or a folder, .tar or .tar.gz of images, or the word "generated"`, path)
	}
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	if !info.IsDir() {
		t, err := openTar(path)
		if err != nil {
			return nil, err
		}
		return &treeSource{tree: t}, nil
	}
	if _, err := os.Stat(filepath.Join(path, setFile)); err == nil {
		return nil, fmt.Errorf("source %s is a packed set already", path)
	}
	return &treeSource{tree: folder(path)}, nil
}

// sourceName is the name of a source without its folders and its archive's endings.
func sourceName(path string) string {
	name := filepath.Base(filepath.Clean(path))
	for _, end := range []string{".gz", ".tgz", ".tar"} {
		name = strings.TrimSuffix(name, end)
	}
	if name = strings.Trim(name, "./\\"); name == "" {
		return "set"
	}
	return name
}
