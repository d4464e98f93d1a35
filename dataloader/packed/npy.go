package packed

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// The element types of a packed set, as NumPy writes them: unsigned byte, little-endian int32, int64 and float32.
const (
	npyUint8   = "|u1"
	npyInt32   = "<i4"
	npyInt64   = "<i8"
	npyFloat32 = "<f4"
)

const (
	npyMagic = "\x93NUMPY"
	// npyHeaderBytes is the size of the headers written here, and npyHeaderMax of those read (NumPy's own limit).
	npyHeaderBytes = 128
	npyHeaderMax   = 10000
)

// An npyHeader describes the array of a .npy file.
type npyHeader struct {
	dtype string
	shape []int
	start int64 // offset of the first element
	size  int64 // of the elements in bytes, where the file was found to have so many
}

// Element types of NpyHeader.
const (
	NpyInt32   = npyInt32
	NpyFloat32 = npyFloat32
)

// NpyHeader is the header of a .npy file of numbers in row-major order; they follow it.
func NpyHeader(dtype string, shape ...int) []byte {
	return npyHeader{dtype: dtype, shape: shape}.encode()
}

// npyWidth is the size of an element in bytes.
func npyWidth(dtype string) int64 {
	switch dtype {
	case npyUint8:
		return 1
	case npyInt64:
		return 8
	}
	return 4
}

// bytes is the size of the elements; an error when it does not fit in an int64.
func (h npyHeader) bytes() (int64, error) {
	total := npyWidth(h.dtype)
	for _, d := range h.shape {
		if d != 0 && total > math.MaxInt64/int64(d) {
			return 0, fmt.Errorf("shape %v is larger than any file", h.shape)
		}
		total *= int64(d)
	}
	return total, nil
}

// encode is the header as it stands in the file: always npyHeaderBytes long, so that it can be rewritten in place.
func (h npyHeader) encode() []byte {
	dims := make([]string, len(h.shape))
	for i, d := range h.shape {
		dims[i] = strconv.Itoa(d)
	}
	shape := strings.Join(dims, ", ")
	if len(dims) == 1 {
		shape += ","
	}
	b := fmt.Appendf([]byte(npyMagic+"\x01\x00\x00\x00"), "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
		h.dtype, shape)
	binary.LittleEndian.PutUint16(b[8:], npyHeaderBytes-10)
	for len(b) < npyHeaderBytes-1 {
		b = append(b, ' ')
	}
	return append(b, '\n')
}

// readNpyHeader reads a header of format version 1 or 2, and nothing after it.
func readNpyHeader(r io.Reader) (npyHeader, error) {
	var h npyHeader
	fixed := make([]byte, 12)
	if _, err := io.ReadFull(r, fixed[:10]); err != nil {
		return h, fmt.Errorf("not a .npy file: shorter than its 10-byte preamble")
	}
	if string(fixed[:6]) != npyMagic {
		return h, fmt.Errorf("not a .npy file: starts with %q, want %q", fixed[:6], npyMagic)
	}
	length := int64(binary.LittleEndian.Uint16(fixed[8:]))
	h.start = 10 + length
	switch fixed[6] {
	case 1:
	case 2:
		if _, err := io.ReadFull(r, fixed[10:]); err != nil {
			return h, fmt.Errorf("not a .npy file: ends within its header length")
		}
		length = int64(binary.LittleEndian.Uint32(fixed[8:]))
		h.start = 12 + length
	default:
		return h, fmt.Errorf(".npy format version %d.%d: want 1.0 or 2.0", fixed[6], fixed[7])
	}
	if length > npyHeaderMax {
		return h, fmt.Errorf(".npy header claims %d bytes: want at most %d", length, npyHeaderMax)
	}
	text := make([]byte, length)
	if n, err := io.ReadFull(r, text); err != nil {
		return h, fmt.Errorf(".npy header claims %d bytes, but the file ends after %d of them", length, n)
	}
	if err := h.parse(string(text)); err != nil {
		return h, fmt.Errorf(".npy header %.80q: %w", strings.TrimSpace(string(text)), err)
	}
	return h, nil
}

