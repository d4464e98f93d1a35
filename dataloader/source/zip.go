package source

import (
	"archive/zip"
	"cmp"
	"compress/flate"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
)

// A zipMember is where the bytes of a member are.
type zipMember struct {
	at, packed int64
	crc        uint32
	deflated   bool
}

// zip visits a .zip by its directory at the end. The place of an entry is its number in the container's members.
func (w *walker) zip(ctx context.Context, in uint16) error {
	c := w.containers[in]
	f, err := os.Open(c.path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zip.NewReader(f, c.size)
	if err != nil {
		return fmt.Errorf("damaged archive: %w", err)
	}
	if len(z.File) > maxMembers {
		return fmt.Errorf("%d members: want at most %d", len(z.File), maxMembers)
	}
	var total uint64
	limit := uint64(unpackedLimit(c.size))
	c.members = make([]zipMember, 0, len(z.File))
	for _, h := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, m, err := zipEntry(h, c.size)
		if err != nil {
			return fmt.Errorf("damaged archive: %s: %w", h.Name, err)
		}
		e.in, e.at = in, int64(len(c.members))
		c.members = append(c.members, m)
		if total += min(h.UncompressedSize64, limit+1); total > limit {
			return fmt.Errorf("claims to unpack to more than %d MiB from %d bytes: this is no archive of pictures", limit>>20, c.size)
		}
		if e.path == "." {
			continue
		}
		if (e.refused == "" || e.refused == isLink) && hidden(e.path) {
			if err := w.hidden(e, c.prefix); err != nil {
				return err
			}
			continue
		}
		r := m.reader(f, e.size)
		if e.refused == isLink {
			e.link = zipLink(e, r, c.prefix)
		}
		e.path = c.prefix + e.path
		err = w.show(e, int64(m.crc), r)
		r.close()
		if err != nil {
			return err
		}
	}
	return noOverlap(c.members, z.File)
}

const isLink = "a link"

// zipLink is where a link leads to, which its content says; "" when that is not in the archive.
func zipLink(e entry, r io.Reader, prefix string) string {
	target, err := io.ReadAll(io.LimitReader(r, maxNameBytes))
	if err != nil {
		return ""
	}
	if p := linked(path.Dir(e.path), string(target)); p != "" {
		return prefix + p
	}
	return ""
}

// zipEntry reads where a member is; its errors are of the whole archive.
func zipEntry(h *zip.File, size int64) (entry, zipMember, error) {
	name := strings.ReplaceAll(h.Name, "\\", "/") // as some programs of Windows write it
	e := entry{path: path.Clean(name), size: int64(min(h.UncompressedSize64, 1<<62))}
	m := zipMember{packed: int64(min(h.CompressedSize64, 1<<62)), crc: h.CRC32, deflated: h.Method == zip.Deflate}
	stem, _ := archiveStem(name)
	switch cause := refusedName(name); {
	case cause != "":
		e.path, e.refused = strings.ToValidUTF8(name[:min(len(name), maxNameBytes)], "?"), cause
	case strings.HasSuffix(name, "/"):
		e.dir = true
	case h.Mode()&os.ModeSymlink != 0:
		e.refused = isLink
	case !h.Mode().IsRegular():
		e.refused = "not a regular file"
	case h.Flags&1 != 0:
		e.refused = "encrypted"
	case h.Method != zip.Store && h.Method != zip.Deflate:
		e.refused = fmt.Sprintf("compressed by method %d: want 0 (stored) or 8 (deflated)", h.Method)
	case h.Method == zip.Store && h.CompressedSize64 != h.UncompressedSize64:
		e.refused = fmt.Sprintf("claims %d bytes out of %d stored ones", h.UncompressedSize64, h.CompressedSize64)
	case stem != "":
		e.refused = "an archive in a .zip: unpack the outer one"
	}
	var err error
	if m.at, err = h.DataOffset(); err != nil {
		return e, m, err
	}
	if m.packed > size-m.at {
		return e, m, fmt.Errorf("claims %d bytes, but %d follow", m.packed, size-m.at)
	}
	return e, m, nil
}

// noOverlap refuses archives whose members share bytes: with them a few kilobytes unpack to terabytes.
func noOverlap(members []zipMember, files []*zip.File) error {
	order := make([]int32, len(members))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(members[a].at, members[b].at) })
	for i := 1; i < len(order); i++ {
		a, b := order[i-1], order[i]
		if members[a].at+members[a].packed > members[b].at {
			return fmt.Errorf("damaged archive: the members %s and %s overlap", files[a].Name, files[b].Name)
		}
		if members[a].at == members[b].at {
			return fmt.Errorf("damaged archive: the members %s and %s are at one place", files[a].Name, files[b].Name)
		}
	}
	return nil
}

// inflaters are 40 KiB each: they are used again.
var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// reader unpacks a member of size bytes, and checks its length and sum. It must be closed.
func (m zipMember) reader(f io.ReaderAt, size int64) *checkedReader {
	return &checkedReader{packed: io.NewSectionReader(f, m.at, m.packed), deflated: m.deflated, left: size, size: size, want: m.crc}
}

// A checkedReader ends well only after size bytes of the right sum.
type checkedReader struct {
	packed     io.Reader
	deflated   bool
	r          io.Reader // nil before the first Read
	left, size int64
	sum, want  uint32
}

func (c *checkedReader) close() {
	if c.deflated && c.r != nil {
		inflaters.Put(c.r)
	}
	c.packed, c.r, c.deflated = nil, nil, false
}

func (c *checkedReader) start() error {
	if !c.deflated {
		c.r = c.packed
		return nil
	}
	c.r = inflaters.Get().(io.Reader)
	return c.r.(flate.Resetter).Reset(c.packed, nil)
}

func (c *checkedReader) Read(p []byte) (int, error) {
	if c.r == nil {
		if err := c.start(); err != nil {
			return 0, err
		}
	}
	n, err := c.r.Read(p)
	c.left -= int64(n)
	c.sum = crc32.Update(c.sum, crc32.IEEETable, p[:n])
	switch {
	case c.left < 0:
		return 0, fmt.Errorf("unpacks to more than the %d bytes that it claims", c.size)
	case err == io.EOF && c.left > 0:
		return n, fmt.Errorf("unpacks to %d bytes: it claims %d", c.size-c.left, c.size)
	case err == io.EOF && c.sum != c.want:
		return n, fmt.Errorf("checksum %08x: want %08x", c.sum, c.want)
	}
	return n, err
}
