package prepare

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"duet/dataloader/layout"
	"duet/dataloader/picture"
	"duet/dataloader/source"
)

// An unruly source emits items as it likes.
type unruly struct {
	source.Source
	items  []int
	panics bool // when one is fetched
}

func (u unruly) Read(_ context.Context, _ func(int) bool, emit func(int, source.Fetch) error) error {
	for _, item := range u.items {
		fetch := func([]byte) (source.Content, error) {
			if u.panics {
				panic("unruly")
			}
			return source.Content{Image: &picture.RGB{Pix: make([]byte, 8*8*3), Width: 8, Height: 8}}, nil
		}
		if err := emit(item, fetch); err != nil {
			return err
		}
	}
	return nil
}

// A source that gives other images than it listed, or in another order, is an error: labels would go to other images.
func TestUnrulySource(t *testing.T) {
	l := &source.Listing{Side: 8, Classes: []source.Class{{ID: "a"}, {ID: "b"}},
		Items: []source.Item{layout.NewItem("0", 0, false), layout.NewItem("1", 1, false),
			layout.NewItem("2", 1, false), layout.NewItem("3", 0, true), layout.NewItem("4", 1, true)}}
	for _, c := range []struct {
		items []int
		want  string // "": it is taken
	}{
		{[]int{0, 1, 2, 3, 4}, ""},
		{[]int{3, 0, 1, 4, 2}, ""}, // each split is in order
		{[]int{1, 0, 2, 3, 4}, "1 came out of order: the source has changed since it was listed"},
		{[]int{0, 1, 1, 3, 4}, "1 came out of order"},
		{[]int{0, 1, 2, 4, 3}, "4 came out of order"},
		{[]int{0, 1, 3, 4}, "split train: 2 of 3 images came: the source has changed since it was listed"},
		{[]int{0, 1, 2, 3}, "split val: 1 of 2 images came"},
	} {
		o := Options{Workers: 1}.complete()
		p, err := lockPartial(filepath.Join(t.TempDir(), "set"))
		if err != nil {
			t.Fatal(err)
		}
		chosen, err := choose(l, o)
		if err != nil {
			t.Fatal(err)
		}
		r := RequestOf([]string{"x"}, o)
		if err := p.begin(begun{Request: r.JSON()}, r, false); err != nil {
			t.Fatal(err)
		}
		m, err := newMaker(p, chosen, o)
		if err != nil {
			t.Fatal(err)
		}
		err = m.make(context.Background(), unruly{items: c.items})
		if m.abandon(); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: error %v, want %q", c.items, err, c.want)
		}
		p.remove()
	}
}
