package pytorch_test

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"duet/alexnet/convert/foreign"
	. "duet/alexnet/convert/pickle/compose"
	"duet/alexnet/convert/pytorch"
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

const alone = "want the weights alone, as torch.save(model.state_dict(), path)"

var entry = Dict(Str("a"), floats("0", 3))

// view is a view of a storage of three numbers, and rebuilt what a function makes of arguments.
func view(offset int64, sizes, strides string) string {
	return Dict(Str("a"), tensor(storage("FloatStorage", "0", 3), offset, sizes, strides))
}

func rebuilt(version string, args ...string) string {
	return Dict(Str("a"), Call(Global("torch._utils", "_rebuild_tensor"+version), args...))
}

func TestRefusedFiles(t *testing.T) {
	refused(t, []refusal{
		{"a text", "weights", `begins with "weights", want weights that torch.save has written: unknown format`},
		{"a pickle", Pickle(EmptyDict), "a Python pickle, want weights that torch.save has written"},
		{"a web page", "<html>", "a web page or XML, want"},
		{"an HDF5 file", "\x89HDF\r\n\x1a\n....", "an HDF5 file, want"},
		{"an empty archive", archive(t), "a zip archive, want"},
		{"half an archive", file(t, entry, three)[:200], "the archive: zip: not a valid zip file"},
		{"another archive", archive(t, member{name: "a.npy", data: "x"}), "a zip archive without data.pkl"},
		{"two pickles", archive(t, member{name: "a/data.pkl"}, member{name: "b/data.pkl"}), "with 2 files data.pkl"},
		{"a member twice", archive(t, member{name: "a/data.pkl"}, member{name: "a/data.pkl"}), "there are two, want one"},
		{"TorchScript", archive(t, member{name: "a/data.pkl"}, member{name: "a/constants.pkl"}), "TorchScript"},
		{"a byte order", archive(t, member{name: "a/data.pkl"}, member{name: "a/byteorder", data: "mid"}),
			`byteorder: "mid", want little or big`},
		{"no pickle", archive(t, member{name: "a/data.pkl"}), "data.pkl: byte 0: the pickle ends here"},
	})
}

func TestRefusedValues(t *testing.T) {
	module := Persistent(Tuple(Str("module"), Global("torch", "FloatStorage"), Str("x"), Str("y")))
	refused(t, []refusal{
		{"a module", file(t, Call(Global("torchvision.models.alexnet", "AlexNet")), ""), alone},
		{"a module of the stream", stream(module, 0, ""), "a whole module; " + alone},
		{"code", file(t, Call(Global("os", "system"), Str("echo")), ""), "os.system is not among what may be made"},
		{"storages in the pickle", file(t, Call(Global("torch.storage", "_load_from_bytes"), Bytes("x")), ""), alone},
		{"a list", file(t, List(floats("0", 3)), three), "the file's value is a list of 1, want a dict of tensors"},
		{"one tensor", file(t, floats("0", 3), three), "the file's value is a tensor, want a dict"},
		{"an empty dict", file(t, EmptyDict, three), "the file's value is an empty dict"},
		{"no state dict", file(t, Dict(Str("a"), floats("0", 3), Str("epoch"), Int(3)), three),
			`epoch is the int 3, want a dict of tensors, or one under "state_dict"`},
		{"options alone", file(t, Dict(Str("args"), Call(Global("argparse", "Namespace"))), ""),
			"args is a value of argparse.Namespace, want a dict of tensors"},
		{"numbers as keys", file(t, Dict(Int(1), None), ""), "the int 1 is None, want a dict of tensors"},
		{"few for a parameter", file(t, Call(Global("torch._utils", "_rebuild_parameter"), Int(1)), ""), "want at least 3"},
		{"a step in the state dict", file(t, Dict(Str("net"), Dict(Str("a"), floats("0", 3), Str("n"), Int(3))), three),
			"net: n is the int 3, want a tensor"},
		{"a number as a name", file(t, Dict(Int(3), floats("0", 3)), three), "the int 3 as a name, want a str"},
		{"a name with codes", file(t, Dict(Str("\x1b[2J\n"), view(-1, Ints(), Ints()), Str("net"), Int(1)), three),
			`\x1b[2J\n is a dict`},
	})
}

