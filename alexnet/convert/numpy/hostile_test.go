package numpy_test

import (
	"archive/zip"
	"fmt"
	"runtime"
	"strings"
	"testing"

	. "duet/alexnet/convert/pickle/compose"
)

// oneLine fails for an error that does not begin with the file, or ends a line.
func oneLine(t *testing.T, path string, err error) {
	t.Helper()
	text := err.Error()
	if !strings.HasPrefix(text, path+": ") || strings.ContainsAny(text, "\n\r\x1b") || len(text) > len(path)+600 {
		t.Errorf("%q, want one line that begins with %s", text, path)
	}
}

// refusal is a file and what its error says.
type refusal struct{ name, file, want string }

// refused fails for files that are not refused as they shall be.
func refused(t *testing.T, cases []refusal) {
	t.Helper()
	for _, c := range cases {
		x, path, err := read(t, c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v, want %s", c.name, x, err, c.want)
			continue
		}
		oneLine(t, path, err)
	}
}

func TestRefusedArrays(t *testing.T) {
	good := npy(describe("'|u1'", "False", "(3,)"), bytes3)
	header := func(text string) string { return npy(text, bytes3) }
	shape := func(s string) string { return npy(describe("'|u1'", "False", s), bytes3) }
	refused(t, []refusal{
		{"a text", "arrays", `begins with "arrays", want NumPy's arrays (.npy, .npz) or a pickle of them: unknown format`},
		{"an HDF5 file", "\x89HDF\r\n\x1a\n....", "an HDF5 file, want NumPy's"},
		{"the magic alone", "\x93NUMPY", "ends inside of its header, want 2 bytes more"},
		{"half a length", "\x93NUMPY\x01\x00\x05", "ends inside of its header, want 1 bytes more"},
		{"half a header", good[:20], "ends inside of its header"},
		{"version 4", "\x93NUMPY\x04\x00\x00\x00\x00\x00", "version 4.0, want 1.0, 2.0 or 3.0"},
		{"version 1.1", "\x93NUMPY\x01\x01\x00\x00\x00\x00", "version 1.1, want"},
		{"a header of 4 GB", "\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "a header of 4294967295 bytes, want at most 10000"},
		{"objects", npy(describe("'|O'", "False", "(3,)"), "\x80\x03."), `type "|O", Python's objects, want numbers`},
		{"records", npy(describe("[('x', '<f4')]", "False", "(3,)"), ""), "'descr' is a list, records with fields"},
		{"complex numbers", npy(describe("'<c8'", "False", "(3,)"), ""), `type "<c8", want float16`},
		{"texts", npy(describe("'<U5'", "False", "(3,)"), ""), `type "<U5", want float16`},
		{"no type", npy(describe("''", "False", "(3,)"), ""), `type "", want float16`},
		{"short", npy(describe("'<f4'", "False", "(3,)"), bytes3), "3 bytes behind the header, want 12 for shape [3]"},
		{"long", good + "x", "4 bytes behind the header, want 3 for shape [3] of uint8"},
		{"a huge shape", shape("(9223372036854775807,)"), "shape [9223372036854775807], want at most"},
		{"an overflowing shape", shape("(4294967296, 4294967296)"), "want at most"},
		{"an empty huge shape", shape("(0, 4294967296, 4294967296)"), "want at most"},
		{"a negative shape", shape("(-1, -3)"), "want no negative dimension"},
		{"beyond an int", shape("(99999999999999999999,)"), "want a dimension"},
		{"no number", shape("(x,)"), "want a dimension"},
		{"two minus", shape("(--1,)"), "want a dimension"},
		{"no tuple", shape("3"), "want ("},
		{"many dimensions", shape("(" + strings.Repeat("1, ", 17) + ")"), "more than 16 dimensions"},
		{"no comma", shape("(3 4)"), "want )"},
		{"a key twice", header("{'shape': (3,), 'shape': (3,)}"), "'shape' twice"},
		{"a key more", header("{'shape': (3,), 'x': 1}"), "'x', want 'descr', 'fortran_order' and 'shape' alone"},
		{"a key less", header("{'shape': (3,), 'descr': 'u1'}"), "a key is missing"},
		{"no keys", header("{}"), "a key is missing"},
		{"no dict", header("[]"), `header: "[]", want {`},
		{"no end", header("{'shape': (3,)"), `want }`},
		{"no colon", header("{'shape' (3,)}"), "want :"},
		{"no quotes", header("{shape: (3,)}"), "want a str in quotes"},
		{"an open quote", header("{'shape: (3,)}"), "want a str that ends"},
		{"more behind", header(describe("'u1'", "False", "(3,)") + "os.system()"), `"os.system()", want nothing more`},
		{"neither true nor false", header(describe("'u1'", "None", "(3,)")), "want False"},
		{"codes for the terminal", header("\x1b[2J\n"), `"\x1b[2J\n", want {`},
	})
}

func TestRefusedArchives(t *testing.T) {
	good := npy(describe("'|u1'", "False", "(3,)"), bytes3)
	refused(t, []refusal{
		{"an empty archive", archive(t, zip.Store), "an empty zip archive, want NumPy's"},
		{"no archive", "PK\x03\x04", "the archive: zip: not a valid zip file"},
		{"PyTorch's archive", archive(t, zip.Store, "a/data.pkl", "x"), "member a/data.pkl: want .npy alone"},
		{"a member of nothing", archive(t, zip.Store, "a.npy", ""), "member a.npy: ends inside of its header"},
		{"a member of text", archive(t, zip.Store, "a.npy", "some text"), `member a.npy: begins with "some t", want a .npy`},
		{"a member too long", archive(t, zip.Deflate, "a.npy", good+"x"), "member a.npy: 4 bytes behind the header"},
		{"a damaged member", strings.Replace(archive(t, zip.Store, "a.npy", good), bytes3, "\x01\x02\x04", 1),
			"member a.npy: zip: checksum error"},
		{"a zip bomb", archive(t, zip.Deflate, "a.npy", npy(describe("'|u1'", "False", "(1048576,)"),
			strings.Repeat("\x00", 1<<20))), "member a.npy: unpacks to 1048"},
	})
}

// in puts a value into the dict of a pickle.
func in(value string) string { return Pickle(Dict(Str("a"), value)) }

func TestRefusedPickles(t *testing.T) {
	u1, three, data := dtype("u1", "|"), Ints(3), Bytes(bytes3)
	refused(t, []refusal{
		{"code", Pickle(Call(Global("os", "system"), Str("x"))), "os.system is not among what may be made"},
		{"another class", Pickle(Global("numpy", "matrix")), "numpy.matrix is not among what may be made"},
		{"an array of another class", Pickle(Call(Global("numpy.core.multiarray", "_reconstruct"), Global("numpy", "dtype"),
			three, data)), "3 arguments, want 3, the first numpy.ndarray"},
		{"PyTorch's stream", "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.more", "value is an int of 77"},
		{"a list", Pickle(List()), "the file's value is a list of 0, want NumPy's"},
		{"half", "\x80\x02}", "byte 3: the pickle ends here"},
		{"more behind", Pickle(EmptyDict) + "rest", "4 bytes behind the pickle, want none"},
		{"a list in a dict", in(List()), "a is a list of 0, want an array or a dict"},
		{"a number in a dict", Pickle(Dict(Str("x"), Dict(Str("y"), Int(3)))), "x/y is the int 3, want an array"},
		{"a number as a key", Pickle(Dict(Str("x"), Dict(Int(3), None))), "x: the int 3 as a key, want a str"},
		{"a dtype in a dict", in(u1), "a is a dtype, want an array"},
		{"one name twice", Pickle(Dict(Str("a/b"), array(u1, three, False, data), Str("a"),
			Dict(Str("b"), array(u1, three, False, data)))), "a/b: two arrays of this name"},
		{"a long name", Pickle(Dict(Str(strings.Repeat("x", 1025)), None)), "a name of 1025 bytes, want at most 1024"},
		{"codes in a name", Pickle(Dict(Str("\x1b[2J\n"), None)), `\x1b[2J\n is None`},
	})
}

func TestRefusedStates(t *testing.T) {
	u1, three, data := dtype("u1", "|"), Ints(3), Bytes(bytes3)
	empty := Call(Global("numpy.core.multiarray", "_reconstruct"), Global("numpy", "ndarray"), Ints(0), Bytes("b"))
	state := func(items ...string) string { return in(Build(empty, Tuple(items...))) }
	refused(t, []refusal{
		{"no state", in(empty), "a: an array without a state"},
		{"two states", in(Build(array(u1, three, False, data), Tuple(Int(1), three, u1, False, data))), "a tuple of 5"},
		{"another version", state(Int(2), three, u1, False, data), "the first the version 1"},
		{"a short state", state(three, u1, False, data), "a tuple of 4 as an array's state"},
		{"no order", state(Int(1), three, u1, None, data), "None for Fortran's order"},
		{"no dtype", state(Int(1), three, Str("u1"), False, data), `the str "u1" as its type`},
		{"an array as a dtype", state(Int(1), three, empty, False, data), "an array as its type, want a dtype"},
		{"no shape", state(Int(1), List(), u1, False, data), "a list of 0 as its shape"},
		{"objects", state(Int(1), three, Call(Global("numpy", "dtype"), Str("O8")), False, List(None)), "Python's objects"},
		{"a list of numbers", state(Int(1), three, u1, False, List(Int(1))), "a list of 1 as its numbers, want bytes"},
		{"a short array", state(Int(1), Ints(4), u1, False, data), "a: 3 bytes, want 4 for shape [4] of uint8"},
		{"a long array", state(Int(1), Ints(2), u1, False, data), "a: 3 bytes, want 2 for shape [2]"},
		{"a huge array", state(Int(1), Ints(1<<62, 1<<62), u1, False, data), "want at most"},
		{"a negative array", state(Int(1), Ints(-1, -3), u1, False, data), "want no negative dimension"},
		{"no ints", state(Int(1), Tuple(Str("3")), u1, False, data), `a: shape: the str "3", want an int`},
		{"many dimensions", state(Int(1), Ints(make([]int64, 17)...), u1, False, data), "17 dimensions, want at most 16"},
	})
}

func TestRefusedTypes(t *testing.T) {
	u1, data := dtype("u1", "|"), Bytes(bytes3)
	kind := func(items ...string) string {
		return in(Build(Call(Global("numpy", "dtype"), Str("u1")), Tuple(items...)))
	}
	refused(t, []refusal{
		{"a short dtype", kind(Int(3)), "a tuple of 1 as a dtype's state"},
		{"a strange order", kind(Int(3), Str("!"), None, None, None), `the str "!" as the order of bytes`},
		{"no order of bytes", kind(Int(3), None, None, None, None), `None as the order of bytes`},
		{"records", kind(Int(3), Str("|"), None, Ints(), EmptyDict), "a dtype of records or arrays"},
		{"a dtype of nothing", in(Call(Global("numpy", "dtype"))), "0 arguments, want the str of a type's name"},
		{"a dtype of a class", in(Call(Global("numpy", "dtype"), Global("numpy", "ndarray"))), "1 arguments, want the str"},
		{"a dtype twice", in(Build(u1, Tuple(Int(3), Str("<"), None, None, None))), "a tuple of 5 as a dtype's state"},
		{"half a scalar", in(Call(Global("numpy.core.multiarray", "scalar"), u1)), "1 arguments, want a dtype and bytes"},
		{"a short scalar", in(Call(Global("numpy.core.multiarray", "scalar"), dtype("f4", "<"), data)), "a: 3 bytes, want 4"},
	})
}

func TestRefusedBuffers(t *testing.T) {
	buffer := func(args ...string) string {
		args = append([]string{Bytes(bytes3), dtype("u1", "|"), Ints(3)}, args...)
		return in(Call(Global("numpy._core.numeric", "_frombuffer"), args...))
	}
	refused(t, []refusal{
		{"a buffer of nothing", in(Call(Global("numpy._core.numeric", "_frombuffer"), None)), "1 arguments, want bytes"},
		{"a buffer of no order", buffer(Str("A")), `the str "A" as the order, want C, F, or K`},
		{"a buffer without axes", buffer(Str("K")), `the str "K" as the order`},
		{"a buffer of no axes", buffer(Str("K"), Int(0)), "the int 0 as the axes, want a tuple"},
		{"more axes", buffer(Str("K"), Ints(0, 1)), "axes [0 1] for shape [3], want each once"},
		{"fewer axes", buffer(Str("K"), Ints()), "axes [] for shape [3]"},
		{"another axis", buffer(Str("K"), Ints(1)), "axes [1] for shape [3]"},
		{"no axis", buffer(Str("K"), Tuple(None)), "a: axes: None, want an int"},
	})
}

// memoryPerByte bounds all that is allocated for a byte of a file: the pickle's machine (see package pickle), the
// numbers of package foreign's account, and an archive's directory.
const memoryPerByte = 400

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestMemory: what a file costs is proportional to its length, whatever it says.
func TestMemory(t *testing.T) {
	u1, long := dtype("u1", "|"), strings.Repeat("x", 1<<18)
	named := func(times int, value string) string {
		var b strings.Builder
		for i := range times {
			b.WriteString(Str(fmt.Sprintf("%05d", i)) + value)
		}
		return b.String()
	}
	laughs := Put(Dict(Str("lol"), array(u1, Ints(0), False, Bytes(""))), 0)
	for i := range byte(90) {
		laughs += Put(Dict(Str("a"), Get(i), Str("b"), Get(i), Str("c"), Get(i)), i+1)
	}
	nothings := Put(EmptyDict, 0)
	for i := range byte(90) {
		nothings += Put(Dict(Str("a"), Get(i), Str("b"), Get(i)), i+1)
	}
	for _, c := range []struct{ name, file, want string }{
		{"one array often", Pickle(Dict(Str("a"), Put(array(u1, Ints(1<<18), False, Bytes(long)), 0), named(100, Get(0)))),
			"too much, want at most"},
		{"one array of few bytes often", Pickle(Dict(Str("a"), Put(array(u1, Ints(3), False, Bytes(bytes3)), 0),
			named(10000, Get(0)))), ""},
		{"one text made arrays", Pickle(Dict(Str("a"), Put("T"+U32(len(long))+long, 0), named(1000,
			array(u1, Ints(1<<18), False, Get(0))))), "a is the str"},
		{"billion laughs", Pickle(Tuple(laughs, Get(90))), "the file's value is a tuple"},
		{"a dict of laughs", Pickle(Dict(Str("x"), Tuple(laughs), Str("x"), Get(90))), "too much, want at most"},
		{"a dict of nothings", Pickle(Dict(Str("x"), Tuple(nothings), Str("x"), Get(90))), "too much, want at most"},
		{"a header of a huge array", npy(describe("'|u1'", "False", "(1048576,)"), bytes3), "want at most"},
		{"members of 2^31", archive(t, zip.Deflate, "a.npy", npy(describe("'<f8'", "True", "(2147483647,)"), bytes3)),
			"want at most"},
	} {
		used := allocated(func() {
			_, path, err := read(t, c.file)
			switch {
			case (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want):
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			case err != nil:
				oneLine(t, path, err)
			}
		})
		if limit := uint64(memoryPerByte*len(c.file) + 1<<20); used > limit {
			t.Errorf("%s: %d bytes allocated for %d, want at most %d", c.name, used, len(c.file), limit)
		}
	}
}
