package tree

import (
	"archive/zip"
	"cmp"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// A zipMember is where the bytes of a member are.
type zipMember struct {
	at, packed int64
	crc        uint32
	deflated   bool
}

// zip visits a .zip by its directory at the end. The place of an entry is its number in the container's members.
func (w *walker) zip(in uint16, f *os.File) error {
	c := w.containers[in]
	z, err := zip.NewReader(f, c.size)
	if err != nil {
		return fmt.Errorf("damaged archive: %w", err)
	}
	var total uint64
	limit := uint64(w.UnpackedLimit(c.size))
	c.members = make([]zipMember, 0, len(z.File))
	for i, h := range z.File {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		m := zipMember{packed: int64(min(h.CompressedSize64, 1<<62)), crc: h.CRC32, deflated: h.Method == zip.Deflate}
		if m.at, err = h.DataOffset(); err == nil && m.packed > c.size-m.at {
			err = fmt.Errorf("claims %d bytes, but %d follow", m.packed, c.size-m.at)
		}
		if err != nil {
			return fmt.Errorf("damaged archive: %s: %w", h.Name, err)
		}
		c.members = append(c.members, m)
		if total += min(h.UncompressedSize64, limit+1); total > limit {
			return fmt.Errorf("claims to unpack to more than %d MiB from %d bytes: this is no archive of pictures",
				limit>>20, c.size)
		}
		e := zipEntry(h)
		e.In, e.At = in, int64(i)
		if err := w.member(e, nil, c.prefix); err != nil {
			return err
		}
	}
	return noOverlap(c.members)
}

// zipEntry is the entry of a member.
func zipEntry(h *zip.File) found {
	name := strings.ReplaceAll(h.Name, "\\", "/") // as some programs of Windows write it
	f := found{Entry: Entry{Name: path.Clean(name), Size: int64(min(h.UncompressedSize64, 1<<62))}, time: int64(h.CRC32)}
	stem, _ := ArchiveStem(name)
	switch cause := refusedName(name); {
	case cause != "":
		f.Name = shown(name)
		f.refuse(cause)
	case strings.HasSuffix(name, "/"):
		f.Kind = Folder
	case !h.Mode().IsRegular():
		f.refuse("not a regular file, but a link or the like")
	case h.Flags&1 != 0:
		f.refuse("encrypted")
	case h.Method != zip.Store && h.Method != zip.Deflate:
		f.refuse(fmt.Sprintf("compressed by method %d: want 0 (stored) or 8 (deflated)", h.Method))
	case stem != "":
		f.refuse("an archive in a .zip: unpack the outer one")
	}
	return f
}

// noOverlap refuses archives whose members share bytes: with them a few kilobytes unpack to terabytes.
func noOverlap(members []zipMember) error {
	order := slices.Clone(members)
	slices.SortFunc(order, func(a, b zipMember) int { return cmp.Compare(a.at, b.at) })
	for i, next := range order[min(1, len(order)):] {
		if end := order[i].at + max(order[i].packed, 1); end > next.at {
			return fmt.Errorf("damaged archive: two members overlap, from byte %d on", next.at)
		}
	}
	return nil
}

// reader unpacks a member of size bytes, and checks its length and sum.
func (m zipMember) reader(f io.ReaderAt, size int64) io.Reader {
	var r io.Reader = io.NewSectionReader(f, m.at, m.packed)
	if m.deflated {
		r = flate.NewReader(r)
	}
	return &checkedReader{r: r, size: size, want: m.crc}
}

// A checkedReader ends well only after size bytes of the right sum.
type checkedReader struct {
	r         io.Reader
	n, size   int64
	sum, want uint32
}

func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.sum = crc32.Update(c.sum, crc32.IEEETable, p[:n])
	if c.n > c.size || err == io.EOF && (c.n < c.size || c.sum != c.want) {
		return 0, fmt.Errorf("unpacks to %d bytes or more, with the checksum %08x: it claims %d and %08x", c.n, c.sum,
			c.size, c.want)
	}
	return n, err
}
