package pickle_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"

	"duet/alexnet/convert/pickle"
	. "duet/alexnet/convert/pickle/compose"
)

// repr writes a value about as Python's repr does, bytes of Python 2's str as they are.
func repr(v any) string {
	join := func(items []any) string {
		all := make([]string, len(items))
		for i, v := range items {
			all[i] = repr(v)
		}
		return strings.Join(all, ", ")
	}
	switch v := v.(type) {
	case nil:
		return "None"
	case string:
		return fmt.Sprintf("%q", v)
	case []byte:
		return fmt.Sprintf("b%q", v)
	case *big.Int:
		return v.String()
	case *pickle.List:
		return "[" + join(v.Items) + "]"
	case *pickle.Tuple:
		return "(" + join(v.Items) + ")"
	case *pickle.Dict:
		var all []string
		for _, e := range v.Entries {
			all = append(all, repr(e.Key)+": "+repr(e.Value))
		}
		return "{" + strings.Join(all, ", ") + "}"
	case *pickle.Global:
		return "<" + v.Name + ">"
	}
	return fmt.Sprint(v)
}

// load loads a pickle in all ways, whose results must agree.
func load(t *testing.T, text string, o pickle.Options) (any, error) {
	t.Helper()
	v, err := pickle.Load(struct{ *strings.Reader }{strings.NewReader(text)}, o)
	w, end, errAt := pickle.LoadAt(strings.NewReader("front"+text+"behind"), 5, int64(5+len(text)), o)
	if (err == nil) != (errAt == nil) || err == nil && repr(v) != repr(w) {
		t.Errorf("Load gives %s, %v, LoadAt %s, %v", repr(v), err, repr(w), errAt)
	}
	if err == nil && end > int64(5+len(text)) {
		t.Errorf("a pickle of %d bytes ends at byte %d", len(text), end-5)
	}
	return v, err
}

// TestValues reads what Python has written, of every protocol; testdata/make.py says how.
func TestValues(t *testing.T) {
	want := strings.Join([]string{
		`{"ints": [0, 255, 256, 65535, 65536, -1, -2147483648, 2147483648, 1099511627776, -1099511627776, `,
		`9223372036854775807, -9223372036854775808, 9223372036854775808, -1180591620717411303424, `,
		`1267650600228229401496703205376], `,
		`"floats": [0, -0, 1.5, -1e+300, +Inf], `,
		`"constants": (None, true, false), `,
		`"texts": ["", "a", "é€😀", "line\nback\\slash", "`, strings.Repeat("x", 300), `"], `,
		`"bytes": [b"", b"b", b"\x00\xff\n", b"array"], `,
		`"tuples": [(), (1), (1, 2), (1, 2, 3), (1, 2, 3, 4)], `,
		`"dicts": [{}, {1: "one", "two": 2, None: true}, {}, {"b": 1, "a": 2}], `,
		`"shared": [[1, 2], [1, 2], "shared"], `,
		`"nested": [[[[]]]], `,
		`"default": {"k": [1]}}`}, "")
	globals := map[string]pickle.Func{"builtins.list": nil, "__builtin__.list": nil}
	for protocol := range 6 {
		file, err := os.ReadFile(fmt.Sprintf("testdata/values.%d.pickle", protocol))
		if err != nil {
			t.Fatal(err)
		}
		v, err := load(t, string(file), pickle.Options{Globals: globals})
		if got := repr(v); err != nil || got != want {
			t.Errorf("protocol %d: %v\ngot  %s\nwant %s", protocol, err, got, want)
		}
	}
}

