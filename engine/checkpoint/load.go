package checkpoint

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"

	"duet/internal/half"
)

// Load reads a checkpoint and verifies all of it. The error names the file and is an ErrDamaged, an ErrNewer, an
// ErrForeign or what the operating system said.
func Load(path string) (*File, error) {
	return LoadSome(path, func(string, []int) bool { return true })
}

// LoadSome is Load of the tensors whose names and shapes keep wants. All of the file is verified; only they take
// memory.
func LoadSome(path string, keep func(name string, shape []int) bool) (*File, error) {
	f := &File{}
	err := withFile(path, func(r io.Reader, size int64) (err error) {
		f.Meta, f.Tensors, err = decode(r, size, true, keep)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// ReadMeta reads a checkpoint's metadata without its tensors. It verifies the header and the length of the file, not
// the data; the errors are those of Load.
func ReadMeta(path string) (Meta, error) {
	var m Meta
	err := withFile(path, func(r io.Reader, size int64) error {
		h, err := readHeader(r, size, true)
		m = h.meta
		return err
	})
	if err != nil {
		return Meta{}, err
	}
	return m, nil
}

// LoadTensors reads the tensors of any safetensors file, such as weights that PyTorch wrote, in the order of their
// names. F16 and BF16 become float32 without loss; other types than these and F32 are an ErrDtype. The structure is
// verified, checksums are not: the format has none.
func LoadTensors(path string) ([]Tensor, error) {
	var tensors []Tensor
	err := withFile(path, func(r io.Reader, size int64) (err error) {
		_, tensors, err = decode(r, size, false, func(string, []int) bool { return true })
		return err
	})
	if err != nil {
		return nil, err
	}
	return tensors, nil
}

// withFile opens a regular file for reading and puts its path in front of errors.
func withFile(path string, read func(r io.Reader, size int64) error) error {
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("checkpoint %s: not a file but %v", path, info.Mode())
	}
	if info.Size() == 0 {
		return fmt.Errorf("checkpoint %s: an empty file, 0 bytes long: %w", path, ErrDamaged)
	}
	if err := read(in, info.Size()); err != nil {
		if what := looks(in, info.Size()); what != "" {
			return fmt.Errorf("checkpoint %s: not a safetensors file but %s: %w", path, what, ErrForeign)
		}
		return fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return nil
}

// contents is what stands in front of the data.
type contents struct {
	meta    Meta    // strict only
	dataCRC string  // eight hexadecimal digits; strict only
	entries []entry // in the order of their data
}

// readHeader reads and checks a header. Strict asks for duet's metadata and checksum.
func readHeader(r io.Reader, size int64, strict bool) (h contents, err error) {
	raw := make([]byte, lengthBytes)
	if size < lengthBytes {
		return h, fmt.Errorf("%d bytes long, a header needs at least %d: %w", size, lengthBytes+2, ErrDamaged)
	}
	if err := readFull(r, raw); err != nil {
		return h, err
	}
	n := binary.LittleEndian.Uint64(raw)
	switch {
	case n > uint64(size)-lengthBytes:
		return h, fmt.Errorf("header length %d is larger than the file of %d bytes: %w", n, size, ErrDamaged)
	case n > maxHeader:
		return h, fmt.Errorf("header length %d is larger than the limit of %d: %w", n, maxHeader, ErrDamaged)
	}
	raw = append(raw, make([]byte, n)...)
	if err := readFull(r, raw[lengthBytes:]); err != nil {
		return h, err
	}
	if strict {
		if err := verifyHeader(raw); err != nil {
			return h, err
		}
	}
	meta, entries, err := parseHeader(raw[lengthBytes:], uint64(size)-lengthBytes-n)
	if strict && meta != nil {
		// Before err: what parseHeader calls damage may be right in a newer format, and ErrNewer says more then.
		var merr error
		if h.meta, merr = decodeMeta(meta); merr != nil {
			return h, merr
		}
	}
	h.entries, h.dataCRC = entries, meta[keyDataCRC]
	return h, err
}

// decode reads a whole file of the given size, and keeps some of its tensors.
func decode(r io.Reader, size int64, strict bool, keep func(name string, shape []int) bool) (Meta, []Tensor, error) {
	h, err := readHeader(r, size, strict)
	if err != nil {
		return Meta{}, nil, err
	}
	tensors := make([]Tensor, 0, len(h.entries))
	buf := make([]byte, chunkBytes)
	var sum uint32
	for _, e := range h.entries {
		var data []float32
		if keep(e.name, e.shape) {
			data = make([]float32, e.count)
			tensors = append(tensors, Tensor{Name: e.name, Shape: e.shape, Data: data})
		}
		each := int(dtypeBytes[e.dtype])
		for left := int(e.count); left > 0; {
			n := min(left, chunkBytes/each)
			piece := buf[:each*n]
			if err := readFull(r, piece); err != nil {
				return Meta{}, nil, fmt.Errorf("tensor %s: %w", printable(e.name), err)
			}
			if strict {
				sum = crc32.Update(sum, castagnoli, piece)
			}
			if data != nil {
				convert(data[:n], piece, e.dtype)
				data = data[n:]
			}
			left -= n
		}
	}
	if got := hexDigits(sum); strict && got != h.dataCRC {
		return Meta{}, nil, fmt.Errorf("data has checksum %s, the header says %q: %w", got, h.dataCRC, ErrDamaged)
	}
	slices.SortFunc(tensors, func(a, b Tensor) int { return cmp.Compare(a.Name, b.Name) })
	return h.meta, tensors, nil
}

// readFull fills b; a file that ends before that has been cut while it was read.
func readFull(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file ended while it was read: %w", ErrDamaged)
	}
	return err
}

// convert gives float32 for the little endian elements in b.
func convert(out []float32, b []byte, dtype string) {
	switch dtype {
	case "F32":
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case "BF16":
		for i := range out {
			out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(b[2*i:])) << 16)
		}
	case "F16":
		for i := range out {
			out[i] = half.To32(binary.LittleEndian.Uint16(b[2*i:]))
		}
	default:
		panic("checkpoint: dtype " + dtype + " passed the header's check")
	}
}
