package packed

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// npyBytes is a version 1 header with this dictionary, and what follows it.
func npyBytes(dict, data string) []byte {
	return fmt.Appendf(nil, "\x93NUMPY\x01\x00%c%c%s\n%s", (len(dict)+1)&255, (len(dict)+1)>>8, dict, data)
}

func TestNpyHeaderRoundTrip(t *testing.T) {
	for _, h := range []npyHeader{
		{dtype: npyUint8, shape: []int{1281167, 256, 256, 3}},
		{dtype: npyInt32, shape: []int{50000}},
		{dtype: npyFloat32, shape: []int{3, 224, 224}},
		{dtype: npyUint8, shape: []int{1 << 40, MaxSide, MaxSide, 3}},
	} {
		b := h.encode()
		if len(b) != npyHeaderBytes || b[len(b)-1] != '\n' {
			t.Errorf("%v: %d bytes ending in %q", h, len(b), b[len(b)-1])
		}
		got, err := readNpyHeader(bytes.NewReader(b))
		if err != nil || got.dtype != h.dtype || !slices.Equal(got.shape, h.shape) || got.start != npyHeaderBytes {
			t.Errorf("%v became %v, error %v", h, got, err)
		}
	}
}

// Headers that other programs write.
func TestNpyHeadersOfOthers(t *testing.T) {
	for _, dict := range []string{
		`{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3)}`,
		`{"shape":(2,3,),"fortran_order":False,"descr":"<i4"}`,
		`   {'fortran_order': False , 'shape': ( 2 , 3 ) , 'descr' : '<i4' , }      `,
	} {
		h, err := readNpyHeader(bytes.NewReader(npyBytes(dict, "")))
		if err != nil || h.dtype != npyInt32 || !slices.Equal(h.shape, []int{2, 3}) {
			t.Errorf("%s: %v, error %v", dict, h, err)
		}
	}
	v2 := append([]byte("\x93NUMPY\x02\x00\x3a\x00\x00\x00"),
		`{'descr': '|u1', 'fortran_order': False, 'shape': (), }  `+"\n\n\n"...)
	if h, err := readNpyHeader(bytes.NewReader(v2)); err != nil || len(h.shape) != 0 || h.start != 70 {
		t.Errorf("version 2: %v, error %v", h, err)
	}
}

