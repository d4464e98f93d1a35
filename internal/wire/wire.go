// Package wire reads protobuf messages that somebody else has written: field after field, repeated numbers packed or
// not. Groups, which no format that is read here has, are refused, so that nothing is nested deeper than its reader
// goes; lengths are checked against the bytes that are there, and messages and texts are counted.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The kinds of fields, as their first bytes tell.
const (
	Varint  = protowire.VarintType
	Fixed32 = protowire.Fixed32Type
	Fixed64 = protowire.Fixed64Type
	Bytes   = protowire.BytesType
)

// called is what errors call a kind.
func called(kind protowire.Type) string {
	names := [...]string{Varint: "an integer", Fixed64: "8 bytes", Bytes: "bytes",
		protowire.StartGroupType: "a group", protowire.EndGroupType: "a group's end", Fixed32: "4 bytes"}
	if int(kind) < len(names) {
		return names[kind]
	}
	return fmt.Sprintf("of kind %d", kind)
}

// Most is how many messages and texts a file may have, all of them counted. An empty one takes two bytes of the file,
// but a hundred in memory.
const Most = 1 << 20

// Message is one message of a file.
type Message struct {
	bytes []byte
	left  *int // how many more messages and texts the file may have
}

// New is the message that a file consists of.
func New(file []byte) Message {
	left := Most
	return Message{file, &left}
}

// Field is one field of a message, or one element of a repeated one.
type Field struct {
	Number int
	kind   protowire.Type
	bytes  []byte // of Bytes
	number uint64 // of the others
	left   *int
}

// Each gives the fields in their order. The error is visit's, with the field's number, or says where the message is
// none.
func (m Message) Each(visit func(f Field) error) error {
	for at := 0; at < len(m.bytes); {
		f, n, err := next(m.bytes[at:])
		if err != nil {
			return fmt.Errorf("byte %d of %d: %w", at, len(m.bytes), err)
		}
		f.left = m.left
		if err := visit(f); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// next is a message's first field, and how many bytes it has.
func next(b []byte) (f Field, size int, err error) {
	number, kind, n := protowire.ConsumeTag(b)
	if n < 0 {
		return f, 0, failure(n)
	}
	f = Field{Number: int(number), kind: kind}
	value := b[n:]
	size = n
	switch kind {
	case Varint:
		f.number, n = protowire.ConsumeVarint(value)
	case Fixed32:
		var x uint32
		x, n = protowire.ConsumeFixed32(value)
		f.number = uint64(x)
	case Fixed64:
		f.number, n = protowire.ConsumeFixed64(value)
	case Bytes:
		f.bytes, n = protowire.ConsumeBytes(value)
	default:
		return f, 0, fmt.Errorf("field %d is %s, which is not used", number, called(kind))
	}
	if n < 0 {
		return f, 0, fmt.Errorf("field %d: %w", number, failure(n))
	}
	return f, size + n, nil
}

// failure is what a negative length of protowire means, without its text.
func failure(n int) error {
	if errors.Is(protowire.ParseError(n), io.ErrUnexpectedEOF) {
		return errors.New("cut short")
	}
	return errors.New("not as protobuf writes")
}

func (f Field) want(kind protowire.Type) error {
	if f.kind != kind {
		return fmt.Errorf("field %d is %s, want %s", f.Number, called(f.kind), called(kind))
	}
	return nil
}

func (f Field) count() error {
	if *f.left--; *f.left < 0 {
		return fmt.Errorf("more than %d messages and texts", Most)
	}
	return nil
}

// Message is the message in a field.
func (f Field) Message() (Message, error) {
	if err := f.want(Bytes); err != nil {
		return Message{}, err
	}
	return Message{f.bytes, f.left}, f.count()
}

// Each gives the fields of the message in a field.
func (f Field) Each(visit func(f Field) error) error {
	m, err := f.Message()
	if err != nil {
		return err
	}
	return m.Each(visit)
}

// Text is the text in a field, which may be anything: nobody has checked that it is UTF-8.
func (f Field) Text() (string, error) {
	if err := f.want(Bytes); err != nil {
		return "", err
	}
	return string(f.bytes), f.count()
}

// Raw is the bytes in a field, which are the file's own.
func (f Field) Raw() ([]byte, error) { return f.bytes, f.want(Bytes) }

// Int is the number in a field of one of protobuf's integer types but sint and fixed.
func (f Field) Int() (int64, error) { return int64(f.number), f.want(Varint) }

// Float is the number in a field of type float.
func (f Field) Float() (float32, error) {
	return math.Float32frombits(uint32(f.number)), f.want(Fixed32)
}

// AppendInts appends a field's integers, packed or one.
func (f Field) AppendInts(to []int64) ([]int64, error) {
	if f.kind != Bytes {
		x, err := f.Int()
		return append(to, x), err
	}
	for at := 0; at < len(f.bytes); {
		x, n := protowire.ConsumeVarint(f.bytes[at:])
		if n < 0 {
			return to, fmt.Errorf("field %d: byte %d of %d: %w", f.Number, at, len(f.bytes), failure(n))
		}
		to = append(to, int64(x))
		at += n
	}
	return to, nil
}

// AppendFloats appends a field's numbers of type float, packed or one.
func (f Field) AppendFloats(to []float32) ([]float32, error) {
	if f.kind != Bytes {
		x, err := f.Float()
		return append(to, x), err
	}
	if len(f.bytes)%4 != 0 {
		return to, fmt.Errorf("field %d: %d bytes are no whole number of floats", f.Number, len(f.bytes))
	}
	to, out := grow(to, len(f.bytes)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(f.bytes[4*i:]))
	}
	return to, nil
}

// AppendDoubles appends a field's numbers of type double, packed or one, rounded to float32.
func (f Field) AppendDoubles(to []float32) ([]float32, error) {
	if f.kind != Bytes {
		return append(to, float32(math.Float64frombits(f.number))), f.want(Fixed64)
	}
	if len(f.bytes)%8 != 0 {
		return to, fmt.Errorf("field %d: %d bytes are no whole number of doubles", f.Number, len(f.bytes))
	}
	to, out := grow(to, len(f.bytes)/8)
	for i := range out {
		out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(f.bytes[8*i:])))
	}
	return to, nil
}

// grow makes room for n numbers more: exactly that, if they are the first, as they are all in most files.
func grow(to []float32, n int) (all, added []float32) {
	if to == nil {
		all = make([]float32, n)
		return all, all
	}
	all = append(to, make([]float32, n)...)
	return all, all[len(to):]
}
