package layout

import (
	"fmt"
	"slices"
	"strconv"

	"duet/dataloader/tree"
)

var arrayNames = [arrayKinds]struct{ kind, train string }{
	{"CIFAR-10 binary", "data_batch_1.bin"}, {"CIFAR-100 binary", "train.bin"}, {"IDX", "train-images-idx3-ubyte"}}

// CIFAR lists CIFAR-10's or CIFAR-100's binary files.
func CIFAR(s *Survey) (*Listing, error) { return s.listArrays(cifar10, cifar100) }

// IDX lists IDX files. The classes are the labels that are there.
func IDX(s *Survey) (*Listing, error) { return s.listArrays(idx) }

func (s *Survey) listArrays(kinds ...int) (*Listing, error) {
	var found []int
	for k := range s.arrays {
		x, ours := &s.arrays[k], slices.Contains(kinds, k)
		anything := k == cifar100 && s.Format == "" && x.names == nil // as a train.bin may be
		switch {
		case ours && x.bad != nil && !anything:
			return nil, x.bad
		case x.bad == nil && len(x.images)+len(x.labels) > 0 && (ours || s.Format == ""):
			found = append(found, k)
		}
	}
	if !slices.ContainsFunc(found, func(k int) bool { return slices.Contains(kinds, k) }) {
		return nil, &NotThis{}
	}
	x, name, other := s.arrays[found[0]], arrayNames[found[0]], plural(len(s.images), "image file")
	if len(found) > 1 {
		other = arrayNames[found[1]].kind + " files"
	}
	x.images = slices.Clone(x.images)
	switch {
	case len(found) > 1 || s.Format == "" && len(s.images) > 0:
		return nil, fmt.Errorf("%s files and %s together: want one of them, or its format named", name.kind, other)
	case !slices.ContainsFunc(x.images, func(a *array) bool { return !a.val }):
		return nil, fmt.Errorf("%s files, but no %s to train on", name.kind, name.train)
	case found[0] == idx:
		if err := x.pair(); err != nil {
			return nil, err
		}
	}
	return s.arrayListing(&Listing{Kind: name.kind, Rejected: s.rejected}, &x)
}

// pair gives the images of IDX files their labels.
func (x *arrays) pair() error {
	if len(x.images) != len(x.labels) {
		return fmt.Errorf("IDX files: %d of images, but %d of labels: want one for each", len(x.images), len(x.labels))
	}
	for i, a := range x.images {
		at := slices.IndexFunc(x.labels, func(l *array) bool { return l.val == a.val })
		if at < 0 {
			return fmt.Errorf("%s, but labels of another split alone", a.Name)
		}
		if labels := x.labels[at]; len(labels.labels) != len(a.labels) {
			return fmt.Errorf("%s has %d images, but %s has %d labels", a.Name, len(a.labels), labels.Name, len(labels.labels))
		}
		both := *a
		both.labels = x.labels[at].labels
		x.images[i] = &both
	}
	return nil
}

// classes are the names of the classes by label; "" of a label that is none. Where nothing names them, they are the
// labels of the training images.
func (x *arrays) classes() (names [256]string) {
	copy(names[:], x.names)
	for _, a := range x.images {
		for _, label := range a.labels {
			if !a.val && len(x.names) == 0 {
				names[label] = strconv.Itoa(int(label))
			}
		}
	}
	return names
}

// arrayListing is the listing of arrays. Its items are in the order of the files: training first, and by name unless
// they are in a stream.
func (s *Survey) arrayListing(l *Listing, x *arrays) (*Listing, error) {
	slices.SortFunc(x.images, func(a, b *array) int { return s.Order(Item{a.Entry, 0, a.val}, Item{b.Entry, 0, b.val}) })
	var class [256]int32
	names := x.classes()
	for label, name := range names {
		if name != "" {
			class[label] = int32(len(l.Classes))
			l.Classes = append(l.Classes, Class{ID: name})
		}
	}
	trained := make([]bool, len(l.Classes))
	var side side
	for _, a := range x.images {
		l.Arrays = append(l.Arrays, Array{a.Entry, len(l.Items), len(a.labels), a.read})
		entries := make([]tree.Entry, len(a.labels))
		for k, label := range a.labels {
			if names[label] == "" {
				return nil, fmt.Errorf("%s: record %d has label %d: want one of the %d classes, %s to %s", a.Name, k, label,
					len(l.Classes), l.Classes[0].ID, l.Classes[len(l.Classes)-1].ID)
			}
			entries[k] = tree.Entry{Name: fmt.Sprintf("%s#%d", a.Name, k), In: a.In}
			l.Items = append(l.Items, Item{&entries[k], class[label], a.val})
			trained[class[label]] = trained[class[label]] || !a.val
		}
		side.size(a.width, a.height)
	}
	l.Side = side.pixels
	if k := slices.Index(trained, false); k >= 0 {
		return nil, fmt.Errorf("class %s has no training image", l.Classes[k].ID)
	}
	return l, nil
}

// under puts a file's name before an error.
func under(e *tree.Entry, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", e.Name, err)
}
