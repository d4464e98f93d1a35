package tree

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// stream visits a .tar.gz from its beginning to its end. The place of an entry is its number.
func (w *walker) stream(in uint16, f *os.File) error {
	c := w.containers[in]
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return fmt.Errorf("damaged archive: %w", err)
	}
	w.numbered = 0
	limit := w.UnpackedLimit(c.size)
	over := fmt.Errorf("unpacks to more than %d MiB from %d bytes: this is no archive of pictures", limit>>20, c.size)
	return w.members(in, bufio.NewReaderSize(&meter{r: z, limit: limit, over: over}, 64<<10), c.prefix, 1)
}

const tarBlock = 512

// dataBytes is how much of an archive a member's content takes at least.
func dataBytes(h *tar.Header) int64 {
	if (h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeCont) && !isSparse(h) {
		return (h.Size + tarBlock - 1) / tarBlock * tarBlock
	}
	return 0
}

func isSparse(h *tar.Header) bool {
	return h.Typeflag == tar.TypeGNUSparse || h.PAXRecords["GNU.sparse.major"] != "" ||
		h.PAXRecords["GNU.sparse.map"] != ""
}

// A meter counts what is read. Where it has a limit, reading beyond it is the error over.
type meter struct {
	r        io.Reader
	n, limit int64
	over     error
}

func (m *meter) Read(p []byte) (int, error) {
	if m.over != nil {
		if m.n >= m.limit {
			return 0, m.over
		}
		p = p[:min(int64(len(p)), m.limit-m.n)]
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	return n, err
}

// members visits the members of a tar, and of the tars in it: of a plain one in place, where what nobody reads is
// passed over.
func (w *walker) members(in uint16, r io.Reader, prefix string, depth int) error {
	damaged := "damaged archive"
	if depth > 1 {
		damaged += " " + strings.TrimSuffix(prefix, "/") + ".tar"
	}
	win, random := r.(*window)
	count := &meter{r: r}
	t, at := tar.NewReader(count), func() int64 { return count.n }
	if random {
		first := win.pos
		t, at = tar.NewReader(r), func() int64 { return win.pos - first }
	}
	for end := int64(0); ; { // of the last member
		if err := w.ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if err == io.EOF {
			if at() < end+tarBlock {
				return fmt.Errorf("%s: ends without the empty block that ends a .tar: is it complete?", damaged)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", damaged, err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // a comment on the archive, as git writes it
		}
		end = at() + dataBytes(h)
		f := tarEntry(h)
		f.In, f.At = in, w.numbered
		w.numbered++
		if random {
			f.At = win.pos
			if f.Kind == File && f.Size > win.end-f.At {
				return fmt.Errorf("%s: %s claims %d bytes, but %d follow", damaged, f.Name, f.Size, win.end-f.At)
			}
		}
		if err := w.member(f, t, win, prefix, depth); err != nil {
			return err
		}
	}
}

// member visits one member of an archive, which r reads; win is the window that it lies in, nil where that is no plain
// tar.
func (w *walker) member(f found, r io.Reader, win *window, prefix string, depth int) error {
	if f.Name == "." {
		return nil
	}
	if (f.Kind != Refused || f.link != "" || f.symlink) && Hidden(f.Name) {
		return w.showHidden(f, prefix)
	}
	stem, packed := ArchiveStem(f.Name)
	f.Name = prefix + f.Name
	if f.link != "" {
		f.link = prefix + f.link
	}
	if stem == "" || f.Kind != File {
		return w.show(f, r)
	}
	switch {
	case packed:
		f.Kind, f.cause = Refused, "a packed archive in an archive: unpack the outer one"
		return w.show(f, nil)
	case depth == maxDepth:
		f.Kind, f.cause = Refused, fmt.Sprintf("archives nested more than %d times", maxDepth)
		return w.show(f, nil)
	}
	if win != nil {
		r = &window{r: win.r, pos: f.At, end: f.At + f.Size, buf: make([]byte, windowBytes)}
	}
	f.Name, f.Kind, f.Size, f.time = path.Join(prefix, stem), Folder, 0, f.Size
	if err := w.show(f, nil); err != nil {
		return err
	}
	return w.members(f.In, r, prefix+stem+"/", depth+1)
}

func tarEntry(h *tar.Header) found {
	f := found{Entry: Entry{Name: path.Clean(h.Name), Size: h.Size}}
	refuse := func(cause string) { f.Kind, f.cause = Refused, cause }
	switch cause := refusedName(h.Name); {
	case cause != "":
		f.Name = shown(h.Name)
		refuse(cause)
	case h.Typeflag == tar.TypeDir:
		f.Kind = Folder
	case h.Typeflag == tar.TypeLink:
		refuse("link to " + h.Linkname)
		f.link = linked(".", h.Linkname)
	case h.Typeflag == tar.TypeSymlink:
		refuse("link to " + h.Linkname)
		f.link = linked(path.Dir(f.Name), h.Linkname)
	case isSparse(h):
		refuse("a sparse file")
	case h.Typeflag != tar.TypeReg:
		refuse(fmt.Sprintf("not a regular file (type %q)", h.Typeflag))
	}
	return f
}

// A window reads bytes pos to end of a file through a small buffer: large enough for the end of one member and the
// header of the next, small enough that passing over members reads little of the disk.
type window struct {
	r        io.ReaderAt
	pos, end int64
	buf      []byte
	at       int64 // of buf
	n        int   // bytes of it that are there
}

const windowBytes = 2 << 10

func (w *window) Read(p []byte) (int, error) {
	p = p[:min(int64(len(p)), max(w.end-w.pos, 0))]
	if len(p) == 0 {
		return 0, io.EOF
	}
	if w.pos < w.at || w.pos >= w.at+int64(w.n) {
		n, err := w.r.ReadAt(w.buf[:min(int64(len(w.buf)), w.end-w.pos)], w.pos)
		w.at, w.n = w.pos, n
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, w.buf[w.pos-w.at:w.n])
	w.pos += int64(n)
	return n, nil
}

// Seek is for archive/tar, which passes over data from where it is.
func (w *window) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 || offset > w.end-w.pos {
		return 0, errors.New("seek beyond the end")
	}
	w.pos += offset
	return w.pos, nil
}
