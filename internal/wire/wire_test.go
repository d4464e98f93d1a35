package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"duet/internal/wire"
)

// read gives what the reader makes of the fields of a message: integers of 1, floats of 2, doubles of 3, texts of 4.
func read(b []byte) (string, error) {
	var ints []int64
	var floats, doubles []float32
	var texts []string
	err := wire.New(b).Each(func(f wire.Field) (err error) {
		switch f.Number {
		case 1:
			ints, err = f.AppendInts(ints)
		case 2:
			floats, err = f.AppendFloats(floats)
		case 3:
			doubles, err = f.AppendDoubles(doubles)
		case 4:
			var s string
			s, err = f.Text()
			texts = append(texts, s)
		}
		return err
	})
	return fmt.Sprint(ints, floats, doubles, texts), err
}

// TestFields: the bytes are by hand, after https://protobuf.dev/programming-guides/encoding.
func TestFields(t *testing.T) {
	const one, two = "\x00\x00\x80\x3f", "\x00\x00\x00\x40"                                    // floats
	const dOne, dHalf = "\x00\x00\x00\x00\x00\x00\xf0\x3f", "\x00\x00\x00\x00\x00\x00\xe0\x3f" // doubles
	for _, c := range []struct{ bytes, want string }{
		{"", "[] [] [] []"},
		{"\x08\x96\x01", "[150] [] [] []"},
		{"\x08\x01\x0a\x03\x02\x96\x01\x08\x03", "[1 2 150 3] [] [] []"}, // one, packed, one
		{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "[-1] [] [] []"},
		{"\x12\x08" + one + two + "\x15" + one, "[] [1 2 1] [] []"},
		{"\x15" + two + "\x12\x00\x12\x04" + one, "[] [2 1] [] []"},
		{"\x1a\x08" + dOne + "\x19" + dHalf, "[] [] [1 0.5] []"},
		{"\x22\x01a\x22\x00\x22\x02bc", "[] [] [] [a  bc]"},
		{"\x78\x05\x7a\x02xx\x7d1234\x79" + dOne + "\x08\x07", "[7] [] [] []"}, // field 15 of every kind, which nobody wants
	} {
		if got, err := read([]byte(c.bytes)); err != nil || got != c.want {
			t.Errorf("%q: %s, %v, want %s", c.bytes, got, err, c.want)
		}
	}
	for bytes, want := range map[string]string{
		"\x08":                              "byte 0 of 1: field 1: cut short",
		"\x08\x05\x08\x80":                  "byte 2 of 4: field 1: cut short",
		"\x80":                              "byte 0 of 1: cut short",
		"\x12\x05" + one:                    "byte 0 of 6: field 2: cut short",
		"\x12\x03abc":                       "field 2: 3 bytes are no whole number of floats",
		"\x1a\x04abcd":                      "field 3: 4 bytes are no whole number of doubles",
		"\x0a\x02\x01\x80":                  "field 1: byte 1 of 2: cut short",
		"\x0d" + one:                        "field 1 is 4 bytes, want an integer",
		"\x10\x01":                          "field 2 is an integer, want 4 bytes",
		"\x1d" + one:                        "field 3 is 4 bytes, want 8 bytes",
		"\x20\x01":                          "field 4 is an integer, want bytes",
		"\x0b\x0c":                          "field 1 is a group, which is not used",
		"\x0f":                              "field 1 is of kind 7, which is not used",
		"\x00":                              "not as protobuf writes",
		"\x08" + strings.Repeat("\xff", 10): "field 1: not as protobuf writes",
	} {
		if _, err := read([]byte(bytes)); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", bytes, err, want)
		}
	}
}

// TestMost: messages and texts of a whole file are counted together.
func TestMost(t *testing.T) {
	var deep func(f wire.Field) error
	deep = func(f wire.Field) error {
		if f.Number == 2 {
			_, err := f.Text()
			return err
		}
		return f.Each(deep)
	}
	inner := strings.Repeat("\x12\x00", 7) // 7 texts, which with the message around them are 8
	outer := protowire.AppendBytes([]byte{0x0a}, []byte(inner))
	sound := strings.Repeat(string(outer), wire.Most/8)
	if err := wire.New([]byte(sound)).Each(deep); err != nil {
		t.Error(err)
	}
	if err := wire.New([]byte(sound + "\x12\x00")).Each(deep); err == nil {
		t.Error("one more than the most was read")
	}
}

func TestShape(t *testing.T) {
	for _, c := range []struct {
		dims  []int64
		count int // -1 of none
	}{
		{nil, 1}, {[]int64{0}, 0}, {[]int64{2, 3}, 6}, {[]int64{1 << 30, 1}, 1 << 30}, {[]int64{1<<31 - 1}, 1<<31 - 1},
		{[]int64{1 << 31}, -1}, {[]int64{1 << 16, 1 << 15}, -1}, {[]int64{-1}, -1}, {[]int64{-1, -1}, -1},
		{[]int64{0, -1}, -1}, {[]int64{0, 1 << 40}, -1}, {[]int64{0, 1<<31 - 1, 1<<31 - 1}, 0},
		{[]int64{1 << 32, 1 << 32}, -1}, {make([]int64, 32), 0}, {make([]int64, 33), -1},
	} {
		shape, count, err := wire.Shape(c.dims)
		if (err != nil) != (c.count < 0) || err == nil && (count != c.count || len(shape) != len(c.dims)) {
			t.Errorf("%v: %v, %d, %v, want %d", c.dims, shape, count, err, c.count)
		}
	}
}

func TestQuote(t *testing.T) {
	for name, want := range map[string]string{
		"conv1": `"conv1"`, "": `""`, "a\nb\x1b": `"a\nb\x1b"`, strings.Repeat("x", 60): `"` + strings.Repeat("x", 60) + `"`,
		strings.Repeat("x", 61):       `"` + strings.Repeat("x", 60) + `"...`,
		"x" + strings.Repeat("ä", 60): `"x` + strings.Repeat("ä", 29) + `"...`,
	} {
		if got := wire.Quote(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	if got := wire.Quote(strings.Repeat("\x80", 100)); len(got) > 300 {
		t.Errorf("%d bytes", len(got))
	}
}

// TestFit goes on until a message ends or is cut.
func TestFit(t *testing.T) {
	kinds := wire.Kinds{1: {wire.Varint}, 2: {wire.Bytes}, 3: {wire.Fixed32, wire.Bytes}, 100: {wire.Bytes}}
	for bytes, want := range map[string]bool{
		"": false, "\x08\x01": false, "\x12\x01x": true, "\x08\x01\x12\xff\x01abc": true, "\x08\x01\x12": true,
		"\x12\x00\x08": true, "\x12\x00\x0a\x00": false, "\x12\x00\x20\x01": false, "\x12\x00\x00": false,
		"\x1d1234\x1a\x00": false, "\xa2\x06\x00": true, "\xa2": false, "\x12\x00\xa2": true,
	} {
		if got := kinds.Fit([]byte(bytes), 2, 100); got != want {
			t.Errorf("%q: %t, want %t", bytes, got, want)
		}
	}
}
