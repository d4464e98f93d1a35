package pickle_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"duet/alexnet/convert/pickle"
	. "duet/alexnet/convert/pickle/compose"
)

// oneLine fails for an error that does not say where, or ends a line.
func oneLine(t *testing.T, err error) {
	t.Helper()
	var at *pickle.Error
	if !errors.As(err, &at) || !strings.HasPrefix(err.Error(), "byte ") {
		t.Errorf("%v, want a *pickle.Error that begins with its byte", err)
	}
	if text := err.Error(); strings.ContainsAny(text, "\n\r\x1b") || len(text) > 500 {
		t.Errorf("%q, want one short line", text)
	}
}

// refusal is a pickle and what its error says.
type refusal struct{ name, pickle, want string }

// refused fails for pickles that are not refused as they shall be, with their size known and unknown.
func refused(t *testing.T, cases []refusal) {
	t.Helper()
	same := &pickle.List{}
	globals := map[string]pickle.Func{
		"math.pi":   nil,
		"math.same": func([]any) (any, error) { return same, nil },
		"math.fail": func([]any) (any, error) { return nil, errors.New("out of luck") },
	}
	for _, c := range cases {
		v, err := pickle.Load(strings.NewReader(c.pickle), pickle.Options{Globals: globals, Size: int64(len(c.pickle))})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v, want %s", c.name, repr(v), err, c.want)
			continue
		}
		oneLine(t, err)
		if _, err := pickle.Load(strings.NewReader(c.pickle), pickle.Options{Globals: globals}); err == nil {
			t.Errorf("%s: of unknown size: no error", c.name)
		} else {
			oneLine(t, err)
		}
	}
}

func TestRefusedEnds(t *testing.T) {
	refused(t, []refusal{
		{"nothing", "", "byte 0: the pickle ends here"},
		{"no stop", "\x80\x02N", "byte 3: the pickle ends here"},
		{"no value", "\x80\x02.", "byte 2: STOP: 0 values and 0 marks"},
		{"two values", "NN.", "byte 2: STOP: 2 values"},
		{"a mark left", "(N.", "STOP: 1 values and 1 marks"},
		{"no opcode", "\xff.", "byte 0: 0xff, want an opcode"},
		{"protocol 6", "\x80\x06N.", "PROTO: protocol 6, want at most 5"},
		{"protocol late", "N\x80\x02.", "byte 1: PROTO: in the middle"},
	})
}

func TestRefusedCalls(t *testing.T) {
	refused(t, []refusal{
		{"code", "cos\nsystem\n(S'echo'\ntR.", "byte 0: GLOBAL: os.system is not among what may be made"},
		{"code of protocol 4", Pickle(Str("os") + Str("system") + "\x93"), "STACK_GLOBAL: os.system is not"},
		{"a global with a terminal's codes", "c\x1b[2J\nx\n.", `\x1b[2J.x is not among`},
		{"a name of numbers", Pickle(Int(1) + Str("system") + "\x93"), "STACK_GLOBAL: the int 1 and the str"},
		{"a long name", "c" + strings.Repeat("x", 300) + "\nf\n.", "GLOBAL: a line longer than 256 bytes"},
		{"a value called", Pickle(Call(Global("math", "pi"))), "REDUCE: math.pi is called, want it as a value alone"},
		{"an int called", Pickle(Int(1) + ")R"), "REDUCE: the int 1 is called, want a global"},
		{"no tuple", Pickle(Global("math", "fail") + "]R"), "REDUCE: math.fail called with a list of 0"},
		{"a call that fails", Pickle(Call(Global("math", "fail"))), "REDUCE: math.fail: out of luck"},
		{"keywords", Pickle(Global("math", "fail") + ")" + Dict(Str("a"), Int(1)) + "\x92"), "NEWOBJ_EX: a dict of 1"},
		{"a class", "(ios\nsystem\n.", "byte 1: INST: an opcode that weights do not need"},
		{"an extension", "\x82\x01.", "byte 0: EXT1: an opcode"},
		{"a state of a list", Pickle(Build("]", "N")), "BUILD: a list of 0 gets a state"},
		{"a state of a dict", Pickle(Build("}", "}")), "BUILD: a dict of 0 gets a state"},
		{"elsewhere", Pickle(Persistent(Ints(1))), "BINPERSID: a value that is kept elsewhere under a tuple of 1"},
		{"elsewhere of protocol 0", "Pkey\n.", `PERSID: a value that is kept elsewhere under the str "key"`},
	})
}

