package prepare_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// Options are taken up to their bounds, and refused from there on with what was wanted.
func TestOptionBounds(t *testing.T) {
	for _, c := range []struct {
		o    prepare.Options
		want string // "": they are taken
	}{
		{prepare.Options{}, ""},
		{prepare.Options{Format: "csv"}, ""},
		{prepare.Options{Format: "jpg"}, `source format "jpg": want one of ilsvrc2012, cifar`},
		{prepare.Options{Columns: []string{"a", "b"}}, ""},
		{prepare.Options{Columns: []string{"a", "b", "c"}}, ""},
		{prepare.Options{Columns: []string{"a", "b", "c", "d"}}, "columns"},
		{prepare.Options{Columns: []string{"a", ""}}, "columns"},
		{prepare.Options{Size: packed.MaxSide}, ""},
		{prepare.Options{Size: packed.MaxSide + 1}, "size 4097: want 0 (automatic) to 4096 pixels"},
		{prepare.Options{Size: -1}, "size -1"},
		{prepare.Options{ValFraction: 0.999}, ""},
		{prepare.Options{ValFraction: 1}, "validation fraction 1: want 0 up to, not including, 1"},
		{prepare.Options{ValFraction: -0.001}, "validation fraction -0.001"},
		{prepare.Options{PerClass: 1, ValPerClass: 1}, ""},
		{prepare.Options{PerClass: -1}, "-1 training and 0 validation images a class: want 0 (all) or more"},
		{prepare.Options{ValPerClass: -1}, "0 training and -1 validation images a class"},
		{prepare.Options{Codec: packed.JPEG, Quality: 1}, ""},
		{prepare.Options{Codec: packed.JPEG, Quality: 100}, ""},
		{prepare.Options{Codec: packed.JPEG, Quality: 101}, "JPEG quality 101: want 1 to 100"},
		{prepare.Options{Codec: packed.JPEG, Quality: -1}, "JPEG quality -1"},
		{prepare.Options{ShardMiB: 1}, ""},
		{prepare.Options{ShardMiB: 1 << 20}, ""},
		{prepare.Options{ShardMiB: 1<<20 + 1}, "shards of 1048577 MiB: want 1 to 1048576"},
		{prepare.Options{ShardMiB: -1}, "shards of -1 MiB"},
		{prepare.Options{Workers: 1024}, ""},
		{prepare.Options{Workers: 1025}, "1025 workers: want 0 (one a core) to 1024"},
		{prepare.Options{Workers: -1}, "-1 workers"},
	} {
		if err := c.o.Check(); c.want == "" && err != nil || c.want != "" &&
			(err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: error %v, want %q", c.o, err, c.want)
		}
	}
}

// A request records what changes a set, and tells in what another one differs, whatever the white space and the
// defaults.
func TestRequests(t *testing.T) {
	of := func(o prepare.Options, sources ...string) prepare.Request { return prepare.RequestOf(sources, o) }
	plain := of(prepare.Options{}, "a//b/./c")
	want := `{"source":["a/b/c"],"size":0,"val_fraction":0,"seed":0,"codec":"raw","shard_mib":512}`
	if string(plain.JSON()) != want {
		t.Errorf("%s, want %s", plain.JSON(), want)
	}
	drawn := of(prepare.Options{}, "generated")
	if drawn.Generated == nil || *drawn.Generated != source.DefaultGenerated() || drawn.Source[0] != "generated" {
		t.Errorf("%+v", drawn)
	}
	for _, c := range []struct {
		r    prepare.Request
		was  string
		want string
	}{
		{plain, "{ \"source\" : [ \"a/b/c\" ],\n" +
			"\"size\":0,\"val_fraction\":0,\"seed\":0,\"codec\":\"raw\",\"shard_mib\":512}", ""},
		{plain, `{"source":["a/b/c"],"size":8,"val_fraction":0,"seed":0,"codec":"raw","shard_mib":512}`,
			"size 0 instead of 8"},
		{plain, `{"source":["a/b/c"],"size":8,"val_fraction":0,"seed":1,"codec":"raw","shard_mib":512}`,
			"seed 0 instead of 1, size 0 instead of 8"},
		{of(prepare.Options{Codec: packed.JPEG}, "a/b/c"), string(plain.JSON()),
			`codec "jpeg" instead of "raw", quality 92 instead of none`},
		{of(prepare.Options{Quality: 50}, "a/b/c"), string(plain.JSON()), ""}, // is of no use to pixels
		{of(prepare.Options{Classes: []string{"x"}}, "a/b/c"), string(plain.JSON()), `classes ["x"] instead of none`},
		{plain, `{"source":["a/b/c"],"size":0,"val_fraction":0,"seed":0,"codec":"raw","shard_mib":512,"exif":true}`,
			"exif none instead of true"},
		{plain, `[]`, "what was recorded is no request: "},
	} {
		if got := c.r.Difference(json.RawMessage(c.was)); got != c.want &&
			(c.was != `[]` || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s after %s: %q, want %q", c.r.JSON(), c.was, got, c.want)
		}
	}
}

