package tree

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
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
	limit := w.UnpackedLimit(c.size)
	r := &io.LimitedReader{R: bufio.NewReaderSize(z, 64<<10), N: limit}
	err = w.members(in, r, func() int64 { return limit - r.N }, c.prefix, 1)
	if err != nil && r.N == 0 {
		return fmt.Errorf("unpacks to more than %d MiB from %d bytes: this is no archive of pictures", limit>>20, c.size)
	}
	return err
}

const tarBlock = 512

func isSparse(h *tar.Header) bool {
	return h.Typeflag == tar.TypeGNUSparse || h.PAXRecords["GNU.sparse.major"] != "" ||
		h.PAXRecords["GNU.sparse.map"] != ""
}

// members visits the members of a tar, and of the tars in it: of a file in place, where what nobody reads is passed
// over, else as they come. place is how far r is in the container.
func (w *walker) members(in uint16, r io.Reader, place func() int64, prefix string, depth int) error {
	damaged := "damaged archive"
	if depth > 1 {
		damaged += " " + strings.TrimSuffix(prefix, "/") + ".tar"
	}
	section, _ := r.(*io.SectionReader)
	t := tar.NewReader(r)
	start := place()
	for end := start; ; { // of the last member
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
		if end = f.At; f.Kind == File {
			end += (f.Size + tarBlock - 1) / tarBlock * tarBlock
		}
		if section != nil && f.Kind == File && f.Size > start+section.Size()-f.At {
			return fmt.Errorf("%s: %s claims %d bytes, but %d follow", damaged, f.Name, f.Size, start+section.Size()-f.At)
		}
		if err := w.tarMember(f, t, section, place, prefix, depth); err != nil {
			return err
		}
	}
}

// tarMember visits one member of a tar, which r reads.
func (w *walker) tarMember(f found, r io.Reader, section *io.SectionReader, place func() int64, prefix string,
	depth int) error {
	stem, packed := ArchiveStem(f.Name)
	switch {
	case stem == "" || f.Kind != File || Hidden(f.Name):
	case packed:
		f.refuse("a packed archive in an archive: unpack the outer one")
	case depth == maxDepth:
		f.refuse(fmt.Sprintf("archives nested more than %d times", maxDepth))
	default:
		if section != nil {
			file, _, _ := section.Outer()
			r, place = newSection(file, f.At, f.Size)
		}
		f.Name, f.Kind = prefix+stem, Folder
		if err := w.show(f, nil); err != nil {
			return err
		}
		return w.members(f.In, r, place, f.Name+"/", depth+1)
	}
	if section != nil {
		r = nil
	}
	return w.member(f, r, prefix)
}

// newSection reads a part of a file, and says how far it is in it.
func newSection(file io.ReaderAt, at, size int64) (r *io.SectionReader, place func() int64) {
	r = io.NewSectionReader(file, at, size)
	return r, func() int64 {
		n, _ := r.Seek(0, io.SeekCurrent) // never fails
		return at + n
	}
}

// member shows a member of an archive by its name in the tree. r reads it where it is streamed.
func (w *walker) member(f found, r io.Reader, prefix string) error {
	if f.Name == "." {
		return nil
	}
	if Hidden(f.Name) {
		return w.showHidden(f.In, prefix, f.Name, false)
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
