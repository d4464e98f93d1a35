package checkpoint_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"duet/engine/checkpoint"
)

// craft makes a file from a header and data. The marks HHHHHHHH and DDDDDDDD in the header become the checksums of
// header and data, after the package comment.
func craft(header string, data []byte) []byte {
	sum := func(b []byte) string {
		return fmt.Sprintf("%08x", crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	}
	header = strings.ReplaceAll(header, "DDDDDDDD", sum(data))
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	zeroed := strings.ReplaceAll(header, "HHHHHHHH", "00000000")
	header = strings.ReplaceAll(header, "HHHHHHHH", sum(append(length, zeroed...)))
	return append(append(length, header...), data...)
}

// meta is a sound __metadata__ for craft.
func meta(format string) string {
	return `"__metadata__":{"duet.best_error":"NaN","duet.best_step":"0","duet.config":"","duet.crc32c.data":"DDDDDDDD",` +
		`"duet.crc32c.header":"HHHHHHHH","duet.epoch":"0","duet.format":"` + format + `","duet.seed":"1","duet.step":"2"}`
}

func write(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.safetensors")
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDamage has one case for each thing that can be wrong with the structure; every reader must find it.
func TestDamage(t *testing.T) {
	eight := make([]byte, 8)
	one := func(entry string) []byte { return craft(`{`+meta("1")+`,"w":`+entry+`}`, eight) }
	sound := one(`{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`)
	for _, c := range []struct {
		name string
		file []byte
		want string
		is   error
	}{
		{"empty", nil, "0 bytes long", checkpoint.ErrDamaged},
		{"length alone", sound[:8], "is larger than the file of 8 bytes", checkpoint.ErrDamaged},
		{"cut in header", sound[:100], "is larger than the file of 100 bytes", checkpoint.ErrDamaged},
		{"cut in data", sound[:len(sound)-1], "tensor w: data ends at 8, the file has 7 bytes of data: cut short",
			checkpoint.ErrDamaged},
		{"longer", append(sound[:len(sound):len(sound)], 0), "the tensors have 8 bytes of data, the file 9",
			checkpoint.ErrDamaged},
		{"length", append([]byte{255, 255, 255, 255, 255, 255, 255, 255}, sound...),
			"header length 18446744073709551615 is larger than the file", checkpoint.ErrDamaged},
		{"not an object", craft(`["duet.format","duet.crc32c.header":"HHHHHHHH"]`, nil), "header is not a JSON object",
			checkpoint.ErrDamaged},
		{"not JSON", craft(`{`+meta("1")+`,w}`, nil), "header is not JSON after byte", checkpoint.ErrDamaged},
		{"open end", craft(`{`+meta("1"), nil), "header is not JSON after byte", checkpoint.ErrDamaged},
		{"more after it", craft(`{`+meta("1")+`} {}`, nil), "goes on after its JSON object", checkpoint.ErrDamaged},
		{"not UTF-8", craft(`{`+meta("1")+`,"`+"\xff"+`":{}}`, nil), "not UTF-8", checkpoint.ErrDamaged},
		{"metadata of numbers", craft(`{"__metadata__":{"duet.format":1,"duet.crc32c.header":"HHHHHHHH"}}`, nil),
			"not an object of strings", checkpoint.ErrDamaged},
		{"overlap",
			craft(`{`+meta("1")+
				`,"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`,
				eight), "tensor b: data [4 8] overlaps", checkpoint.ErrDamaged},
		{"gap", craft(`{`+meta("1")+`,"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, eight),
			"tensor a: data begins at 4, 4 bytes after", checkpoint.ErrDamaged},
		{"out of range", one(`{"dtype":"F32","shape":[4],"data_offsets":[0,16]}`), "data ends at 16, the file has 8",
			checkpoint.ErrDamaged},
		{"backwards", one(`{"dtype":"F32","shape":[2],"data_offsets":[8,0]}`), "data_offsets [8 0]", checkpoint.ErrDamaged},
		{"twice",
			craft(`{`+meta("1")+
				`,"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`,
				eight), "header has a twice", checkpoint.ErrDamaged},
		{"shape", one(`{"dtype":"F32","shape":[3],"data_offsets":[0,8]}`), "shape [3] of F32 needs 12 bytes",
			checkpoint.ErrDamaged},
		{"huge shape", one(`{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}`),
			"too many elements", checkpoint.ErrDamaged},
		{"huge and zero", one(`{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]}`), "too many elements",
			checkpoint.ErrDamaged},
		{"negative shape", one(`{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}`), "cannot unmarshal number -2",
			checkpoint.ErrDamaged},
		{"no shape", one(`{"dtype":"F32","data_offsets":[0,8]}`), "needs dtype, shape and two data_offsets",
			checkpoint.ErrDamaged},
		{"one offset", one(`{"dtype":"F32","shape":[2],"data_offsets":[8]}`), "needs dtype, shape and two data_offsets",
			checkpoint.ErrDamaged},
		{"dtype", one(`{"dtype":"F77","shape":[2],"data_offsets":[0,8]}`), "tensor w: dtype F77, can read",
			checkpoint.ErrDtype},
		{"dtype of integers", one(`{"dtype":"I64","shape":[1],"data_offsets":[0,8]}`), "tensor w: dtype I64, can read",
			checkpoint.ErrDtype},
		{"name of two lines", craft(`{`+meta("1")+`,"a\nb":{}}`, nil), `tensor "a\nb"`, checkpoint.ErrDamaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, c.file)
			_, err := checkpoint.Load(path)
			checkError(t, "Load", err, path, c.want, c.is)
			_, err = checkpoint.LoadTensors(path)
			checkError(t, "LoadTensors", err, path, c.want, c.is)
			_, err = checkpoint.ReadMeta(path)
			checkError(t, "ReadMeta", err, path, c.want, c.is)
		})
	}
	if _, err := checkpoint.Load(write(t, sound)); err != nil {
		t.Errorf("the sound file of this test: %v", err)
	}
}

// checkError checks a one-line error with the path and the expected text and kind.
func checkError(t *testing.T, what string, err error, path, want string, is error) {
	t.Helper()
	if !errors.Is(err, is) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: error %v, want one line with the path and %q, an %q", what, err, want, is)
	}
}

