package source

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// tar visits a plain .tar in place: what nobody reads is passed over.
func (w *walker) tar(ctx context.Context, in uint16) error {
	c := w.containers[in]
	f, err := os.Open(c.path)
	if err != nil {
		return err
	}
	defer f.Close()
	return w.members(ctx, in, &window{r: f, end: c.size, buf: make([]byte, windowBytes)}, c.prefix, 1)
}

// stream visits a .tar.gz from its beginning to its end. The place of an entry is its number.
func (w *walker) stream(ctx context.Context, in uint16) error {
	c := w.containers[in]
	f, err := os.Open(c.path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return fmt.Errorf("damaged archive: %w", err)
	}
	w.numbered = 0
	limit := unpackedLimit(c.size)
	bounded := &boundedReader{r: z, left: limit, err: fmt.Errorf("unpacks to more than %d MiB from %d bytes: this is no archive of pictures",
		limit>>20, c.size)}
	return w.members(ctx, in, bufio.NewReaderSize(bounded, 64<<10), c.prefix, 1)
}

const tarBlock = 512

// dataBytes is how much of an archive a member's content takes at least.
func dataBytes(h *tar.Header) int64 {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont:
		if !isSparse(h) {
			return (h.Size + tarBlock - 1) / tarBlock * tarBlock
		}
	}
	return 0
}

func isSparse(h *tar.Header) bool {
	return h.Typeflag == tar.TypeGNUSparse || h.PAXRecords["GNU.sparse.major"] != "" || h.PAXRecords["GNU.sparse.map"] != ""
}

// A countingReader counts what was read.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// A boundedReader fails with err after left bytes.
type boundedReader struct {
	r    io.Reader
	left int64
	err  error
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, b.err
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// members visits the members of a tar, and of the tars in it.
func (w *walker) members(ctx context.Context, in uint16, r io.Reader, prefix string, depth int) error {
	win, random := r.(*window)
	count := &countingReader{r: r}
	t, at := tar.NewReader(count), func() int64 { return count.n }
	if random {
		first := win.pos
		t, at = tar.NewReader(r), func() int64 { return win.pos - first }
	}
	end := int64(0) // of the last member
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if err == io.EOF {
			if at() < end+tarBlock {
				return fmt.Errorf("damaged archive%s: ends without the empty block that ends a .tar: is it complete?", inside(prefix, depth))
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("damaged archive%s: %w", inside(prefix, depth), err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // a comment on the archive, as git writes it
		}
		end = at() + dataBytes(h)
		e := tarEntry(h)
		e.in, e.at = in, w.numbered
		w.numbered++
		if random {
			e.at = win.pos
			if e.refused == "" && !e.dir && e.size > win.end-e.at {
				return fmt.Errorf("damaged archive%s: %s claims %d bytes, but %d follow", inside(prefix, depth), e.path, e.size, win.end-e.at)
			}
		}
		if e.path == "." {
			continue
		}
		if (e.refused == "" || e.link != "") && hidden(e.path) {
			if err := w.hidden(e, prefix); err != nil {
				return err
			}
			continue
		}
		stem, packed := archiveStem(e.path)
		nested := stem != "" && !e.dir && e.refused == ""
		e.path = prefix + e.path
		if e.link != "" {
			e.link = prefix + e.link
		}
		switch {
		case nested && packed:
			e.refused = "a packed archive in an archive: unpack the outer one"
		case nested && depth == maxDepth:
			e.refused = fmt.Sprintf("archives nested more than %d times", maxDepth)
		case nested:
			inner := io.Reader(t)
			if random {
				inner = &window{r: win.r, pos: e.at, end: e.at + e.size, buf: make([]byte, windowBytes)}
			}
			if err := w.show(entry{path: path.Join(prefix, stem), dir: true, in: in, at: e.at}, e.size, nil); err != nil {
				return err
			}
			if err := w.members(ctx, in, inner, prefix+stem+"/", depth+1); err != nil {
				return err
			}
			continue
		}
		if err := w.show(e, 0, t); err != nil {
			return err
		}
	}
}

// inside names the inner archive in an error.
func inside(prefix string, depth int) string {
	if depth == 1 {
		return ""
	}
	return " " + strings.TrimSuffix(prefix, "/") + ".tar"
}

func tarEntry(h *tar.Header) entry {
	e := entry{path: path.Clean(h.Name), size: h.Size}
	switch cause := refusedName(h.Name); {
	case cause != "":
		e.path, e.refused = strings.ToValidUTF8(h.Name[:min(len(h.Name), maxNameBytes)], "?"), cause
	case h.Typeflag == tar.TypeDir:
		e.dir = true
	case h.Typeflag == tar.TypeLink:
		e.refused, e.link = "link to "+h.Linkname, linked(".", h.Linkname)
	case h.Typeflag == tar.TypeSymlink:
		e.refused, e.link = "link to "+h.Linkname, linked(path.Dir(e.path), h.Linkname)
	case isSparse(h):
		e.refused = "a sparse file"
	case h.Typeflag != tar.TypeReg:
		e.refused = fmt.Sprintf("not a regular file (type %q)", h.Typeflag)
	}
	return e
}

// linked is where a link in a folder of an archive leads to; "" when that is not in the archive.
func linked(folder, target string) string {
	if p := path.Join(folder, target); target != "" && !path.IsAbs(target) && refusedName(p) == "" {
		return p
	}
	return ""
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
		if len(p) >= len(w.buf) {
			n, err := w.r.ReadAt(p, w.pos)
			w.pos += int64(n)
			if n > 0 {
				err = nil
			}
			return n, err
		}
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
