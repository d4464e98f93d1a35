package prepare_test

import (
	"context"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/dataloader/prepare"
	"duet/dataloader/source/mini"
)

// A miniature of ILSVRC2012's three archives, with the real set's quirks and two damaged files, becomes a packed set
// with all labels, names and rejections right, and each image as its file alone gives it.
func TestILSVRC(t *testing.T) {
	archives := t.TempDir()
	m, err := mini.ILSVRC(archives, mini.Options{Classes: 4, Train: 5, Val: 9, Quirks: true, Damaged: true})
	check(t, err)
	for name, sources := range map[string][]string{"three archives": {m.Devkit, m.ValTar, m.TrainTar},
		"their folder": {archives}} {
		out := filepath.Join(t.TempDir(), "set")
		summary, err := prepare.Run(context.Background(), sources, out, prepare.Options{})
		check(t, err)
		if summary.Train != 20 || summary.Val != 9 || summary.Size != 256 || len(summary.Rejected) != 2 ||
			!strings.Contains(summary.Kind, "ILSVRC2012") {
			t.Fatalf("%s: summary %+v", name, summary)
		}
		for i, r := range summary.Rejected {
			if !slices.ContainsFunc(m.Damaged, func(d string) bool { return strings.HasSuffix(r.File, d) }) {
				t.Errorf("%s: rejected %d: %+v, want %v", name, i, r, m.Damaged)
			}
		}
		check(t, packed.Verify(context.Background(), out, nil))
		s, v := open(t, out, "train"), open(t, out, "val")
		for i, c := range s.Classes() {
			if c.ID != m.WNIDs[i] || c.Name != m.Words[i] {
				t.Errorf("%s: class %d is %+v, want %s, %s", name, i, c, m.WNIDs[i], m.Words[i])
			}
		}
		sameFiles(t, s, m.Train)
		sameFiles(t, v, m.Val)
		flags, err := s.Flags()
		check(t, err)
		var seen picture.Flags
		for _, f := range flags {
			seen |= picture.Flags(f)
		}
		if want := picture.CMYK | picture.NotJPEG | picture.Grey; seen&want != want {
			t.Errorf("%s: flags %v, want %v among them", name, seen, want)
		}
	}
}

// sameFiles compares every image of a set with what its file alone decodes to, and its label with the file's class.
func sameFiles(t *testing.T, s *packed.Set, files []mini.Image) {
	t.Helper()
	d, err := picture.New(picture.Options{Size: s.Width()})
	check(t, err)
	defer d.Close()
	names, err := s.Files()
	check(t, err)
	want := make([]byte, s.Index.Pixels())
	for i, name := range names {
		at := slices.IndexFunc(files, func(f mini.Image) bool { return strings.HasSuffix(name, f.Name) })
		if at < 0 {
			t.Errorf("image %d is %s, which is none of the files", i, name)
			continue
		}
		if _, err := d.Decode(want, files[at].Data); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(s.Stored(i), want) {
			t.Errorf("%s has other pixels than its file alone", name)
		}
		if id := s.Classes()[s.Labels()[i]].ID; id != files[at].WNID {
			t.Errorf("%s is in class %s, want %s", name, id, files[at].WNID)
		}
	}
}

// The same archives with only the training images have no validation split, and one can be split off.
func TestILSVRCTrainOnly(t *testing.T) {
	m, err := mini.ILSVRC(t.TempDir(), mini.Options{})
	check(t, err)
	_, whole := run(t, m.TrainTar, prepare.Options{})
	_, split := run(t, m.TrainTar, prepare.Options{Settings: prepare.Settings{ValFraction: 0.25}})
	if whole.Train != 12 || whole.Val != 0 || split.Train != 9 || split.Val != 3 {
		t.Errorf("%d and %d, split %d and %d images", whole.Train, whole.Val, split.Train, split.Val)
	}
}

// Interrupted at any place, a preparation of archives goes on to the same bytes.
func TestILSVRCGoesOn(t *testing.T) {
	m, err := mini.ILSVRC(t.TempDir(), mini.Options{Classes: 3, Train: 8, Val: 8, Damaged: true})
	check(t, err)
	o := prepare.Options{Settings: prepare.Settings{ShardMiB: 1}} // five images of 256x256
	whole := filepath.Join(t.TempDir(), "set")
	_, err = prepare.Run(context.Background(), m.Paths(), whole, o)
	check(t, err)
	want := contents(t, whole)
	for at := 6; at < 34; at += 5 {
		out := filepath.Join(t.TempDir(), "set")
		ctx, cancel := context.WithCancel(context.Background())
		stopped := o
		stopped.Progress = func(p prepare.Progress) {
			if p.Done >= at {
				cancel()
			}
		}
		_, err := prepare.Run(ctx, m.Paths(), out, stopped)
		cancel()
		if err == nil {
			t.Fatalf("not stopped at %d", at)
		}
		_, err = prepare.Run(context.Background(), m.Paths(), out, o)
		check(t, err)
		if got := contents(t, out); !reflect.DeepEqual(got, want) {
			t.Errorf("stopped at %d: another set", at)
		}
	}
}
