package source_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// withMeta lists a miniature of two classes and two validation images with another meta.mat.
func withMeta(t *testing.T, truth string, meta []byte) ([]string, *mini.Set) {
	m := miniature(t, mini.Options{Classes: 2, Val: 2})
	return []string{m.TrainTar, m.ValTar, mini.Write(t, "ILSVRC2012_validation_ground_truth.txt", []byte(truth)),
		mini.Write(t, "meta.mat", meta)}, m
}

// typed is a meta.mat whose one number, 70000 as a double, is of another type.
func typed(kind uint32, value uint64, size int) []byte {
	double := binary.LittleEndian.AppendUint32(nil, 9)
	double = binary.LittleEndian.AppendUint32(double, 8)
	double = binary.LittleEndian.AppendUint64(double, 0x40f1170000000000)
	other := binary.LittleEndian.AppendUint32(nil, kind)
	other = binary.LittleEndian.AppendUint32(other, uint32(size))
	other = binary.LittleEndian.AppendUint64(other, value)
	return bytes.Replace(mini.MAT([]mini.Synset{{ID: 70000, WNID: "n01440764"}, {ID: 2, WNID: "n01443583"}}, false),
		double, other, 1)
}

func TestMATNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		meta  []byte
		truth string
	}{
		"uint8":  {typed(2, 200, 1), "200\n2\n"},
		"uint16": {typed(4, 40000, 2), "40000\n2\n"},
		"double": {typed(9, 0x40f1170000000000, 8), "70000\n2\n"},
		"in zlib": {mini.MAT([]mini.Synset{{ID: 300, WNID: "n01440764"}, {ID: 70000, WNID: "n01443583"}}, true),
			"300\n70000\n"},
	} {
		paths, m := withMeta(t, c.truth, c.meta)
		s := open(t, source.Options{}, paths...)
		if n := len(labels(s.Listing, true)); n != len(m.Val) {
			t.Errorf("%s: %d validation images, want %d; rejected %v", name, n, len(m.Val), s.Rejected)
		}
	}
}

func TestMATErrors(t *testing.T) {
	good := mini.MAT([]mini.Synset{{ID: 1, WNID: "n01440764", Words: "a"}, {ID: 2, WNID: "n01443583", Words: "b"}}, false)
	change := func(from, to string) []byte { return bytes.Replace(good, []byte(from), []byte(to), 1) }
	packed := mini.MAT([]mini.Synset{{ID: 1, WNID: "n01440764"}}, true)
	packed[len(packed)-20] ^= 0xff
	for name, c := range map[string]struct {
		meta []byte
		want string
	}{
		"short":    {good[:100], "100 bytes: want a little-endian MAT file of level 5"},
		"order":    {change("IM", "XX"), "want a little-endian MAT file of level 5"},
		"version":  {change("\x00\x01IM", "\x00\x02IM"), "want a little-endian MAT file of level 5"},
		"other":    {change("synsets", "SYNSETS"), "no struct array synsets"},
		"no field": {change("WNID\x00", "wnid\x00"), "want ILSVRC2012_ID and WNID"},
		"no entry": {mini.MAT(nil, true), "synsets has 0 values"},
		"cut":      {good[:len(good)-300], "ends within an element"},
		"not zlib": {packed, "compressed element"},
		"not a WNID": {mini.MAT([]mini.Synset{{ID: 1, WNID: "entity"}}, false),
			`synsets(1).WNID: "entity": want a WordNet ID`},
		"zero":         {typed(9, 0, 8), "0 in 8 bytes of type 9: want one whole number"},
		"not a number": {typed(9, 0x7ff8000000000001, 8), "NaN in 8 bytes of type 9: want one whole number"},
		"negative":     {typed(9, 0xbff0000000000000, 8), "-1 in 8 bytes of type 9: want one whole number"},
		"a wrong size": {typed(9, 1, 7), "7 bytes of type 9: want one whole number"},
		"an odd type":  {typed(99, 1, 8), "type 99: want one whole number"},
		"a class twice": {mini.MAT([]mini.Synset{{ID: 7, WNID: "n01440764"}, {ID: 7, WNID: "n01443583"}}, true),
			"two classes are number 7"},
		"a long string": {mini.MAT([]mini.Synset{{ID: 1, WNID: "n01440764", Words: strings.Repeat("x", 5000)}}, true),
			"at most 8192"},
	} {
		t.Run(name, func(t *testing.T) {
			paths, _ := withMeta(t, "1\n2\n", c.meta)
			lacks(t, failure(source.Options{}, paths...), "meta.mat", c.want)
		})
	}
}