func TestRefusedViews(t *testing.T) {
	refused(t, []refusal{
		{"a negative offset", file(t, view(-1, Ints(3), Ints(1)), three), "a: storage 0: offset -1, want one in a"},
		{"an offset behind", file(t, view(1, Ints(3), Ints(1)), three), "shape [3] with strides [1] from 1"},
		{"a huge offset", file(t, view(1<<62, Ints(1), Ints(1)), three), "offset 4611686018427387904"},
		{"a negative stride", file(t, view(2, Ints(3), Ints(-1)), three), "strides [-1], want none that is negative"},
		{"a long stride", file(t, view(0, Ints(3), Ints(2)), three), "shape [3] with strides [2] from 0"},
		{"a huge stride", file(t, view(0, Ints(3), Ints(1<<62)), three), "with strides [4611686018427387904]"},
		{"a huge shape", file(t, view(0, Ints(1<<62, 4), Ints(0, 0)), three), "shape [4611686018427387904 4], want at most"},
		{"an empty huge shape", file(t, view(0, Ints(0, 1<<62, 1<<62), Ints(0, 0, 0)), three), "want at most"},
		{"an overflowing shape", file(t, view(0, Ints(1<<32, 1<<32), Ints(0, 0)), three), "want at most"},
		{"a negative shape", file(t, view(0, Ints(-1, -3), Ints(0, 0)), three), "want no negative dimension"},
		{"a large view", file(t, view(0, Ints(1<<14), Ints(0)), three), "too much, want at most"},
		{"more strides", file(t, view(0, Ints(3), Ints(1, 1)), three), "want two tuples of as many ints"},
		{"many dimensions", file(t, view(0, Ints(make([]int64, 17)...), Ints(make([]int64, 17)...)), three), "at most 16"},
		{"no ints", file(t, view(0, Tuple(Str("3")), Ints(1)), three), `a: sizes: the str "3", want an int`},
		{"no int strides", file(t, view(0, Ints(3), Tuple(None)), three), `a: strides: None, want an int`},
		{"no tuples", file(t, view(0, Int(3), Ints(1)), three), `the int 3 as sizes`},
	})
}

func TestRefusedArguments(t *testing.T) {
	untyped := Persistent(Tuple(Str("storage"), Global("torch.storage", "UntypedStorage"), Str("0"), Str("cpu"), Int(12)))
	typed := func(name string) string {
		return Call(Global("torch._utils", "_rebuild_tensor_v3"), untyped, Int(0), Ints(1), Ints(1), False, Ordered,
			Global("torch", name))
	}
	refused(t, []refusal{
		{"few arguments", file(t, rebuilt("_v2", Int(1)), three), "1 arguments, want at least 6"},
		{"few for a type", file(t, rebuilt("_v3", None, None, None, None, None, None), three), "want at least 7"},
		{"a storage alone", file(t, Dict(Str("a"), storage("FloatStorage", "0", 3)), three), "a is a storage, want a dict"},
		{"no storage", file(t, rebuilt("", Str("x"), Int(0), Ints(), Ints()), three), `the str "x", want a storage`},
		{"no offset", file(t, rebuilt("", storage("FloatStorage", "0", 3), None, Ints(), Ints()), three), "as the offset"},
		{"no type", file(t, rebuilt("", untyped, Int(0), Ints(1), Ints(1)), three), "a storage of bytes without a type"},
		{"a strange type", file(t, rebuilt("_v3", untyped, Int(0), Ints(1), Ints(1), False, Ordered, Int(3)), three),
			"the int 3 as the type, want one such as torch.float32"},
		{"two types in big endian", archive(t, member{name: "data.pkl", data: Pickle(Dict(
			Str("a"), typed("uint16"), Str("b"), typed("uint32")))},
			member{name: "data/0", data: three}, member{name: "byteorder", data: "big"}),
			"b: storage 0: big endian numbers of the types uint16 and uint32"},
		{"no parameter", file(t, Call(Global("torch._utils", "_rebuild_parameter"), Int(1), Int(2), Int(3)), three),
			"the int 1, want a tensor"},
		{"complex numbers", file(t, Dict(Str("a"), tensor(storage("ComplexFloatStorage", "0", 1), 0, Ints(1), Ints(1))),
			three[:8]), "a: numbers of the type complex64, want real"},
	})
}