func TestNpyRefused(t *testing.T) {
	good := func(shape string) string {
		return "{'descr': '|u1', 'fortran_order': False, 'shape': (" + shape + "), }"
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty file":         {nil, "shorter than"},
		"text":               {[]byte("this is not an array"), "not a .npy file"},
		"version 9":          {[]byte("\x93NUMPY\x09\x00\x10\x00"), "version 9.0"},
		"huge header":        {[]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{"), "claims 4294967295 bytes"},
		"header cut short":   {[]byte("\x93NUMPY\x01\x00\x76\x00{'descr'"), "ends after 8"},
		"no dictionary":      {npyBytes("hello", ""), "dictionary"},
		"lacks a key":        {npyBytes("{'descr': '|u1', 'shape': (4,), }", ""), `"fortran_order"`},
		"a key twice":        {npyBytes("{'descr': '|u1', 'descr': '|u1', }", ""), "twice"},
		"an unknown key":     {npyBytes("{'color': 1}", ""), `"color"`},
		"another type":       {npyBytes("{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }", "abcd"), "'<f8'"},
		"not the type asked": {npyBytes("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }", "abcd"), "type <i4"},
		"fortran order": {npyBytes("{'descr': '|u1', 'fortran_order': True, 'shape': (4,), }", "abcd"),
			"fortran_order is True"},
		"negative size":      {npyBytes(good("-4,"), "abcd"), "shape (-4)"},
		"no number":          {npyBytes(good("x,"), "abcd"), "shape (x)"},
		"rank":               {npyBytes(good("2, 2"), "abcd"), "1 dimensions"},
		"claims more":        {npyBytes(good("5,"), "abcd"), "5 bytes, but 4 bytes follow"},
		"claims less":        {npyBytes(good("3,"), "abcd"), "3 bytes, but 4 bytes follow"},
		"overflows":          {npyBytes(good("9223372036854775807,"), "abcd"), "shape (9223372036854775807)"},
		"2 ends early":       {[]byte("\x93NUMPY\x02\x00\x10\x00\x00"), "ends within its header length"},
		"longest header":     {npyBytes(fmt.Sprintf("%-9999s", good("4,")), "abc"), "4 bytes, but 3 bytes follow"},
		"longer header":      {npyBytes(fmt.Sprintf("%-10000s", good("4,")), "a"), "claims 10001 bytes: want at most 10000"},
		"not opened":         {npyBytes(good("4,")[1:], "abcd"), "braces"},
		"not closed":         {npyBytes("{'descr': '|u1'", "abcd"), "braces"},
		"one brace":          {npyBytes("{", ""), "braces"},
		"no key":             {npyBytes("{: 1}", ""), "want 'key': value at \": 1\""},
		"a bare key":         {npyBytes("{descr: '|u1'}", ""), "want 'key': value at \"descr"},
		"a key not closed":   {npyBytes("{'descr}", ""), "want 'key': value at"},
		"no colon":           {npyBytes("{'descr' '|u1'}", ""), "want 'key': value at"},
		"no comma":           {npyBytes("{'descr': '|u1' 'shape': (4,)}", ""), "want a comma at \"'shape'"},
		"a type not closed":  {npyBytes("{'descr': '|u1}", ""), "descr \"'|u1\": want '|u1', '<i4', '<i8' or '<f4'"},
		"a bare type":        {npyBytes("{'descr': |u1}", ""), "descr"},
		"another order":      {npyBytes("{'fortran_order': 0}", ""), "fortran_order \"0\": want False"},
		"a size, no tuple":   {npyBytes("{'shape': 4}", ""), "want a tuple"},
		"a tuple not closed": {npyBytes("{'shape': (4, ", ""), "braces"},
		"a tuple open":       {npyBytes("{'shape': (4, }", ""), "want a tuple"},
		"a size missing":     {npyBytes(good("2,,2"), ""), "shape (2,,2)"},
		"nine sizes":         {npyBytes(good("1,1,1,1,1,1,1,1,1"), "a"), "at most 8 sizes"},
		"eight sizes":        {npyBytes(good("1,1,1,1,1,1,1,1"), "a"), "want type |u1 and 1 dimensions"},
		"a size of 2^62":     {npyBytes(good("4611686018427387904,"), ""), "want at most 8 sizes"},
		"a size below":       {npyBytes(good("4611686018427387903,"), ""), "4611686018427387903 bytes, but 0 bytes follow"},
	} {
		path := filepath.Join(t.TempDir(), "x.npy")
		if err := os.WriteFile(path, c.data, 0o666); err != nil {
			t.Fatal(err)
		}
		f, _, err := openNpy(path, npyUint8, 1)
		if err == nil {
			f.Close()
			t.Errorf("%s: no error", name)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %q, want %q and the file", name, err, c.want)
		}
	}
}

// The size of an array in bytes is known up to the largest number, and an error from there on.
func TestNpySize(t *testing.T) {
	const most = math.MaxInt64
	for _, c := range []struct {
		dtype string
		shape []int
		want  int64 // -1: too large
	}{
		{npyUint8, nil, 1}, {npyUint8, []int{2, 3, 5}, 30}, {npyInt32, []int{3}, 12}, {npyFloat32, []int{3, 2}, 24},
		{npyInt64, []int{3}, 24}, {npyUint8, []int{0, most, most}, 0}, {npyUint8, []int{5, 0}, 0},
		{npyUint8, []int{most}, most}, {npyUint8, []int{2, most / 2}, most - 1}, {npyUint8, []int{2, most/2 + 1}, -1},
		{npyInt32, []int{most / 4}, most - 3}, {npyInt32, []int{most/4 + 1}, -1},
		{npyInt64, []int{most / 8}, most - 7}, {npyInt64, []int{most/8 + 1}, -1},
		{npyFloat32, []int{math.MaxInt32, math.MaxInt32, 3}, -1},
	} {
		switch got, err := (npyHeader{dtype: c.dtype, shape: c.shape}).bytes(); {
		case c.want < 0 && (err == nil || !strings.Contains(err.Error(), "larger than any file")),
			c.want >= 0 && (err != nil || got != c.want):
			t.Errorf("%s %v: %d bytes, error %v, want %d", c.dtype, c.shape, got, err, c.want)
		}
	}
}

func FuzzNpyHeader(f *testing.F) {
	f.Add(npyHeader{dtype: npyUint8, shape: []int{2, 4, 4, 3}}.encode())
	f.Add(npyBytes("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2, 2)}", ""))
	f.Add(npyBytes("{'shape': (), 'descr': '<i4', 'fortran_order': False,}", ""))
	f.Add([]byte("\x93NUMPY\x02\x00\xff\xff\xff\x7f{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := readNpyHeader(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, d := range h.shape {
			if d < 0 {
				t.Errorf("shape %v", h.shape)
			}
		}
		if size, err := h.bytes(); err == nil && size < 0 {
			t.Errorf("%v has %d bytes", h, size)
		}
		if again, err := readNpyHeader(bytes.NewReader(h.encode())); len(h.encode()) == npyHeaderBytes &&
			(err != nil || again.dtype != h.dtype || !slices.Equal(again.shape, h.shape)) {
			t.Errorf("%v became %v, error %v", h, again, err)
		}
	})
}
