package onnx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"duet/internal/invalid"
	"duet/internal/wire"
)

// place says where the numbers of a tensor are that lie in another file. What else files say of it, such as a checksum,
// is not read.
type place struct {
	name           string
	offset, length int64
	hasLength      bool
}

func (p *place) read(f wire.Field) error {
	entry, err := readProperty(f)
	if err != nil {
		return err
	}
	number := func() (int64, error) {
		x, err := strconv.ParseInt(entry.Value, 10, 64)
		if err != nil || x < 0 {
			return 0, fmt.Errorf("external data: %s %s is no number of bytes", entry.Key, wire.Quote(entry.Value))
		}
		return x, nil
	}
	switch entry.Key {
	case "location":
		p.name = entry.Value
	case "offset":
		p.offset, err = number()
	case "length":
		p.hasLength = true
		p.length, err = number()
	}
	return err
}

// pieceBytes is how much of another file is read at once: a whole number of elements of every type.
const pieceBytes = 1 << 20

// external reads a tensor's numbers from a file in the model's folder. Nothing else is opened: no path, no link. All
// tensors together take no more bytes of a file than it has.
func (r *reader) external(t *Tensor, p place, count int) error {
	if p.name == "" || p.name == "." || strings.ContainsAny(p.name, `/\:`) || !filepath.IsLocal(p.name) ||
		invalid.Printable(p.name) != p.name {
		return fmt.Errorf("external data in %s: want the name of a file in the model's own folder", wire.Quote(p.name))
	}
	if err := r.copy(t, p, count); err != nil {
		var at *fs.PathError // has the name, which may be anything
		if errors.As(err, &at) {
			err = at.Err
		}
		return fmt.Errorf("external data in %s: %w", wire.Quote(p.name), err)
	}
	return nil
}

func (r *reader) copy(t *Tensor, p place, count int) error {
	path := filepath.Join(r.folder, p.name)
	link, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("no such file beside the model, which has weights in it")
	}
	if err != nil {
		return err
	}
	if !link.Mode().IsRegular() {
		return fmt.Errorf("not a file but %v: want the file itself", link.Mode())
	}
	in, size, err := wire.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || !os.SameFile(info, link) {
		return errors.New("another file from one moment to the next")
	}
	need := int64(count) * int64(t.Type.bytes())
	if p.offset > size {
		return fmt.Errorf("begins at byte %d of %d", p.offset, size)
	}
	if !p.hasLength {
		p.length = size - p.offset
	}
	switch left, known := r.left[p.name]; {
	case p.length != need:
		return fmt.Errorf("shape %v of %v needs %d bytes, there are %d", t.Shape, t.Type, need, p.length)
	case need > size-p.offset:
		return fmt.Errorf("bytes %d to %d of %d", p.offset, p.offset+need, size)
	case known && need > left:
		return fmt.Errorf("tensors have more than its %d bytes", size)
	case known:
		r.left[p.name] = left - need
	default:
		r.left[p.name] = size - need
	}
	t.make(count)
	piece := make([]byte, min(need, pieceBytes))
	from := io.NewSectionReader(in, p.offset, need)
	for done := int64(0); done < need; done += int64(len(piece)) {
		piece = piece[:min(int64(len(piece)), need-done)]
		if _, err := io.ReadFull(from, piece); err != nil {
			return fmt.Errorf("%w while it was read", err)
		}
		t.decode(int(done)/t.Type.bytes(), piece)
	}
	return nil
}
