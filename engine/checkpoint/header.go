package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"
)

const (
	lengthBytes = 8         // the header's length in front of it
	maxHeader   = 100 << 20 // bytes; safetensors' own limit is 100 MB too
	alignment   = 8         // of the data; the header is padded to it
	metadataKey = "__metadata__"
	zeroDigits  = "00000000" // in place of a checksum: before it is known, and while the header's own is computed
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// entry is what the header says about a tensor.
type entry struct {
	name       string
	dtype      string
	shape      []int
	count      uint64 // product of shape
	begin, end uint64 // bytes, from the first byte of the data
}

// dtypeBytes has the bytes of an element for the types that can be read.
var dtypeBytes = map[string]uint64{"F32": 4, "BF16": 2, "F16": 2}

// encodeHeader gives the length and the header of a file with these tensors, with zeros for both checksums. The bytes
// depend on nothing but the arguments.
func encodeHeader(meta map[string]string, tensors []Tensor) ([]byte, error) {
	meta[keyDataCRC], meta[keyHeaderCRC] = zeroDigits, zeroDigits
	b := bytes.NewBuffer(make([]byte, lengthBytes))
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	// Encode ends with a newline, which is legal white space between the parts, but one line is the custom.
	put := func(v any) {
		if err := enc.Encode(v); err != nil {
			panic(fmt.Sprintf("checkpoint: header: %v", err)) // strings and integers always encode
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteString(`{"` + metadataKey + `":`)
	put(meta) // encoding/json sorts the keys of a map
	var at uint64
	for _, t := range tensors {
		size := 4 * uint64(len(t.Data))
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		b.WriteByte(',')
		put(t.Name)
		b.WriteByte(':')
		put(jsonTensor{Dtype: "F32", Shape: asUint64(shape), Offsets: []uint64{at, at + size}})
		at += size
	}
	b.WriteByte('}')
	for b.Len()%alignment != 0 {
		b.WriteByte(' ')
	}
	out := b.Bytes()
	if n := len(out) - lengthBytes; n > maxHeader {
		return nil, fmt.Errorf("header would have %d bytes, the limit is %d", n, maxHeader)
	}
	binary.LittleEndian.PutUint64(out, uint64(len(out)-lengthBytes))
	return out, nil
}

// jsonTensor is a tensor's entry in the header.
type jsonTensor struct {
	Dtype   string   `json:"dtype"`
	Shape   []uint64 `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

func asUint64(shape []int) []uint64 {
	out := make([]uint64, len(shape))
	for i, d := range shape {
		out[i] = uint64(d)
	}
	return out
}

// seal writes the data's checksum into the header that encodeHeader made, and then the header's own.
func seal(header []byte, data uint32) {
	copy(digits(header, keyDataCRC), hexDigits(data))
	copy(digits(header, keyHeaderCRC), hexDigits(crc32.Checksum(header, castagnoli)))
}

// digits finds the eight digits of a checksum in a header; nil if there are none. A quote inside a JSON string is
// escaped, so the text that is searched for cannot come from a value.
func digits(header []byte, key string) []byte {
	mark := `"` + key + `":"`
	i := bytes.Index(header, []byte(mark))
	if i < 0 || len(header) < i+len(mark)+len(zeroDigits) {
		return nil
	}
	return header[i+len(mark):][:len(zeroDigits)]
}

func hexDigits(sum uint32) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// verifyHeader checks the checksum of length and header.
func verifyHeader(header []byte) error {
	stored := digits(header, keyHeaderCRC)
	if stored == nil {
		if bytes.Contains(header, []byte(keyFormat)) || bytes.Contains(header, []byte(keyConfig)) {
			return fmt.Errorf("header has lost its checksum: %w", ErrDamaged)
		}
		return fmt.Errorf("metadata has no %s: %w", keyFormat, ErrForeign)
	}
	want := string(stored)
	copy(stored, zeroDigits)
	got := hexDigits(crc32.Checksum(header, castagnoli))
	copy(stored, want)
	if got != want {
		return fmt.Errorf("header has checksum %s, its own record says %q: %w", got, want, ErrDamaged)
	}
	return nil
}

// parseHeader reads the JSON and checks that the tensors fill dataBytes without gap or overlap. It returns them in the
// order of their data; the metadata also if something after it is wrong.
func parseHeader(header []byte, dataBytes uint64) (meta map[string]string, entries []entry, err error) {
	if !utf8.Valid(header) {
		return meta, nil, fmt.Errorf("header is not UTF-8: %w", ErrDamaged)
	}
	dec := json.NewDecoder(bytes.NewReader(header))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return meta, nil, fmt.Errorf("header is not a JSON object: %w", ErrDamaged)
	}
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		name, ok := tok.(string)
		if err != nil || !ok {
			return meta, nil, fmt.Errorf("header is not JSON after byte %d: %w", dec.InputOffset(), ErrDamaged)
		}
		if seen[name] {
			return meta, nil, fmt.Errorf("header has %s twice: %w", printable(name), ErrDamaged)
		}
		seen[name] = true
		if name == metadataKey {
			if err := dec.Decode(&meta); err != nil {
				return nil, nil, fmt.Errorf("%s is not an object of strings: %v: %w", metadataKey, err, ErrDamaged)
			}
			continue
		}
		var t jsonTensor
		if err := dec.Decode(&t); err != nil {
			return meta, nil, fmt.Errorf("tensor %s: header entry: %v: %w", printable(name), err, ErrDamaged)
		}
		e, err := newEntry(name, t)
		if err != nil {
			return meta, nil, fmt.Errorf("tensor %s: %w", printable(name), err)
		}
		entries = append(entries, e)
	}
	if _, err := dec.Token(); err != nil {
		return meta, nil, fmt.Errorf("header is not JSON after byte %d: %w", dec.InputOffset(), ErrDamaged)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return meta, nil, fmt.Errorf("header goes on after its JSON object at byte %d: %w", dec.InputOffset(), ErrDamaged)
	}
	return meta, entries, checkOffsets(entries, dataBytes)
}

// newEntry checks a tensor's entry by itself.
func newEntry(name string, t jsonTensor) (entry, error) {
	e := entry{name: name, dtype: t.Dtype, shape: make([]int, len(t.Shape)), count: 1}
	size, ok := dtypeBytes[t.Dtype]
	switch {
	case t.Dtype == "" || t.Shape == nil || len(t.Offsets) != 2:
		return e, fmt.Errorf("header entry needs dtype, shape and two data_offsets: %w", ErrDamaged)
	case !ok:
		return e, fmt.Errorf("dtype %s, can read F32, F16 and BF16: %w", printable(t.Dtype), ErrDtype)
	}
	for i, d := range t.Shape {
		hi, lo := bits.Mul64(e.count, d)
		if hi != 0 || lo > math.MaxInt64/8 || d > math.MaxInt64/8 {
			return e, fmt.Errorf("shape %v has too many elements: %w", t.Shape, ErrDamaged)
		}
		e.shape[i], e.count = int(d), lo
	}
	e.begin, e.end = t.Offsets[0], t.Offsets[1]
	if e.end < e.begin || e.end-e.begin != e.count*size {
		return e, fmt.Errorf("shape %v of %s needs %d bytes, data_offsets [%d %d] are not that: %w",
			t.Shape, e.dtype, e.count*size, e.begin, e.end, ErrDamaged)
	}
	return e, nil
}

// checkOffsets sorts the tensors by place and checks that they fill the data.
func checkOffsets(entries []entry, dataBytes uint64) error {
	slices.SortStableFunc(entries, func(a, b entry) int {
		if a.begin != b.begin {
			return cmp.Compare(a.begin, b.begin)
		}
		return cmp.Compare(a.end, b.end)
	})
	var at uint64
	for _, e := range entries {
		switch {
		case e.begin < at:
			return fmt.Errorf("tensor %s: data [%d %d] overlaps the tensor before it, which ends at %d: %w",
				printable(e.name), e.begin, e.end, at, ErrDamaged)
		case e.begin > at:
			return fmt.Errorf("tensor %s: data begins at %d, %d bytes after the end of the tensor before it: %w",
				printable(e.name), e.begin, e.begin-at, ErrDamaged)
		case e.end > dataBytes:
			return fmt.Errorf("tensor %s: data ends at %d, the file has %d bytes of data: cut short: %w",
				printable(e.name), e.end, dataBytes, ErrDamaged)
		}
		at = e.end
	}
	if at != dataBytes {
		return fmt.Errorf("the tensors have %d bytes of data, the file %d: %w", at, dataBytes, ErrDamaged)
	}
	return nil
}