// TestMetadataErrors has what only a checkpoint's reader asks for.
func TestMetadataErrors(t *testing.T) {
	for _, c := range []struct {
		name, header, want string
		is                 error
	}{
		{"newer", `{` + meta("2") + `}`, "format 2, this program reads up to 1", checkpoint.ErrNewer},
		{"newer, with types of its own", `{` + meta("7") + `,"w":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}`,
			"format 7", checkpoint.ErrNewer},
		{"newer, without our keys", `{"__metadata__":{"duet.format":"3","duet.crc32c.header":"HHHHHHHH"}}`, "format 3",
			checkpoint.ErrNewer},
		{"without format", `{"__metadata__":{"duet.crc32c.header":"HHHHHHHH"}}`, "metadata has no duet.format",
			checkpoint.ErrDamaged},
		{"format in words", `{` + meta("one") + `}`, `metadata duet.format is "one", not a whole number`,
			checkpoint.ErrDamaged},
		{"without step", `{` + strings.Replace(meta("1"), `,"duet.step":"2"`, "", 1) + `}`, "metadata has no duet.step",
			checkpoint.ErrDamaged},
		{"without checksum", `{"__metadata__":{"duet.format":"1"}}`, "header has lost its checksum", checkpoint.ErrDamaged},
		{"without metadata", `{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, "metadata has no duet.format",
			checkpoint.ErrForeign},
		{"of PyTorch", `{"__metadata__":{"format":"pt"}}`, "metadata has no duet.format", checkpoint.ErrForeign},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, craft(c.header, nil))
			_, err := checkpoint.Load(path)
			checkError(t, "Load", err, path, c.want, c.is)
			_, err = checkpoint.ReadMeta(path)
			checkError(t, "ReadMeta", err, path, c.want, c.is)
		})
	}
}

// TestFlippedByte changes every byte of a checkpoint, one at a time, in three ways.
func TestFlippedByte(t *testing.T) {
	raw := readFile(t, save(t, sample(3)))
	path := filepath.Join(t.TempDir(), "c.safetensors")
	header := int(binary.LittleEndian.Uint64(raw)) + 8
	for i := range raw {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			raw[i] ^= flip
			if err := os.WriteFile(path, raw, 0o666); err != nil {
				t.Fatal(err)
			}
			raw[i] ^= flip
			if _, err := checkpoint.Load(path); !errors.Is(err, checkpoint.ErrDamaged) {
				t.Fatalf("byte %d ^ %#x: Load: %v", i, flip, err)
			}
			if _, err := checkpoint.ReadMeta(path); i < header && !errors.Is(err, checkpoint.ErrDamaged) {
				t.Fatalf("byte %d ^ %#x: ReadMeta: %v", i, flip, err)
			}
		}
	}
}

// TestCutShort ends a checkpoint after every byte.
func TestCutShort(t *testing.T) {
	path := save(t, sample(3))
	for n := len(readFile(t, path)) - 1; n >= 0; n-- {
		if err := os.Truncate(path, int64(n)); err != nil {
			t.Fatal(err)
		}
		for what, read := range map[string]func() error{
			"Load":        func() error { _, err := checkpoint.Load(path); return err },
			"LoadTensors": func() error { _, err := checkpoint.LoadTensors(path); return err },
			"ReadMeta":    func() error { _, err := checkpoint.ReadMeta(path); return err },
		} {
			if err := read(); !errors.Is(err, checkpoint.ErrDamaged) {
				t.Fatalf("%d bytes: %s: %v", n, what, err)
			}
		}
	}
}

// TestForeignTensors reads a file as PyTorch writes it: half precision, names not in order, metadata of its own.
func TestForeignTensors(t *testing.T) {
	header := `{"__metadata__": {"format": "pt"}, "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, ` +
		`"a.half": {"dtype": "F16", "shape": [6], "data_offsets": [4, 16]}, "a.brain": {"dtype": "BF16", "shape": [1, 2], ` +
		`"data_offsets": [16, 20]}}  `
	data := []byte{
		0, 0, 0x80, 0x3f, // 1
		0, 0x3c, 0, 0xc0, 0xff, 0x7b, 1, 0, 0, 0x80, 0, 0xfc, // 1, -2, 65504, 2^-24, -0, -infinity
		0x80, 0x3f, 0x49, 0xc0, // 1, -3.140625
	}
	path := write(t, craft(header, data))
	got, err := checkpoint.LoadTensors(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "[{a.brain [1 2] [1 -3.140625]} {a.half [6] [1 -2 65504 5.9604645e-08 -0 -Inf]} {b [1] [1]}]"
	if fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if _, err := checkpoint.Load(path); !errors.Is(err, checkpoint.ErrForeign) {
		t.Errorf("Load: %v", err)
	}
}

// TestForeignOrder: tensors may be listed in any order, empty ones too, which lie where others begin and end.
func TestForeignOrder(t *testing.T) {
	data := []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40} // 1, 2
	const first, second = `"first": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}`, `"second": {"dtype": ` +
		`"F32", "shape": [1], "data_offsets": [4, 8]}`
	const start, end = `"start": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}`, `"end": {"dtype": "F32", ` +
		`"shape": [3, 0], "data_offsets": [8, 8]}`
	for _, order := range [][]string{{first, second}, {second, first}, {end, second, start, first},
		{first, start, end, second}, {start, end, second, first}} {
		got, err := checkpoint.LoadTensors(write(t, craft("{"+strings.Join(order, ", ")+"}", data)))
		want := 2
		for _, g := range got {
			if g.Name == "first" && g.Data[0] == 1 || g.Name == "second" && g.Data[0] == 2 {
				want--
			}
		}
		if err != nil || want != 0 || len(got) != len(order) {
			t.Errorf("%s: %v, error %v", order, got, err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	folder := t.TempDir()
	if _, err := checkpoint.Load(filepath.Join(folder, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := checkpoint.Load(folder); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Errorf("folder: %v", err)
	}
}

// TestRewritten has a checkpoint that another program has read and written: not a checkpoint any more, but still
// tensors.
func TestRewritten(t *testing.T) {
	want, err := checkpoint.LoadTensors(save(t, sample(3)))
	if err != nil {
		t.Fatal(err)
	}
	raw := readFile(t, save(t, sample(3)))
	n := binary.LittleEndian.Uint64(raw)
	header := strings.ReplaceAll(strings.TrimRight(string(raw[8:8+n]), " "), `":`, `": `)
	path := write(t, craft(header, raw[8+n:]))
	if _, err := checkpoint.Load(path); !errors.Is(err, checkpoint.ErrDamaged) {
		t.Errorf("Load: %v", err)
	}
	if got, err := checkpoint.LoadTensors(path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("LoadTensors: %v, %v", got, err)
	}
}