func TestRefusedStack(t *testing.T) {
	refused(t, []refusal{
		{"empty stack", "a.", "byte 0: APPEND: 0 values on the stack, want 1"},
		{"below a mark", "N(\x85.", "byte 2: TUPLE1: 0 values on the stack, want 1"},
		{"no mark", "Nt.", "byte 1: TUPLE: no mark"},
		{"memo of nothing", "q\x00.", "BINPUT: no value"},
		{"never remembered", "Nq\x00h\x01.", "byte 3: BINGET: nothing was remembered under 1"},
		{"a huge number", "g99999999999999999999\n.", "GET: \"99999999999999999999\", want a number of the memo"},
		{"a negative number", "Np-1\n.", "PUT: \"-1\", want a number of the memo"},
		{"items of a dict", Pickle("}Na"), "APPEND: a dict of 0 gets items, want a list"},
		{"keys of a list", Pickle("]NNs"), "SETITEM: a list of 0 gets keys and values"},
		{"odd", Pickle("}(NNNu"), "SETITEMS: 3 keys and values"},
		{"a list as a key", Pickle(Dict("]", "N")), "SETITEMS: a list of 0 as a key"},
	})
}

func TestRefusedCycles(t *testing.T) {
	refused(t, []refusal{
		{"into itself", Pickle(Put("]", 0) + Get(0) + "a"), "APPEND: changes a value that stands in another"},
		{"into itself unseen", Pickle("]" + "q\x00" + "(h\x00e"), "APPENDS: changes a value"},
		{"the caller's", Pickle(strings.Repeat(Call(Global("math", "same")), 2) + "a"), "APPEND: puts a value into itself"},
		{"a cycle of two", Pickle("]q\x00]q\x01h\x00ah\x00h\x01a\x86"), "APPEND: changes a value"},
		{"a cycle through a tuple", Pickle("]q\x00h\x00\x85a"), "APPEND: changes a value"},
		{"a cycle through a dict", Pickle("}q\x00Nh\x00s"), "SETITEM: changes a value"},
		{"a cycle through a state", Pickle(Ordered + "q\x00Nh\x00s"), "SETITEM: changes a value"},
		{"too deep", strings.Repeat("]", 200) + strings.Repeat("a", 199) + ".", "APPEND: containers nested deeper than 100"},
		{"too deep in tuples", ")" + strings.Repeat("\x85", 100) + ".", "TUPLE1: containers nested deeper than 100"},
	})
}

func TestRefusedArguments(t *testing.T) {
	refused(t, []refusal{
		{"a length that lies", "X\xff\xff\xff\xffabc.", "BINUNICODE: a length of 4294967295 bytes, want at most the 4"},
		{"of 2^63", "\x8e" + U64(1<<63) + "abc.", "BINBYTES8: a length of 9223372036854775808 bytes"},
		{"of 2^64-1", "\x96" + U64(1<<64-1) + "abc.", "BYTEARRAY8: a length of 18446744073709551615 bytes"},
		{"a short length", "C\x05ab", "SHORT_BINBYTES: a length of 5 bytes, want at most the 2"},
		{"half an argument", "\x8d\x05\x00", "BINUNICODE8: the pickle ends inside of its argument"},
		{"half a line", "cos", "GLOBAL: the pickle ends inside of its argument"},
		{"a long integer", "\x8b" + U32(300) + strings.Repeat("x", 300) + ".", "LONG4: an int of 300 bytes"},
		{"a negative integer", "\x8b\xff\xff\xff\xff.", "LONG4: an int of 4294967295 bytes"},
		{"a long line", "I" + strings.Repeat("1", 300) + "\n.", "INT: a line longer than 256 bytes"},
		{"no integer", "I1x\n.", "INT: \"1x\", want an integer"},
		{"no float", "F1x\n.", "FLOAT: \"1x\", want a float"},
		{"no quotes", "Sabc\n.", "STRING: \"abc\", want a str in quotes"},
		{"one quote", "S'\n.", "STRING: \"'\", want a str in quotes"},
		{"an open escape", "S'\\'\n.", "STRING: a str that ends in a backslash"},
		{"a strange escape", "S'\\q'\n.", "STRING: \"\\q\", want an escape"},
		{"no digits", "S'\\xzz'\n.", "STRING: \"\\xzz\", want two hexadecimal digits"},
		{"few digits", "V\\u12\n.", "UNICODE: \"\\u12\", want 4"},
		{"half a pair", "V\\ud800\n.", "UNICODE: \"\\ud800\", want a character"},
		{"too large", "V\\Uffffffff\n.", "UNICODE: \"\\Uffffffff\", want a character"},
		{"no UTF-8", "X\x01\x00\x00\x00\xff.", `BINUNICODE: "\xff" is not UTF-8`},
		{"not Latin-1", Pickle(Call(Global("_codecs", "encode"), Str("€"), Str("latin1"))), "the character '€'"},
		{"another code", Pickle(Call(Global("_codecs", "encode"), Str("a"), Str("rot13"))), "want a str and \"latin1\""},
		{"no pairs", Pickle(Call(Global("collections", "OrderedDict"), List(Int(1)))), "the int 1 in the list"},
		{"no list", Pickle(Call(Global("collections", "OrderedDict"), Int(1))), "the int 1 and 0 more arguments"},
		{"no bytes", Pickle(Call(Global("builtins", "bytes"), Int(1<<40))), "the int 1099511627776 and 0 more"},
	})
}

