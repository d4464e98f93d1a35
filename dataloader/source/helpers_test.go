package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

func plainPNG(side int, level uint8) []byte { return mini.GreyPNG(side, side, level) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An opened source with its listing, until the end of the test.
type opened struct {
	source.Source
	*source.Listing
}

func open(t testing.TB, o source.Options, paths ...string) opened {
	t.Helper()
	s, err := source.Open(paths, o)
	check(t, err)
	t.Cleanup(func() { s.Close() })
	l, err := s.List(context.Background(), nil)
	check(t, err)
	return opened{s, l}
}

// failure is the error of opening and listing, the first fault, or the error of reading everything.
func failure(o source.Options, paths ...string) error {
	s, err := source.Open(paths, o)
	if err != nil {
		return err
	}
	defer s.Close()
	l, err := s.List(context.Background(), nil)
	if err != nil {
		return err
	}
	if len(l.Faults) > 0 {
		return errors.New("class " + l.Faults[0].Problem)
	}
	return s.Read(context.Background(), nil, func(_ int, fetch source.Fetch) error {
		_, err := fetch(nil)
		return err
	})
}

// lacks reports which of the texts an error does not have.
func lacks(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
}

// contents reads every item, and holds the order: item i is "class split name" with its bytes, or its cause.
func (o opened) contents(t testing.TB) (keys []string, data [][]byte) {
	t.Helper()
	next := 0
	check(t, o.Read(context.Background(), nil, func(i int, fetch source.Fetch) error {
		if i != next {
			t.Fatalf("item %d was emitted, want %d", i, next)
		}
		next++
		it := o.Items[i]
		c, err := fetch(nil)
		keys = append(keys, fmt.Sprintf("%s %t %s", o.Classes[it.Label].ID, it.Val, it.Name))
		switch {
		case err != nil:
			data = append(data, []byte("rejected: "+err.Error()))
		case c.Image != nil:
			data = append(data, pixels(c.Image))
		default:
			data = append(data, bytes.Clone(c.Encoded))
		}
		return nil
	}))
	if next != len(o.Items) {
		t.Fatalf("%d items were emitted of %d", next, len(o.Items))
	}
	return keys, data
}

// pixels are the RGB bytes of an image.
func pixels(m image.Image) []byte {
	var b []byte
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			c := color.RGBAModel.Convert(m.At(x, y)).(color.RGBA)
			b = append(b, c.R, c.G, c.B)
		}
	}
	return b
}

func classIDs(l *source.Listing) []string {
	var ids []string
	for _, c := range l.Classes {
		ids = append(ids, c.ID)
	}
	return ids
}

func labels(l *source.Listing, val bool) []int32 {
	var all []int32
	for _, it := range l.Items {
		if it.Val == val {
			all = append(all, it.Label)
		}
	}
	return all
}

// sameRejected compares the files and parts of their causes.
func sameRejected(t *testing.T, got []source.Rejected, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d rejected, want %d: %v", len(got), len(want), got)
	}
	for _, r := range got {
		if cause, ok := want[r.File]; !ok || !strings.Contains(r.Cause, cause) {
			t.Errorf("rejected %s: %q, want %q", r.File, r.Cause, cause)
		}
	}
}