// TestOpcodes reads what Python 3 does not write.
func TestOpcodes(t *testing.T) {
	add := func(args []any) (any, error) { return args[0].(int64) + args[1].(int64), nil }
	o := pickle.Options{
		Globals:    map[string]pickle.Func{"math.add": add, "math.pi": nil},
		Persistent: func(id any) (any, error) { return "elsewhere " + repr(id), nil },
	}
	for _, c := range []struct{ pickle, want string }{
		{`S'it\'s \x41\n\\'` + "\n.", `"it's A\n\\"`}, // Python 2's str
		{"S\"\xc3\"\n.", `"\xc3"`},
		{"U\x02\xff\xfe.", `"\xff\xfe"`},
		{"T\x02\x00\x00\x00\xff\xfe.", `"\xff\xfe"`},
		{"L12345678901234567890L\n.", "12345678901234567890"},
		{"L-5L\n.", "-5"},
		{"F1e999\n.", "+Inf"},
		{"Fnan\n.", "NaN"},
		{"\x8a\x00.", "0"},
		{"\x8b\x01\x00\x00\x00\xff.", "-1"},
		{"V\\u00e9\\U0001f600\\n\xe9\n.", `"é😀\\né"`},
		{"(K\x01K\x02l.", "[1, 2]"},
		{"(K\x01K\x02d.", "{1: 2}"},
		{"ccollections\nOrderedDict\n(](](X\x01\x00\x00\x00aK\x01eK\x01K\x02\x86etR.", `{"a": 1, 1: 2}`},
		{Pickle(Call(Global("math", "add"), Int(2), Int(3))), "5"},
		{Pickle(Str("math") + Str("add") + "\x93" + Ints(2, 3) + "\x81"), "5"},
		{Pickle(Global("math", "add") + Ints(2, 3) + "}\x92"), "5"},
		{Pickle(Global("math", "pi")), "<math.pi>"},
		{"Pkey\n.", `"elsewhere \"key\""`},
		{Pickle(Persistent(Ints(1))), `"elsewhere (1)"`},
		{Pickle(Build(Ordered, Dict(Str("_metadata"), Int(1)))), "{}"},
		{Pickle(Dict(Str("a"), Int(1), Str("b"), Int(2), Str("a"), Int(3))), `{"a": 3, "b": 2}`},
		{Pickle(List(Put(List(), 7), Get(7))), "[[], []]"},
		{Pickle(Tuple("J\xff\xff\xff\xffr\x05\x01\x00\x00", "j\x05\x01\x00\x00")), "(-1, -1)"},
	} {
		v, err := load(t, c.pickle, o)
		if got := repr(v); err != nil || got != c.want {
			t.Errorf("%q: %s, %v, want %s", c.pickle, got, err, c.want)
		}
	}
}

// TestGet finds keys as Python does.
func TestGet(t *testing.T) {
	v, err := load(t, Pickle(Dict(Str("a"), Int(1), Int(5), Str("five"), None, True, Tuple(), Int(2))), pickle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := v.(*pickle.Dict)
	for _, c := range []struct{ key, want any }{{"a", int64(1)}, {int64(5), "five"}, {nil, true}} {
		if got, ok := d.Get(c.key); !ok || got != c.want {
			t.Errorf("%v: %v, %v", c.key, got, ok)
		}
	}
	if v, ok := d.Get("b"); ok {
		t.Errorf("b: %v", v)
	}
}

// TestStops: two pickles in a row are read one by one, to the byte.
func TestStops(t *testing.T) {
	r := strings.NewReader(Pickle(Int(1)) + Pickle(Int(2)) + "rest")
	for want := int64(1); want <= 2; want++ {
		if v, err := pickle.Load(r, pickle.Options{}); err != nil || v != any(want) {
			t.Fatalf("%v, %v, want %d", v, err, want)
		}
	}
	if r.Len() != 4 {
		t.Errorf("%d bytes left, want 4", r.Len())
	}
}

// TestReaderFails: what the reader says is not taken for the file's fault.
func TestReaderFails(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, begin := range []string{"", "]", "X\x05\x00\x00\x00ab", "X\x05", "cmo"} {
		_, err := pickle.Load(&failing{bytes.NewReader([]byte(begin)), broken}, pickle.Options{})
		if !errors.Is(err, broken) {
			t.Errorf("after %q: %v, want %v", begin, err, broken)
		}
	}
}

type failing struct {
	r   *bytes.Reader
	err error
}

func (f *failing) Read(b []byte) (int, error) {
	if f.r.Len() == 0 {
		return 0, f.err
	}
	return f.r.Read(b)
}
