package foreign

import (
	"archive/zip"
	"fmt"
	"io"

	"duet/internal/invalid"
)

// Zip is an archive whose members together unpack to no more than the numbers that a file may give.
type Zip struct {
	members map[string]*zip.File
	names   []string
}

// maxMembers are far more than networks have tensors.
const maxMembers = 1 << 16

// flagEncrypted is bit 0 of a member's flags. Source: PKWARE's APPNOTE, section 4.4.4.
const flagEncrypted = 1

// OpenZip reads the archive's directory.
func OpenZip(f *File) (*Zip, error) {
	r, err := zip.NewReader(f, f.Size)
	if err != nil {
		return nil, fmt.Errorf("the archive: %w", err)
	}
	if n := len(r.File); n > maxMembers {
		return nil, fmt.Errorf("the archive: %d members, want at most %d", n, maxMembers)
	}
	z := &Zip{members: make(map[string]*zip.File, len(r.File))}
	limit := 4 * ElementsPerByte * uint64(f.Size)
	left := limit
	for _, m := range r.File {
		name := invalid.Short(m.Name)
		switch {
		case z.members[m.Name] != nil:
			return nil, fmt.Errorf("member %s: there are two, want one", name)
		case m.Flags&flagEncrypted != 0:
			return nil, fmt.Errorf("member %s: encrypted, want it plain", name)
		case m.Method != zip.Store && m.Method != zip.Deflate:
			return nil, fmt.Errorf("member %s: compression %d, want stored or deflated", name, m.Method)
		case m.Method == zip.Store && m.CompressedSize64 != m.UncompressedSize64:
			return nil, fmt.Errorf("member %s: stored, but %d bytes for %d, want as many",
				name, m.CompressedSize64, m.UncompressedSize64)
		case m.UncompressedSize64 > left:
			return nil, fmt.Errorf("member %s: unpacks to %d bytes, want at most %d in all members of a file of %d",
				name, m.UncompressedSize64, limit, f.Size)
		}
		left -= m.UncompressedSize64
		z.members[m.Name] = m
		z.names = append(z.names, m.Name)
	}
	return z, nil
}

// Names are the members, in the order of the archive.
func (z *Zip) Names() []string { return z.names }

// Size is the length of a member, unpacked; false if there is none.
func (z *Zip) Size(name string) (int64, bool) {
	m, ok := z.members[name]
	if !ok {
		return 0, false
	}
	return int64(m.UncompressedSize64), true
}

// Open reads a member. It gives exactly Size bytes, with the right checksum, or an error.
func (z *Zip) Open(name string) (io.ReadCloser, error) {
	m, ok := z.members[name]
	if !ok {
		return nil, fmt.Errorf("member %s: not in the archive", invalid.Short(name))
	}
	r, err := m.Open()
	if err != nil {
		return nil, fmt.Errorf("member %s: %w", invalid.Short(name), err)
	}
	return r, nil
}

// Bytes are a whole member.
func (z *Zip) Bytes(name string) ([]byte, error) {
	r, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	size, _ := z.Size(name)
	b := make([]byte, size+1) // one more, with which the end and so the checksum is read
	n, err := io.ReadFull(r, b)
	if int64(n) == size && err == io.ErrUnexpectedEOF || size == 0 && err == io.EOF {
		return b[:size], nil
	}
	if err == nil || err == io.ErrUnexpectedEOF || err == io.EOF {
		err = fmt.Errorf("does not unpack to the %d bytes that the directory says", size)
	}
	return nil, fmt.Errorf("member %s: %w", invalid.Short(name), err)
}
