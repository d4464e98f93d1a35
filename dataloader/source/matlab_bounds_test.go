package source_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// A matWriter writes meta.mat in a byte order, of which the second is refused.
type matWriter struct{ order binary.AppendByteOrder }

var little, big = matWriter{binary.LittleEndian}, matWriter{binary.BigEndian}

func (w matWriter) element(kind int, data []byte) []byte {
	b := w.order.AppendUint32(nil, uint32(kind))
	b = append(w.order.AppendUint32(b, uint32(len(data))), data...)
	return append(b, make([]byte, (8-len(b)%8)%8)...)
}

func (w matWriter) words(values ...int) (b []byte) {
	for _, v := range values {
		b = w.order.AppendUint32(b, uint32(v))
	}
	return b
}

// array is a matrix of a class, with its dimensions and name, and what it holds.
func (w matWriter) array(class int, dims []int, name string, content ...[]byte) []byte {
	b := bytes.Join([][]byte{w.element(6, w.words(class, 0)), w.element(5, w.words(dims...)),
		w.element(1, []byte(name))}, nil)
	return w.element(14, append(b, bytes.Join(content, nil)...))
}

func (w matWriter) number(kind int, data []byte) []byte {
	return w.array(6, []int{1, 1}, "", w.element(kind, data))
}

func (w matWriter) text(kind int, cells int, data []byte) []byte {
	return w.array(4, []int{1, cells}, "", w.element(kind, data))
}

func (w matWriter) ascii(s string) []byte { return w.text(16, len(s), []byte(s)) }

// synsets is the struct array of so many entries, with its names of fields in so many bytes each.
func (w matWriter) synsets(n, width int, fields []string, content ...[]byte) []byte {
	var names []byte
	for _, f := range fields {
		names = append(append(names, f...), make([]byte, max(width-len(f), 0))...)
	}
	return w.array(2, []int{n, 1}, "synsets", append([][]byte{w.element(5, w.words(width)), w.element(1, names)},
		content...)...)
}

var wanted = []string{"ILSVRC2012_ID", "WNID", "words"}

// two are the entries 1 and 2 of the classes n01440764 and n01443583, the second with a number and a text of its own.
func (w matWriter) two(number, text []byte) [][]byte {
	return [][]byte{w.number(2, []byte{1}), w.ascii("n01440764"), w.ascii("first"), number, w.ascii("n01443583"), text}
}

func (w matWriter) file(elements ...[]byte) []byte {
	b := make([]byte, 124, 1<<12)
	b = w.order.AppendUint16(b, 0x100)
	b = w.order.AppendUint16(b, 0x4d49)
	return append(b, bytes.Join(elements, nil)...)
}

// described lists two training images of two classes and a validation image that line 1 of the truth says the class of.
func described(t *testing.T, truth int, meta []byte) (*source.Listing, error) {
	t.Helper()
	f := laid("train/n01440764/a.png", "train/n01443583/b.png", "val/ILSVRC2012_val_00000001.JPEG")
	f["ILSVRC2012_validation_ground_truth.txt"], f["meta.mat"] = fmt.Appendf(nil, "%d\n", truth), meta
	s, err := source.Open([]string{f.Folder(t)}, source.Options{})
	check(t, err)
	defer s.Close()
	return s.List(t.Context(), nil)
}

