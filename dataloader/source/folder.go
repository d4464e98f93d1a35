package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// folder visits a folder on disk in the order of names, and then the folders that links lead to, every folder once: what
// is there by itself has its own name, whatever the links are called. Archives in it are kept for later, see
// walker.archives.
func (w *walker) folder(ctx context.Context, in uint16) error {
	c := w.containers[in]
	seen := map[string]string{} // real folder -> where it was met
	var links []string          // to folders
	var walk func(at string, depth int) error
	walk = func(at string, depth int) error {
		real, err := filepath.EvalSymlinks(filepath.Join(c.path, filepath.FromSlash(at)))
		if err != nil && at == "" {
			return err
		} else if err != nil {
			return w.refuse(c.prefix+at, in, causeOf(err))
		}
		if first, again := seen[real]; again {
			return w.refuse(c.prefix+at, in, "link to the folder "+path.Join(c.prefix, first))
		}
		if depth > maxFolderDepth {
			return w.refuse(c.prefix+at, in, fmt.Sprintf("folders nested more than %d times", maxFolderDepth))
		}
		seen[real] = at
		names, err := os.ReadDir(real)
		if err != nil && at == "" {
			return err
		} else if err != nil {
			return w.refuse(c.prefix+at, in, causeOf(err))
		}
		for _, name := range names {
			if err := ctx.Err(); err != nil {
				return err
			}
			p := path.Join(at, name.Name())
			if hidden(name.Name()) {
				if err := w.hidden(entry{path: p, dir: name.IsDir(), in: in}, c.prefix); err != nil {
					return err
				}
				continue
			}
			info, err := os.Stat(filepath.Join(real, name.Name()))
			if err == nil && info.IsDir() {
				if err := w.show(entry{path: c.prefix + p, dir: true, in: in}, 0, nil); err != nil {
					return err
				}
				if name.Type()&os.ModeSymlink != 0 {
					links = append(links, p)
				} else if err := walk(p, depth+1); err != nil {
					return err
				}
				continue
			}
			if err := w.file(c, in, p, filepath.Join(real, name.Name()), info, err); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk("", 0); err != nil {
		return err
	}
	for ; len(links) > 0; links = links[1:] {
		if err := walk(links[0], 1+strings.Count(links[0], "/")); err != nil {
			return err
		}
	}
	return nil
}

// file shows one file of a folder, whose Stat gave info and failed.
func (w *walker) file(c *container, in uint16, p, disk string, info os.FileInfo, failed error) error {
	switch {
	case failed != nil:
		return w.refuse(c.prefix+p, in, causeOf(failed))
	case !info.Mode().IsRegular():
		return w.refuse(c.prefix+p, in, "not a regular file")
	}
	if stem, _ := archiveStem(p); stem != "" {
		w.archives = append(w.archives, archive{path: disk, name: c.prefix + p, stem: c.prefix + stem})
		return nil
	}
	r := &lazyFile{path: disk}
	defer r.close()
	return w.show(entry{path: c.prefix + p, alone: w.alone, size: info.Size(), in: in}, info.ModTime().UnixNano(), r)
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

func (l *lazyFile) close() {
	if l.file != nil {
		l.file.Close()
	}
}