// parse reads the dictionary of a header, such as {'descr': '|u1', 'fortran_order': False, 'shape': (3, 4), }.
func (h *npyHeader) parse(text string) error {
	body := strings.TrimSpace(text)
	if !strings.HasPrefix(body, "{") || !strings.HasSuffix(body, "}") || len(body) < 2 {
		return fmt.Errorf("want a dictionary in braces")
	}
	body = body[1 : len(body)-1]
	seen := map[string]bool{}
	for body = strings.TrimSpace(body); body != ""; {
		key, rest, ok := quoted(body)
		rest, colon := strings.CutPrefix(strings.TrimSpace(rest), ":")
		if !ok || !colon {
			return fmt.Errorf("want 'key': value at %.20q", body)
		}
		if seen[key] {
			return fmt.Errorf("key %q twice", key)
		}
		seen[key] = true
		var err error
		if body, err = h.value(key, strings.TrimSpace(rest)); err != nil {
			return err
		}
		body = strings.TrimSpace(body)
		if rest, comma := strings.CutPrefix(body, ","); comma {
			body = strings.TrimSpace(rest)
		} else if body != "" {
			return fmt.Errorf("want a comma at %.20q", body)
		}
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return fmt.Errorf("lacks the key %q", key)
		}
	}
	return nil
}

// value reads the value of key at the start of text and returns what follows it.
func (h *npyHeader) value(key, text string) (rest string, err error) {
	switch key {
	case "descr":
		dtype, rest, ok := quoted(text)
		if !ok || (dtype != npyUint8 && dtype != npyInt32 && dtype != npyInt64 && dtype != npyFloat32) {
			return "", fmt.Errorf("descr %.20q: want '%s', '%s', '%s' or '%s'", text, npyUint8, npyInt32, npyInt64, npyFloat32)
		}
		h.dtype = dtype
		return rest, nil
	case "fortran_order":
		if strings.HasPrefix(text, "True") {
			return "", fmt.Errorf("fortran_order is True: want False (save the array with numpy.ascontiguousarray)")
		}
		rest, ok := strings.CutPrefix(text, "False")
		if !ok {
			return "", fmt.Errorf("fortran_order %.20q: want False", text)
		}
		return rest, nil
	case "shape":
		text, ok := strings.CutPrefix(text, "(")
		inside, rest, closed := strings.Cut(text, ")")
		if !ok || !closed {
			return "", fmt.Errorf("shape %.20q: want a tuple of sizes", text)
		}
		inside = strings.TrimSuffix(strings.TrimSpace(inside), ",")
		for field := range strings.SplitSeq(inside, ",") {
			field = strings.TrimSpace(field)
			n, err := strconv.ParseUint(field, 10, 62)
			if field == "" && inside == "" {
				break // (): a scalar
			}
			if err != nil || len(h.shape) == 8 {
				return "", fmt.Errorf("shape (%.40s): want at most 8 sizes of 0 or more", inside)
			}
			h.shape = append(h.shape, int(n))
		}
		return rest, nil
	}
	return "", fmt.Errorf("unknown key %.20q: want descr, fortran_order and shape", key)
}

// quoted splits a string in single or double quotes from the start of text.
func quoted(text string) (s, rest string, ok bool) {
	if text == "" || (text[0] != '\'' && text[0] != '"') {
		return "", text, false
	}
	s, rest, ok = strings.Cut(text[1:], text[:1])
	return s, rest, ok
}

// openNpy opens a .npy file, checks its type, its rank and that it is as long as its header says.
func openNpy(path, dtype string, rank int) (*summedFile, npyHeader, error) {
	f, err := openSummed(path)
	if err != nil {
		return nil, npyHeader{}, err
	}
	h, err := checkNpy(f, dtype, rank)
	if err != nil {
		f.Close()
		return nil, h, fmt.Errorf("%s: %w", path, err)
	}
	return f, h, nil
}

func checkNpy(f *summedFile, dtype string, rank int) (npyHeader, error) {
	h, err := readNpyHeader(f)
	if err != nil {
		return h, err
	}
	if h.dtype != dtype || len(h.shape) != rank {
		return h, fmt.Errorf("array of type %s and shape %v: want type %s and %d dimensions", h.dtype, h.shape, dtype, rank)
	}
	if h.size, err = h.bytes(); err != nil {
		return h, err
	}
	info, err := f.Stat()
	if err == nil && info.Size()-h.start != h.size {
		err = fmt.Errorf("header claims shape %v of %s, %d bytes, but %d bytes follow it", h.shape, h.dtype, h.size,
			info.Size()-h.start)
	}
	return h, err
}
