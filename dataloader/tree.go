package dataloader

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// A tree is a folder or an archive: files in an order that every visit repeats.
type tree interface {
	// visit calls f for every folder and file. r reads the file, and is only good until f returns.
	visit(ctx context.Context, f func(e entry, r io.Reader) error) error
	fmt.Stringer
}

// An entry is a file or a folder of a tree.
type entry struct {
	path    string // relative, with slashes, and local: never above the tree
	size    int64
	dir     bool
	refused string // why the entry is not to be used; "" when it may
}

// hidden reports whether a path is housekeeping of an operating system rather than somebody's data.
func hidden(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		if strings.HasPrefix(part, ".") || part == "__MACOSX" {
			return true
		}
	}
	return false
}

// A folder is a tree on disk, visited in the order of names. Links are followed, to every folder once.
type folder string

func (d folder) String() string { return string(d) }

func (d folder) visit(ctx context.Context, f func(entry, io.Reader) error) error {
	seen := map[string]string{} // real folder -> where it was met
	var walk func(at string) error
	walk = func(at string) error {
		real, err := filepath.EvalSymlinks(filepath.Join(string(d), filepath.FromSlash(at)))
		if err != nil {
			return err
		}
		if first, again := seen[real]; again {
			return f(entry{path: at, refused: "link to the folder " + first}, nil)
		}
		seen[real] = at
		names, err := os.ReadDir(real)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := ctx.Err(); err != nil {
				return err
			}
			if hidden(name.Name()) {
				continue
			}
			p := path.Join(at, name.Name())
			info, err := os.Stat(filepath.Join(real, name.Name()))
			switch {
			case err != nil:
				err = f(entry{path: p, refused: causeOf(err)}, nil)
			case info.IsDir():
				if err = f(entry{path: p, dir: true}, nil); err == nil {
					err = walk(p)
				}
			case !info.Mode().IsRegular():
				err = f(entry{path: p, refused: "not a regular file"}, nil)
			default:
				r := &lazyFile{path: filepath.Join(real, name.Name())}
				err = f(entry{path: p, size: info.Size()}, r)
				r.close()
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return walk("")
}

// causeOf is an error without the path that the report gives already.
func causeOf(err error) string {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// A lazyFile is opened by the first Read, so that files which nobody reads cost nothing.
type lazyFile struct {
	path string
	file *os.File
}

func (l *lazyFile) Read(b []byte) (int, error) {
	if l.file == nil {
		f, err := os.Open(l.path)
		if err != nil {
			return 0, &fileError{err}
		}
		l.file = f
	}
	n, err := l.file.Read(b)
	if err != nil && err != io.EOF {
		err = &fileError{err}
	}
	return n, err
}

// A fileError is the trouble of one file of a folder: the others can be read all the same.
type fileError struct{ error }

func (f *fileError) Error() string { return causeOf(f.error) }
func (f *fileError) Unwrap() error { return f.error }

func (l *lazyFile) close() {
	if l.file != nil {
		l.file.Close()
	}
}

// A tarFile is a .tar or .tar.gz, streamed: nothing is unpacked to disk.
type tarFile struct {
	path   string
	zipped bool
}

func (t tarFile) String() string { return t.path }

// openTar looks at a file's first bytes, not at its name.
func openTar(path string) (tarFile, error) {
	t := tarFile{path: path}
	f, err := os.Open(path)
	if err != nil {
		return t, fmt.Errorf("source: %w", err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if head, _ := r.Peek(4); bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return t, fmt.Errorf("source %s is a .zip: unpack it, or repack it as .tar", path)
	} else if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(r)
		if err != nil {
			return t, fmt.Errorf("source %s: %w", path, err)
		}
		t.zipped, r = true, bufio.NewReader(z)
	}
	if _, err := tar.NewReader(r).Next(); err != nil {
		return t, fmt.Errorf("source %s is not a folder, .tar or .tar.gz (%w)", path, err)
	}
	return t, nil
}

func (t tarFile) visit(ctx context.Context, f func(entry, io.Reader) error) error {
	file, err := os.Open(t.path)
	if err != nil {
		return err
	}
	defer file.Close()
	var r io.Reader = file // a plain file, so that the tar reader seeks over what nobody reads
	if t.zipped {
		z, err := gzip.NewReader(bufio.NewReaderSize(file, 1<<20))
		if err != nil {
			return err
		}
		r = z
	}
	members := tar.NewReader(r)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := members.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("damaged archive: %w", err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // a comment on the archive, as git writes it
		}
		if e := tarEntry(h); e.path != "." && (e.refused != "" || !hidden(e.path)) {
			if err := f(e, members); err != nil {
				return err
			}
		}
	}
}

// tarEntry refuses what could reach out of the archive. Nothing is written to disk by a member's name, so refusing is
// about honest file lists rather than about safety.
func tarEntry(h *tar.Header) entry {
	e := entry{path: path.Clean(h.Name), size: h.Size}
	switch {
	case !filepath.IsLocal(h.Name) || strings.ContainsRune(h.Name, 0):
		e.path, e.refused = h.Name, "path leads out of the archive"
	case h.Typeflag == tar.TypeDir:
		e.dir = true
	case h.Typeflag == tar.TypeLink || h.Typeflag == tar.TypeSymlink:
		e.refused = "link to " + h.Linkname
	case h.Typeflag != tar.TypeReg:
		e.refused = fmt.Sprintf("not a regular file (type %q)", h.Typeflag)
	}
	return e
}
