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
	if len(z.File) > w.limits.Members {
		return fmt.Errorf("%d members: want at most %d", len(z.File), w.limits.Members)
	}
	var total uint64
	limit := uint64(w.UnpackedLimit(c.size))
	c.members = make([]zipMember, 0, len(z.File))
	for _, h := range z.File {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		e, m, err := zipEntry(h, c.size)
		if err != nil {
			return fmt.Errorf("damaged archive: %s: %w", h.Name, err)
		}
		e.In = in
		e.At = int64(len(c.members))
		c.members = append(c.members, m)
		if total += min(h.UncompressedSize64, limit+1); total > limit {
			return fmt.Errorf("claims to unpack to more than %d MiB from %d bytes: this is no archive of pictures",
				limit>>20, c.size)
		}
		if err := w.member(e, nil, c.prefix); err != nil {
			return err
		}
	}
	return noOverlap(c.members, z.File)
}

// zipEntry reads where a member is; its errors are of the whole archive.
func zipEntry(h *zip.File, size int64) (found, zipMember, error) {
	name := strings.ReplaceAll(h.Name, "\\", "/") // as some programs of Windows write it
	f := found{Entry: Entry{Name: path.Clean(name), Size: int64(min(h.UncompressedSize64, 1<<62))}, time: int64(h.CRC32)}
	m := zipMember{packed: int64(min(h.CompressedSize64, 1<<62)), crc: h.CRC32, deflated: h.Method == zip.Deflate}
	stem, _ := ArchiveStem(name)
	f.cause = refusedName(name)
	switch {
	case f.cause != "":
		f.Name = shown(name)
	case strings.HasSuffix(name, "/"):
		f.Kind = Folder
	case h.Mode()&os.ModeSymlink != 0:
		f.cause = "a link: links in archives are not followed"
	case !h.Mode().IsRegular():
		f.cause = "not a regular file"
	case h.Flags&1 != 0:
		f.cause = "encrypted"
	case h.Method != zip.Store && h.Method != zip.Deflate:
		f.cause = fmt.Sprintf("compressed by method %d: want 0 (stored) or 8 (deflated)", h.Method)
	case h.Method == zip.Store && h.CompressedSize64 != h.UncompressedSize64:
		f.cause = fmt.Sprintf("claims %d bytes out of %d stored ones", h.UncompressedSize64, h.CompressedSize64)
	case stem != "":
		f.cause = "an archive in a .zip: unpack the outer one"
	}
	if f.cause != "" {
		f.Kind = Refused
	}
	var err error
	if m.at, err = h.DataOffset(); err != nil {
		return f, m, err
	}
	if m.packed > size-m.at {
		return f, m, fmt.Errorf("claims %d bytes, but %d follow", m.packed, size-m.at)
	}
	return f, m, nil
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
		if members[a].at+max(members[a].packed, 1) > members[b].at {
			return fmt.Errorf("damaged archive: the members %s and %s overlap", files[a].Name, files[b].Name)
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
	return &checkedReader{r: r, left: size, size: size, want: m.crc}
}

// A checkedReader ends well only after size bytes of the right sum.
type checkedReader struct {
	r          io.Reader
	left, size int64
	sum, want  uint32
}

func (c *checkedReader) Read(p []byte) (int, error) {
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