func TestRefusedStorages(t *testing.T) {
	class := Global("torch", "FloatStorage")
	id := func(parts ...string) string { return Dict(Str("a"), Persistent(Tuple(parts...))) }
	refused(t, []refusal{
		{"no id", file(t, Dict(Str("a"), Persistent(Str("0"))), three), `the str "0" as an id`},
		{"a short id", file(t, id(Str("storage")), three), "a tuple of 1 as an id, want a tuple of 5"},
		{"no class", file(t, id(Str("storage"), Str("x"), Str("0"), Str("cpu"), Int(3)), three), "as a storage's class"},
		{"another class", file(t, id(Str("storage"), Global("torch", "Size"), Str("0"), Str("cpu"), Int(3)), three),
			"torch.Size as a storage's class"},
		{"no key", file(t, id(Str("storage"), class, Int(0), Str("cpu"), Int(3)), three), "want the str of a key"},
		{"a negative storage", file(t, Dict(Str("a"), floats("0", -1)), three), "storage 0: -1 elements"},
		{"a huge storage", file(t, Dict(Str("a"), floats("0", 1<<62)), three), "storage 0: 4611686018427387904 elements"},
		{"a storage too long", file(t, Dict(Str("a"), floats("0", 4)), three),
			"storage 0: 12 bytes in the archive, want the 16 of its 4 elements"},
		{"a storage elsewhere", file(t, Dict(Str("a"), floats("../../etc/passwd", 3)), three), "not in the archive"},
		{"two sizes", stream(Dict(Str("a"), floats("0", 3), Str("b"), floats("0", 2)), 3, three), "want the 3 of"},
		{"a damaged storage", strings.Replace(file(t, entry, three), three, three[:11]+"\x41", 1), "checksum error"},
	})
}

func TestRefusedStreams(t *testing.T) {
	const magic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
	refused(t, []refusal{
		{"a stream of nothing", magic, "byte 15: the file ends, want another pickle"},
		{"another version", magic + Pickle(Int(1002)), "version the int 1002, want 1001"},
		{"a version that fails", magic + "]", "the version: byte 16: the pickle ends here"},
		{"no system", magic + Pickle(Int(1001)) + "c", "the system's types: byte"},
		{"no keys", magic + Pickle(Int(1001)) + Pickle(None) + Pickle(EmptyDict) + "a", "the storages' keys: byte"},
		{"no list of keys", magic + Pickle(Int(1001)) + Pickle(None) + Pickle(EmptyDict) + Pickle(None),
			"None for the storages' keys, want a list"},
		{"another key", magic + Pickle(Int(1001)) + Pickle(None) + Pickle(entry) + Pickle(List(Str("1"))),
			`the str "1" in the list of storages`},
		{"a key twice", magic + Pickle(Int(1001)) + Pickle(None) + Pickle(Dict(Str("a"), floats("0", 0))) +
			Pickle(List(Str("0"), Str("0"))) + U64(0) + U64(0), "want each one of the pickle's once"},
		{"a key missing", magic + Pickle(Int(1001)) + Pickle(None) + Pickle(entry) + Pickle(List()), "not in the file"},
		{"another length", stream(entry, 4, three), "storage 0: 4 elements, want the 3 of the pickle"},
		{"no length", stream(entry, 3, "")[:len(stream(entry, 3, ""))-3], "the file ends, want its length"},
		{"a cut storage", stream(entry, 3, three[:11]), "storage 0: 12 bytes, want at most the 11 that are left"},
		{"a view of a storage", stream(Dict(Str("a"), tensor(storage("FloatStorage", "0", 3, Ints(1)), 0, Ints(3), Ints(1))),
			3, three), "a tuple of 1 as a view of it, want None"},
	})
}

