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

// stream visits a .tar.gz from its beginning to its end. The place of an entry is that of its content when unpacked.
func (w *walker) stream(in uint16, f *os.File) error {
	c := w.containers[in]
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return fmt.Errorf("damaged archive: %w", err)
	}
	m := &meter{r: bufio.NewReaderSize(z, 64<<10), limit: w.UnpackedLimit(c.size)}
	m.over = fmt.Errorf("unpacks to more than %d MiB from %d bytes: this is no archive of pictures", m.limit>>20, c.size)
	return w.members(in, m, m.place, c.prefix, 1)
}

// A meter counts what is read. Reading beyond its limit is the error over.
type meter struct {
	r        io.Reader
	n, limit int64
	over     error
}

func (m *meter) place() int64 { return m.n }

func (m *meter) Read(p []byte) (int, error) {
	if m.n >= m.limit {
		return 0, m.over
	}
	n, err := m.r.Read(p[:min(int64(len(p)), m.limit-m.n)])
	m.n += int64(n)
	return n, err
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

// members visits the members of a tar, and of the tars in it: in a window in place, where what nobody reads is passed
// over, else as they come. place is how far r is in the container.
func (w *walker) members(in uint16, r io.Reader, place func() int64, prefix string, depth int) error {
	damaged := "damaged archive"
	if depth > 1 {
		damaged += " " + strings.TrimSuffix(prefix, "/") + ".tar"
	}
	win, _ := r.(*window)
	t := tar.NewReader(r)
	for end := place(); ; { // of the last member
		if err := w.ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if err == io.EOF {
			if place() < end+tarBlock {
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
		f := tarEntry(h)
		f.In, f.At = in, place()
		end = f.At + dataBytes(h)
		if win != nil && f.Kind == File && f.Size > win.end-f.At {
			return fmt.Errorf("%s: %s claims %d bytes, but %d follow", damaged, f.Name, f.Size, win.end-f.At)
		}
		if err := w.tarMember(f, t, win, place, prefix, depth); err != nil {
			return err
		}
	}
}

// tarMember visits one member of a tar, which r reads.
func (w *walker) tarMember(f found, r io.Reader, win *window, place func() int64, prefix string, depth int) error {
	stem, packed := ArchiveStem(f.Name)
	switch {
	case stem == "" || f.Kind != File || Hidden(f.Name):
	case packed:
		f.refuse("a packed archive in an archive: unpack the outer one")
	case depth == maxDepth:
		f.refuse(fmt.Sprintf("archives nested more than %d times", maxDepth))
	default:
		if win != nil {
			inner := &window{r: win.r, pos: f.At, end: f.At + f.Size, buf: make([]byte, windowBytes)}
			r, place = inner, inner.place
		}
		f.Name, f.Kind, f.Size, f.time = prefix+stem, Folder, 0, f.Size
		if err := w.show(f, nil); err != nil {
			return err
		}
		return w.members(f.In, r, place, f.Name+"/", depth+1)
	}
	if win != nil {
		r = nil
	}
	return w.member(f, r, prefix)
}

// member shows a member of an archive by its name in the tree. r reads it where it is streamed.
func (w *walker) member(f found, r io.Reader, prefix string) error {
	if f.Name == "." {
		return nil
	}
	if Hidden(f.Name) {
		return w.showHidden(f, prefix)
	}
	f.Name = prefix + f.Name
	return w.show(f, r)
}

func tarEntry(h *tar.Header) found {
	f := found{Entry: Entry{Name: path.Clean(h.Name), Size: h.Size}}
	switch cause := refusedName(h.Name); {
	case cause != "":
		f.Name = shown(h.Name)
		f.refuse(cause)
	case h.Typeflag == tar.TypeDir:
		f.Kind = Folder
	case h.Typeflag == tar.TypeLink, h.Typeflag == tar.TypeSymlink:
		f.refuse("link to " + h.Linkname + ": links in archives are not followed")
	case isSparse(h):
		f.refuse("a sparse file")
	case h.Typeflag != tar.TypeReg:
		f.refuse(fmt.Sprintf("not a regular file (type %q)", h.Typeflag))
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

func (w *window) place() int64 { return w.pos }

// Seek is for archive/tar, which passes over data from where it is.
func (w *window) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 || offset > w.end-w.pos {
		return 0, errors.New("seek beyond the end")
	}
	w.pos += offset
	return w.pos, nil
}