// Before anything is decoded, an outline says what a set will be; where that does not suit, nothing is left.
func TestSuits(t *testing.T) {
	animals := mini.Join(mini.Animals(4).Below("train"), mini.Animals(2).Below("val")).Folder(t)
	parent := t.TempDir()
	out := filepath.Join(parent, "set")
	unsuited, asked, started := errors.New("too small"), 0, false
	o := prepare.Options{PerClass: 3, Size: 12, Progress: func(p prepare.Progress) { started = started || p.Total > 0 }}
	o.Suits = func(all prepare.Outline) error {
		asked++
		want := []packed.Class{{ID: "cats"}, {ID: "dogs"}}
		if all.Side != 12 || all.Train != 6 || all.Val != 4 || !slices.Equal(all.Classes, want) || started {
			t.Errorf("outline %+v, started %t", all, started)
		}
		return unsuited
	}
	_, err := prepare.Run(context.Background(), []string{animals}, out, o)
	if !errors.Is(err, unsuited) || !strings.Contains(err.Error(), animals) || asked != 1 {
		t.Errorf("asked %d times: error %v", asked, err)
	}
	if left := leftIn(t, parent); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	unsuited = nil
	started = false
	s, err := prepare.Run(context.Background(), []string{animals}, out, o)
	bytes := int64(0)
	for _, data := range contents(t, out) {
		bytes += int64(len(data))
	}
	if s.Bytes != bytes || bytes == 0 {
		t.Errorf("%d bytes, want %d", s.Bytes, bytes)
	}
	if err != nil || s.Train != 6 || s.Val != 4 || s.Decoded != 10 || s.Earlier != 0 || !s.OwnVal {
		t.Errorf("summary %+v, error %v", s, err)
	}
}

// The fingerprint of sources is what a set made of them records.
func TestFingerprint(t *testing.T) {
	animals := mini.Animals(2).Folder(t)
	dir, _ := run(t, animals, prepare.Options{})
	x, err := packed.ReadIndex(dir)
	check(t, err)
	for _, o := range []prepare.Options{{}, {Size: 4}} {
		if got, err := prepare.Fingerprint(context.Background(), []string{animals}, o); err != nil ||
			got != x.Fingerprint || len(got) != 64 {
			t.Errorf("%q, error %v, want %q", got, err, x.Fingerprint)
		}
	}
	check(t, os.Remove(filepath.Join(animals, "cats", "a.png")))
	if got, err := prepare.Fingerprint(context.Background(), []string{animals}, prepare.Options{}); err != nil ||
		got == x.Fingerprint {
		t.Errorf("with an image less: %q, error %v", got, err)
	}
	if _, err := prepare.Fingerprint(context.Background(), []string{filepath.Join(animals, "birds")},
		prepare.Options{}); err == nil {
		t.Error("of nothing: no error")
	}
	if _, err := prepare.Fingerprint(context.Background(), []string{t.TempDir()}, prepare.Options{}); err == nil {
		t.Error("of an empty folder: no error")
	}
}

// A packed set that was not read as is asked for is no source for it, as its files are not there any more.
func TestReadingOfPackedSource(t *testing.T) {
	animals := mini.Animals(2).Folder(t)
	plain, _ := run(t, animals, prepare.Options{})
	both, _ := run(t, animals, prepare.Options{EXIF: true, AllowTruncated: true})
	for _, c := range []struct {
		dir  string
		o    prepare.Options
		want string
	}{
		{plain, prepare.Options{EXIF: true}, "without --exif"},
		{plain, prepare.Options{AllowTruncated: true}, "without --allow-truncated"},
		{plain, prepare.Options{}, ""},
		{both, prepare.Options{}, ""},
		{both, prepare.Options{EXIF: true, AllowTruncated: true}, ""},
	} {
		out := filepath.Join(t.TempDir(), "set")
		_, err := prepare.Run(context.Background(), []string{c.dir}, out, c.o)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v: error %v, want %q", c.o, err, c.want)
			}
			continue
		}
		check(t, err)
		x, err := packed.ReadIndex(out)
		if check(t, err); x.EXIF != (c.dir == both) || x.AllowTruncated != (c.dir == both) {
			t.Errorf("%+v of a set: %+v", c.o, x.Reading)
		}
	}
}

// A class of a packed set that no training image has is none to train on, though the set has it.
func TestPackedClassWithoutImages(t *testing.T) {
	dir := t.TempDir()
	c := packed.Contents{Classes: []packed.Class{{ID: "a"}, {ID: "b"}}, Mean: []float32{0, 0, 0},
		Index:  packed.Index{Request: []byte("{}"), Layout: packed.Layout{Height: 1, Width: 1, Codec: packed.Raw}},
		Splits: map[string]packed.Rows{packed.Train: {Labels: []int32{0}, Flags: []uint8{0}, Files: []string{"x"}}}}
	w, err := packed.CreateShard(dir, packed.Train, 0, c.Index.Layout, 1)
	check(t, err)
	check(t, w.Append([]byte{1, 2, 3}))
	c.Index.Checksums, err = w.Finish()
	check(t, err)
	c.Index.Splits = map[string]packed.Split{packed.Train: {Images: 1, PerClass: []int{1, 0}, Shards: []int{1}}}
	check(t, packed.Write(dir, c))
	out := filepath.Join(t.TempDir(), "set")
	if _, err := prepare.Run(context.Background(), []string{dir}, out, prepare.Options{}); err == nil ||
		!strings.Contains(err.Error(), "class b has no training image") {
		t.Errorf("error %v", err)
	}
	_, err = prepare.Run(context.Background(), []string{dir}, out, prepare.Options{Classes: []string{"a"}})
	check(t, err)
}