// TestModule: the hint for PyTorch's own file of a whole module.
func TestModule(t *testing.T) {
	_, err := pytorch.Read("testdata/module.pth")
	if err == nil || !strings.Contains(err.Error(), "torch.save(model.state_dict(), path)") {
		t.Errorf("%v", err)
	}
}

func TestNoFile(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"testdata":         "testdata: d",
		"testdata/none":    "open testdata/none: no such file",
		empty:              empty + ": empty, want a file of weights",
		"pytorch_test.go/": "not a directory",
	} {
		if _, err := pytorch.Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	if _, _, err := read(t, "GIF89a"); !errors.Is(err, foreign.ErrUnknown) {
		t.Errorf("%v, want ErrUnknown", err)
	}
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
	const n = 1 << 18
	zeros := strings.Repeat("\x00", 4*n)
	repeat := func(times int, entry func(i int) string) string {
		var b strings.Builder
		for i := range times {
			b.WriteString(entry(i))
		}
		return b.String()
	}
	shared := func(times int) string {
		more := repeat(times, func(i int) string { return Str(fmt.Sprint(i)) + Get(0) })
		return Dict(Str("0"), Put(floats("0", n), 0), more)
	}
	empties := Dict(Str("a"), Put(tensor(storage("FloatStorage", "0", 3), 0, Ints(make([]int64, 16)...),
		Ints(make([]int64, 16)...)), 0), repeat(10000, func(i int) string {
		return "U\x05" + fmt.Sprintf("%05d", i) + Get(0)
	}))
	bomb := archive(t, member{name: "a/data.pkl", data: Pickle(Dict(Str("a"), floats("0", n)))},
		member{name: "a/data/0", data: zeros, method: zip.Deflate})
	for _, c := range []struct{ name, file, want string }{
		{"tied tensors", file(t, shared(10), zeros), ""},
		{"tied too often", file(t, shared(100), zeros), "too much, want at most"},
		{"a zip bomb", bomb, "unpacks to 1048576 bytes, want at most"},
		{"many tensors in little", archive(t, member{name: "a/data.pkl", method: zip.Deflate,
			data: Pickle(List(strings.Repeat(floats("0", 3), 10000)))}, member{name: "a/data/0", data: three}), "unpacks to"},
		{"many values in little", archive(t, member{name: "a/data.pkl", method: zip.Deflate, data: strings.Repeat("}", n)},
			member{name: "a/data/0", data: zeros[:n/8]}), "data.pkl: unpacks to 262144 bytes, want at most 65536"},
		{"empty tensors of many dimensions", file(t, empties, three), "too much, want at most"},
		{"tensors rebuilt and dropped", file(t, List(Put(Tuple(storage("FloatStorage", "0", 3), Int(0), Ints(3), Ints(1),
			False, None), 1), Put(Global("torch._utils", "_rebuild_tensor_v2"), 2),
			strings.Repeat(Get(2)+Get(1)+"R", 100000)), three), "the file's value is a list"},
		{"far views", file(t, Dict(repeat(3000, func(i int) string {
			return Str(fmt.Sprint(i)) + tensor(storage("FloatStorage", "0", n), 0, Ints(2), Ints(n-1))
		})), zeros), ""},
		{"many storages of nothing", file(t, Dict(repeat(10000, func(i int) string {
			return Str(fmt.Sprint(i)) + floats(fmt.Sprint(i), 1<<40)
		})), zeros), "storage 0: 1048576 bytes in the archive"},
		{"a stream of huge storages", stream(Dict(repeat(10000, func(i int) string {
			return Str(fmt.Sprint(i)) + floats(fmt.Sprint(i), 1<<40)
		})), 3, zeros), "storage 0: 3 elements, want the 1099511627776"},
	} {
		used := allocated(func() {
			_, path, err := read(t, c.file)
			switch {
			case err != nil:
				if oneLine(t, path, err); c.want == "" || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: %v, want %q", c.name, err, c.want)
				}
			case c.want != "":
				t.Errorf("%s: no error, want %s", c.name, c.want)
			}
		})
		if limit := uint64(memoryPerByte*len(c.file) + 1<<20); used > limit {
			t.Errorf("%s: %d bytes allocated for %d, want at most %d", c.name, used, len(c.file), limit)
		}
	}
}