// Numbers and texts of the types of the devkit are read, up to their bounds; other elements are passed over.
func TestMATValues(t *testing.T) {
	for name, w := range map[string]matWriter{"little": little} {
		u16 := func(v uint16) []byte { return w.order.AppendUint16(nil, v) }
		u64 := func(v uint64) []byte { return w.order.AppendUint64(nil, v) }
		word, title := w.number(4, u16(2)), w.ascii("a fish")
		long := make([]string, 64)
		for i := range long {
			long[i] = fmt.Sprintf("field%d", i)
		}
		copy(long[61:], wanted)
		var padded [][]byte // of 64 fields, of which the last three are wanted
		for i := range 2 {
			for range 61 {
				padded = append(padded, w.number(2, []byte{7}))
			}
			padded = append(padded, w.two(word, title)[3*i:3*i+3]...)
		}
		small := append(w.words(1<<16|2), 200, 0, 0, 0)
		for what, c := range map[string]struct {
			truth  int
			name   string
			fields []string
			width  int
			all    [][]byte
		}{
			"plain":           {2, "a fish", wanted, 32, w.two(word, title)},
			"uint8":           {255, "a fish", wanted, 32, w.two(w.number(2, []byte{255}), title)},
			"uint16":          {40000, "a fish", wanted, 32, w.two(w.number(4, u16(40000)), title)},
			"double":          {70000, "a fish", wanted, 32, w.two(w.number(9, u64(math.Float64bits(70000))), title)},
			"a small element": {200, "a fish", wanted, 32, w.two(w.array(6, []int{1, 1}, "", small), title)},
			"UTF-16":          {2, "é€", wanted, 32, w.two(word, w.text(17, 2, append(u16(0xe9), u16(0x20ac)...)))},
			"uint16 text":     {2, "é", wanted, 32, w.two(word, w.text(4, 1, u16(0xe9)))},
			"int8 text":       {2, "abc", wanted, 32, w.two(word, w.text(1, 3, []byte("abc")))},
			"uint8 text":      {2, "a?c", wanted, 32, w.two(word, w.text(2, 3, []byte("a\xffc")))},
			"the longest":     {2, strings.Repeat("x", 8192), wanted, 32, w.two(word, w.ascii(strings.Repeat("x", 8192)))},
			"64 fields":       {2, "a fish", long, 14, padded},
			"wide fields":     {2, "a fish", wanted, 1 << 10, w.two(word, title)},
		} {
			l, err := described(t, c.truth, w.file(w.element(9, u64(0)), w.number(9, u64(0)),
				w.synsets(2, c.width, c.fields, c.all...)))
			if err != nil || len(l.Items) != 3 || l.Items[2].Label != 1 || l.Classes[0].Name != "first" ||
				l.Classes[1].Name != c.name {
				t.Errorf("%s endian, %s: %+v, error %v", name, what, l, err)
			}
		}
	}
}

