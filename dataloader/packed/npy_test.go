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
	v2 := append([]byte("\x93NUMPY\x02\x00\x3a\x00\x00\x00"), `{'descr': '|u1', 'fortran_order': False, 'shape': (), }  `+"\n\n\n"...)
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
		"fortran order":      {npyBytes("{'descr': '|u1', 'fortran_order': True, 'shape': (4,), }", "abcd"), "fortran_order is True"},
		"negative size":      {npyBytes(good("-4,"), "abcd"), "shape (-4)"},
		"no number":          {npyBytes(good("x,"), "abcd"), "shape (x)"},
		"rank":               {npyBytes(good("2, 2"), "abcd"), "1 dimensions"},
		"claims more":        {npyBytes(good("5,"), "abcd"), "5 bytes, but 4 bytes follow"},
		"claims less":        {npyBytes(good("3,"), "abcd"), "3 bytes, but 4 bytes follow"},
		"overflows":          {npyBytes(good("9223372036854775807,"), "abcd"), "shape (9223372036854775807)"},
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

func TestNpySizeOverflow(t *testing.T) {
	h := npyHeader{dtype: npyFloat32, shape: []int{math.MaxInt32, math.MaxInt32, 3}}
	if n, err := h.bytes(); err == nil {
		t.Errorf("%v has %d bytes", h.shape, n)
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