func TestRefusedFrames(t *testing.T) {
	refused(t, []refusal{
		{"a frame that lies", "\x80\x04\x95" + U64(1<<63) + "N.", "FRAME: a frame of 9223372036854775808 bytes"},
		{"a frame too long", "\x80\x04\x95" + U64(99) + "N.", "FRAME: a frame of 99 bytes, want at most the 2"},
		{"a frame that goes on", "\x95" + U64(3) + "N.N.", "STOP: 1 bytes before the end of its frame"},
		{"a frame in a frame", "\x95" + U64(11) + "\x95" + U64(1) + "N.", "byte 9: FRAME: a frame inside of another"},
		{"across a frame", "\x95" + U64(3) + "C\x03abc.", "byte 9: SHORT_BINBYTES: crosses the end of its frame"},
	})
}

// TestKind: what errors call a value.
func TestKind(t *testing.T) {
	for want, value := range map[string]string{
		"None": None, "True": True, "False": False, "the int 5": Int(5), "an int of 71 bits": "L-1180591620717411303424L\n",
		"the float 1.5": "F1.5\n", `the str "a\n"`: Str("a\n"), "3 bytes": Bytes("abc"), "a list of 1": List(None),
		"a tuple of 0": "(t", "a dict of 0": Ordered, "the global math.pi": Global("math", "pi"),
	} {
		v, err := pickle.Load(strings.NewReader(value+"."), pickle.Options{Globals: map[string]pickle.Func{"math.pi": nil}})
		if got := pickle.Kind(v); err != nil || got != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
	if got := pickle.Kind(stateful{}); got != "a pickle_test.stateful" {
		t.Error(got)
	}
}

// TestUnknownGlobal: callers can tell it apart, and the place is the file's.
func TestUnknownGlobal(t *testing.T) {
	_, err := pickle.Load(strings.NewReader("cos\nsystem\n."), pickle.Options{Base: 1000})
	var unknown *pickle.GlobalError
	if !errors.As(err, &unknown) || unknown.Name != "os.system" || !strings.HasPrefix(err.Error(), "byte 1000: ") {
		t.Errorf("%v", err)
	}
}

// memoryPerByte bounds all that is allocated for a byte of a pickle, also what is dropped again: a dict, its place on
// the stack and in the memo, and the copies while these grow.
const memoryPerByte = 300

// allocated is how many bytes a function allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestMemory: what a pickle costs is proportional to its length, whatever it says.
func TestMemory(t *testing.T) {
	const n = 1 << 16
	long := strings.Repeat("x", n)
	laughs := Put(List(Str("lol")), 0)
	for i := range byte(90) {
		laughs += Put(List(Get(i), Get(i), Get(i), Get(i), Get(i), Get(i), Get(i), Get(i), Get(i), Get(i)), i+1)
	}
	for _, c := range []struct{ name, pickle string }{
		{"dicts", strings.Repeat("}", n)},
		{"lists remembered", strings.Repeat("]\x94", n/2)},
		{"tuples", strings.Repeat(")", n)},
		{"marks", strings.Repeat("(", n)},
		{"ints", "(" + strings.Repeat("K\x01", n/2) + "t."},
		{"dict of ints", "}(" + strings.Repeat("M\x01\x02K\x01", n/5) + "u."},
		{"one value remembered", "N" + strings.Repeat("\x94", n)},
		{"memo far away", "N" + strings.Repeat("r\xff\xff\xff\xffr\xfe\xff\xff\xff", n/10)},
		{"billion laughs", laughs + "."},
		{"one list twice, and so on", "]q\x00" + strings.Repeat("h\x00h\x00\x86q\x00", 90) + "."},
		{"one text encoded often", Put(Str(long), 0) + Put(Str("latin1"), 1) +
			strings.Repeat("c_codecs\nencode\nh\x00h\x01\x86R", n/20)},
		{"one list made dicts often", Put(List(strings.Repeat("K\x01K\x02\x86", n/5)), 0) +
			strings.Repeat("ccollections\nOrderedDict\nh\x00\x85R", n/30)},
		{"a length of 4 GB", "X\xff\xff\xff\xff" + long},
		{"a length of 2^63", "\x8e" + U64(1<<63-1) + long},
		{"a line", "S'" + long},
		{"opcodes", strings.Repeat("N", 5<<20)},
		{"long names", strings.Repeat("Pabcdefgh", n/9)},
	} {
		for _, size := range []int64{0, int64(len(c.pickle))} {
			used := allocated(func() {
				if _, err := pickle.Load(strings.NewReader(c.pickle), pickle.Options{Size: size}); err != nil {
					oneLine(t, err)
				}
			})
			if limit := uint64(memoryPerByte*len(c.pickle) + 1<<18); used > limit {
				t.Errorf("%s: %d bytes allocated for %d, want at most %d", c.name, used, len(c.pickle), limit)
			}
		}
	}
}