// What no meta.mat has is refused with where it stands.
func TestMATBounds(t *testing.T) {
	w := little
	word, title := w.number(2, []byte{2}), w.ascii("b")
	with := func(number, text []byte) []byte { return w.file(w.synsets(2, 32, wanted, w.two(number, text)...)) }
	good := with(word, title)
	u64 := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
	packed := func(data []byte) []byte {
		var z bytes.Buffer
		p := zlib.NewWriter(&z)
		p.Write(data) // a buffer takes everything
		p.Close()
		return append(w.words(15, z.Len()), z.Bytes()...)
	}
	many := make([]string, 65)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	synsets := func(content ...[]byte) []byte { return w.file(w.array(2, []int{2, 1}, "synsets", content...)) }
	matrix := func(content ...[]byte) []byte { return w.file(w.element(14, bytes.Join(content, nil))) }
	flags, dims := w.element(6, w.words(2, 0)), w.element(5, w.words(2, 1))
	length, names := w.element(5, w.words(32)), w.element(1, make([]byte, 96))
	for name, c := range map[string]struct {
		meta []byte
		want string
	}{
		"127 bytes": {good[:127], "127 bytes: want a little-endian MAT file of level 5"},
		"big endian": {big.file(big.synsets(2, 32, wanted, big.two(big.number(2, []byte{2}), big.ascii("b"))...)),
			"want a little-endian MAT file"},
		"128 bytes":       {good[:128], "no struct array synsets"},
		"a tag cut":       {good[:135], "ends within an element"},
		"a small element": {w.file(w.words(5<<16|2, 0)), "ends within an element of 5 bytes, of which there are 4"},
		"one byte less":   {good[:len(good)-1], "ends within an element"},
		"nothing in zlib": {w.file(packed(nil)), "ends within an element"},
		"no zlib":         {w.file(w.words(15, 4), []byte("none")), "compressed element"},
		"a bomb":          {w.file(packed(make([]byte, 16<<20+1))), "unpacks to more than 16 MiB"},
		"two bombs": {w.file(packed(w.element(9, make([]byte, 9<<20))), packed(w.element(9, make([]byte, 9<<20)))),
			"unpacks to more than 16 MiB"},
		"no flags":       {matrix(), "no struct array synsets"},
		"no dimensions":  {matrix(flags), "no struct array synsets"},
		"no name":        {matrix(flags, dims), "no struct array synsets"},
		"no length":      {synsets(), "no struct array synsets"},
		"no names":       {synsets(length), "no struct array synsets"},
		"a short length": {synsets(w.words(3<<16|5, 32), names, word), "synsets has 1 values for 0 fields"},
		"no entries":     {w.file(w.synsets(2, 32, wanted)), "synsets has 0 values for 3 fields"},
		"an entry cut": {w.file(w.synsets(2, 32, wanted, w.two(word, title)[:5]...)),
			"synsets has 5 values for 3 fields"},
		"names of none": {synsets(w.element(5, w.words(0)), names, word), "synsets has 1 values for 64 fields"},
		"names of one":  {synsets(w.element(5, w.words(1)), w.element(1, []byte("ab")), word, word), `fields ["a" "b"]`},
		"65 fields": {w.file(w.synsets(2, 14, many, slices.Repeat([][]byte{word}, 65)...)),
			"synsets has 65 values for 64"},
		"a field is missing": {w.file(w.synsets(2, 32, wanted[:1], word)), "want ILSVRC2012_ID and WNID"},
		"another is missing": {w.file(w.synsets(2, 32, wanted[1:2], w.ascii("n01440764"))), "want ILSVRC2012_ID and WNID"},
		"no matrix": {with(w.element(9, make([]byte, 8)), title),
			"synsets(2).ILSVRC2012_ID: element type 9 of 1 elements: want 14, a matrix"},
		"an empty number": {with(w.element(14, nil), title), "synsets(2).ILSVRC2012_ID: element type 14 of 0 elements"},
		"a number cut":    {with(w.element(14, []byte{1}), title), "synsets(2).ILSVRC2012_ID: ends within an element"},
		"a number of none": {with(w.array(6, []int{1, 1}, ""), title),
			"synsets(2).ILSVRC2012_ID: element type 14 of 3 elements"},
		"a number too long": {with(w.number(2, []byte{1, 0}), title), "NaN in 2 bytes of type 2: want one whole number"},
		"a fraction": {with(w.number(9, u64(math.Float64bits(1.5))), title),
			"1.5 in 8 bytes of type 9: want one whole"},
		"not a number":    {with(w.number(9, u64(math.Float64bits(math.NaN()))), title), "NaN in 8 bytes"},
		"0":               {with(w.number(2, []byte{0}), title), "0 in 1 bytes of type 2: want one whole number"},
		"2^24 and 1":      {with(w.number(9, u64(math.Float64bits(1<<24+1))), title), "1.6777217e+07 in 8 bytes"},
		"int8":            {with(w.number(1, []byte{2}), title), "NaN in 1 bytes of type 1"},
		"int16":           {with(w.number(3, []byte{2, 0}), title), "NaN in 2 bytes of type 3"},
		"int32":           {with(w.number(5, w.words(2)), title), "NaN in 4 bytes of type 5"},
		"uint32":          {with(w.number(6, w.words(2)), title), "NaN in 4 bytes of type 6"},
		"single":          {with(w.number(7, w.words(0x42c80000)), title), "NaN in 4 bytes of type 7"},
		"int64":           {with(w.number(12, u64(2)), title), "NaN in 8 bytes of type 12"},
		"an empty text":   {with(word, w.element(14, nil)), "synsets(2).words: element type 14 of 0 elements"},
		"a text of none":  {with(word, w.array(4, []int{1, 1}, "")), "synsets(2).words: element type 14 of 3 elements"},
		"8193 characters": {with(word, w.text(16, 8193, make([]byte, 8193))), "a text of 8193 bytes: want at most 8192"},
		"doubles":         {with(word, w.text(9, 1, make([]byte, 8))), "synsets(2).words: characters of type 9"},
	} {
		_, err := described(t, 1, c.meta)
		t.Run(name, func(t *testing.T) { lacks(t, err, "meta.mat", c.want) })
	}
}

