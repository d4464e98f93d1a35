package prepare_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/generated"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/dataloader/source/mini"
)

// Settings are taken up to their bounds, and refused from there on with what was wanted.
func TestBounds(t *testing.T) {
	type settings = prepare.Settings
	for _, c := range []struct {
		s    settings
		want string // "": they are taken
	}{
		{settings{}, ""},
		{settings{Format: "csv"}, ""},
		{settings{Format: "jpg"}, `format: "jpg", want one of ["ilsvrc2012" "cifar"`},
		{settings{Columns: []string{"a", "b"}}, ""},
		{settings{Columns: []string{"a", "b", "c"}}, ""},
		{settings{Columns: []string{"a"}}, `columns: ["a"], want`},
		{settings{Columns: []string{"a", "b", "c", "d"}}, "columns: "},
		{settings{Columns: []string{"a", ""}}, "columns: "},
		{settings{Size: packed.MaxSide}, ""},
		{settings{Size: packed.MaxSide + 1}, "size: 4097, want 0 (automatic) to 4096 pixels"},
		{settings{Size: -1}, "size: -1, "},
		{settings{ValFraction: 0.999}, ""},
		{settings{ValFraction: 1}, "val_fraction: 1, want 0 up to, not including, 1"},
		{settings{ValFraction: -0.001}, "val_fraction: -0.001, "},
		{settings{ValFraction: math.NaN()}, "val_fraction: NaN, "},
		{settings{PerClass: 1, ValPerClass: 1}, ""},
		{settings{PerClass: -1}, "per_class: -1, want 0 (all) or more images"},
		{settings{ValPerClass: -1}, "val_per_class: -1, want 0 (all) or more images"},
		{settings{Codec: "png"}, `codec: "png", want "raw" or "jpeg"`},
		{settings{Codec: packed.JPEG, Quality: 1}, ""},
		{settings{Codec: packed.JPEG, Quality: 100}, ""},
		{settings{Codec: packed.JPEG, Quality: 101}, "quality: 101, want 1 to 100, or 0 for the default"},
		{settings{Codec: packed.JPEG, Quality: -1}, "quality: -1, want 1 to 100"},
		{settings{Quality: 50}, `quality: 50 with codec "raw", which stores pixels as they are, want 0 or codec "jpeg"`},
		{settings{ShardMiB: 1}, ""},
		{settings{ShardMiB: 1 << 20}, ""},
		{settings{ShardMiB: 1<<20 + 1}, "shard_mib: 1048577, want 1 to 1048576 MiB"},
		{settings{ShardMiB: -1}, "shard_mib: -1, "},
	} {
		if err := c.s.Validate(); c.want == "" && err != nil || c.want != "" &&
			(err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%+v: error %v, want %q", c.s, err, c.want)
		}
	}
	for workers, want := range map[int]string{0: "", 1024: "", 1025: "workers: 1025, want 0 (one a core) to 1024",
		-1: "workers: -1, "} {
		if err := (prepare.Options{Workers: workers}).Check(); want == "" && err != nil || want != "" &&
			(err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%d workers: error %v, want %q", workers, err, want)
		}
	}
}

// TestSettingsList: the list names every setting once, by its key, and is where the values are.
func TestSettingsList(t *testing.T) {
	var s prepare.Settings
	v := reflect.ValueOf(&s).Elem()
	list := s.List()
	if len(list) != v.NumField() {
		t.Fatalf("%d settings are listed, want %d", len(list), v.NumField())
	}
	for i, l := range list {
		if key := v.Type().Field(i).Tag.Get("toml"); l.Key != key || l.Value != v.Field(i).Addr().Interface() || l.Use == "" {
			t.Errorf("setting %d is %q (%s) at %p, want key %q at %p", i, l.Key, l.Use, l.Value, key,
				v.Field(i).Addr().Interface())
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
	if drawn.Generated == nil || *drawn.Generated != generated.Default() || drawn.Source[0] != "generated" {
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
		{of(prepare.Options{Settings: prepare.Settings{Codec: packed.JPEG}}, "a/b/c"), string(plain.JSON()),
			`codec "jpeg" instead of "raw", quality 92 instead of none`},
		// is of no use to pixels
		{of(prepare.Options{Settings: prepare.Settings{Quality: 50}}, "a/b/c"), string(plain.JSON()), ""},
		{of(prepare.Options{Settings: prepare.Settings{Classes: []string{"x"}}}, "a/b/c"), string(plain.JSON()),
			`classes ["x"] instead of none`},
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
	o := prepare.Options{Settings: prepare.Settings{PerClass: 3, Size: 12},
		Progress: func(p prepare.Progress) { started = started || p.Total > 0 }}
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
	for _, o := range []prepare.Options{{}, {Settings: prepare.Settings{Size: 4}}} {
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
	both, _ := run(t, animals, prepare.Options{Settings: prepare.Settings{EXIF: true, AllowTruncated: true}})
	for _, c := range []struct {
		dir  string
		o    prepare.Options
		want string
	}{
		{plain, prepare.Options{Settings: prepare.Settings{EXIF: true}}, "without --exif"},
		{plain, prepare.Options{Settings: prepare.Settings{AllowTruncated: true}}, "without --allow-truncated"},
		{plain, prepare.Options{}, ""},
		{both, prepare.Options{}, ""},
		{both, prepare.Options{Settings: prepare.Settings{EXIF: true, AllowTruncated: true}}, ""},
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
	_, err = prepare.Run(context.Background(), []string{dir}, out,
		prepare.Options{Settings: prepare.Settings{Classes: []string{"a"}}})
	check(t, err)
}