// A truth that does not go with its meta.mat or its images says so.
func TestTruths(t *testing.T) {
	base := laid("train/n01440764/a.png", "train/n01443583/b.png", "val/ILSVRC2012_val_00000001.JPEG",
		"val/ILSVRC2012_val_00000002.JPEG")
	meta := mini.MAT([]mini.Synset{{ID: 1, WNID: "n01440764", Words: "a"}, {ID: 2, WNID: "n01443583", Words: "b"}}, false)
	const truth = "ILSVRC2012_validation_ground_truth.txt"
	for name, c := range map[string]struct {
		more mini.Files
		want string // of the error, or, after a colon, of the one rejected
	}{
		"two truths": {mini.Files{truth: []byte("1\n2\n"), "copy/" + truth: []byte("1\n2\n"), "meta.mat": meta},
			"keep one of them"},
		"two metas": {mini.Files{truth: []byte("1\n2\n"), "meta.mat": meta, "copy/meta.mat": meta}, "keep one of them"},
		"no meta":   {mini.Files{truth: []byte("1\n2\n")}, "no meta.mat says which they are"},
		"a NUL":     {mini.Files{truth: []byte("1\n\x002\n"), "meta.mat": meta}, truth + ": a NUL byte"},
		"no number": {mini.Files{truth: []byte("1\ntwo\n"), "meta.mat": meta},
			truth + `:2: "two": want the number of a class`},
		"number 0": {mini.Files{truth: []byte("1\n0\n"), "meta.mat": meta},
			`:2: "0": want the number of a class, 1 or more`},
		"class 3": {mini.Files{truth: []byte("1\n3\n"), "meta.mat": meta},
			"ILSVRC2012_val_00000002 is of class 3, which is not in meta.mat"},
		"a line less": {mini.Files{truth: []byte("1\n"), "meta.mat": meta}, ":not in the list of validation images"},
		"all":         {mini.Files{truth: []byte("1\n2\n"), "meta.mat": meta}, ""},
		"not listed": {mini.Files{"val.txt": []byte("ILSVRC2012_val_00000001 n01440764\n")},
			":not in the list of validation images"},
		"both listed": {mini.Files{"val.txt": []byte("ILSVRC2012_val_00000001.JPEG n01440764\n\n" +
			"ILSVRC2012_val_00000002 n01443583\n")}, ""},
		"twice, as one": {mini.Files{"val.txt": []byte("ILSVRC2012_val_00000001 n01440764\n" +
			"ILSVRC2012_val_00000002 n01443583\nILSVRC2012_val_00000001 n01440764\n")}, ""},
		"twice, as two": {mini.Files{"val.txt": []byte("ILSVRC2012_val_00000001 n01440764\n" +
			"ILSVRC2012_val_00000001 n01443583\n")},
			"val.txt:2: ILSVRC2012_val_00000001 is of class n01443583, but of n01440764 before"},
		"after a header": {mini.Files{"val.txt": []byte("image class\n" +
			"ILSVRC2012_val_00000001 n01440764\nILSVRC2012_val_00000002 n01443583\n")}, ""},
		"after two lines of others": {mini.Files{"val.txt": []byte("image class\nother\n" +
			"ILSVRC2012_val_00000001 n01440764\nILSVRC2012_val_00000002 n01443583\n")}, "but nothing that gives their labels"},
		"a list of bytes": {mini.Files{"val.txt": []byte("ILSVRC2012_val_00000001 n01440764\n\x00")},
			"but nothing that gives their labels"},
		"a line of none": {mini.Files{"val.txt": []byte("ILSVRC2012_val_00000001 n01440764\nILSVRC2012_val_00000002 cat\n")},
			`val.txt:2: "ILSVRC2012_val_00000002 cat": want IMAGE WNID`},
		"a name of none": {mini.Files{"words.txt": []byte("n01440764 a fish\nsomething\n")},
			`words.txt:2: "something": want IMAGE WNID, or WNID NAME`},
	} {
		f := mini.Join(base, c.more)
		switch want, rejected, is := strings.Cut(c.want, ":has"); {
		case is, strings.HasPrefix(c.want, ":not"):
			s := open(t, source.Options{}, f.Folder(t))
			sameRejected(t, s.Rejected, map[string]string{"val/ILSVRC2012_val_00000002.JPEG": strings.TrimPrefix(want+rejected,
				":")})
		case c.want == "":
			s := open(t, source.Options{}, f.Folder(t))
			if len(s.Items) != 4 || len(s.Rejected) > 0 || s.Items[2].Label != 0 || s.Items[3].Label != 1 {
				t.Errorf("%s: items %+v, rejected %v", name, s.Items, s.Rejected)
			}
		default:
			t.Run(name, func(t *testing.T) { lacks(t, failure(source.Options{}, f.Folder(t)), c.want) })
		}
	}
}
