// Package layout knows how data sets of labelled images are arranged. A Survey is what one pass over a tree sees; each
// function named after a layout makes a Listing of it, or says why it cannot: with a NotThis when the tree is arranged
// otherwise, with any other error when it is arranged so but something is wrong. None changes the survey.
package layout

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"duet/dataloader/picture"
	"duet/dataloader/tree"
)

// MaxSide is the largest side of images that are kept as they are, as in the paper of 2012.
const MaxSide = 256

// A Listing is what a source holds.
type Listing struct {
	Kind     string  // such as "ILSVRC2012", "class folders in train and val", "CIFAR-10 binary"
	Classes  []Class // by label
	Items    []Item  // in the order of Read: training first, by class and name; a stream's in its own
	Arrays   []Array // what the items are in, in their order, where that is no file for each
	Rejected []Rejected
	Faults   []Fault  // classes that are not among Classes
	Notes    []string // on what was not used, such as a table of something else
	Side     int      // in pixels, when all images are square, alike and at most MaxSide; else 0
	// Reading is how the files of a packed set were read, once and for all; nil of any other source.
	Reading *picture.Reading
	// Fingerprint is a hexadecimal SHA-256 of the names, sizes and labels, and of the times of modification of the files
	// on disk: two equal ones are of the same source, unchanged. Paths of the source itself are not in it.
	Fingerprint string
}

// A Class is a label's meaning.
type Class struct {
	ID   string // the folder, WordNet ID or label by which the source names it
	Name string // for people: WordNet's, of ILSVRC2012's classes; else ""
}

// An Item is one image: its entry, which has its name and its size as it was listed, and its label.
type Item struct {
	*tree.Entry
	Label int32
	Val   bool // of the validation split
}

// NewItem is an item that is no file.
func NewItem(name string, label int32, val bool) Item {
	return Item{&tree.Entry{Name: name}, label, val}
}

// An Array is a file of Count images, the items from First on.
type Array struct {
	*tree.Entry
	First, Count int
	Images       func(r io.Reader, emit func(k int, m image.Image) error) error // reads all of them
}

// A Fault is a class that cannot be used, such as one without a training image. Unless it is left out on purpose it is
// an error.
type Fault struct {
	Class   string
	Problem string // begins with the class
}

// Rejected is something of a source that is not among its items.
type Rejected struct {
	File, Cause string
	Aside       bool // nothing is wrong with it: it is of another split, hidden, of another task
}

// NotThis is the error of a layout that a tree is not arranged in.
type NotThis struct {
	Why   error    // nil when nothing in the tree is of the layout
	Notes []string // on what looked like it
}

func (n *NotThis) Error() string { return fmt.Sprintf("another layout: %v", n.Why) }

// ErrAdvice is among the errors that advise a flag, or other paths.
var ErrAdvice = errors.New("a flag or a path is advised")

type advice struct{ error }

func (advice) Is(target error) bool { return target == ErrAdvice }
func (a advice) Unwrap() error      { return a.error }

// Advise is an error that is an ErrAdvice too.
func Advise(format string, values ...any) error { return advice{fmt.Errorf(format, values...)} }

// A draft is a listing in the making.
type draft struct {
	Listing
	numbers map[string]int32  // of classes, as they are met: the labels of the items until they are finished
	train   map[string]bool   // the classes that have images there
	valid   map[string]string // by class: an image of the split that validates
}

func (s *Survey) draft(kind string) *draft {
	l := Listing{Kind: kind, Rejected: slices.Clone(s.rejected), Side: s.side.pixels}
	l.Items = make([]Item, 0, len(s.images))
	return &draft{Listing: l, numbers: map[string]int32{}, train: map[string]bool{}, valid: map[string]string{}}
}

// An answer says what an image is, or the cause why it is none; aside: nothing is wrong with it. One that says nothing
// passes over the image.
type answer struct {
	class string
	is    split
	cause string
	aside bool
}

// take asks what each image is, and takes those of training, and of the split that validates.
func (d *draft) take(images []*tree.Entry, ask func(e *tree.Entry) (answer, error)) error {
	splits, there, classes := make([]split, 0, len(images)), map[split]bool{}, []string(nil)
	for _, e := range images {
		a, err := ask(e)
		switch {
		case err != nil:
			return err
		case a.cause != "":
			d.Rejected = append(d.Rejected, Rejected{e.Name, a.cause, a.aside})
		case a.class != "":
			n, known := d.numbers[a.class]
			if !known {
				n = int32(len(d.numbers))
				classes = append(classes, strings.Clone(a.class))
				d.numbers[classes[n]] = n
			}
			d.Items, splits = append(d.Items, Item{e, n, false}), append(splits, a.is)
			there[a.is] = true
		}
	}
	val, kept := validates(there), d.Items[:0]
	for i, it := range d.Items {
		switch is := splits[i]; {
		case is == val && is != noSplit:
			it.Val = true
			d.valid[classes[it.Label]] = it.Name
		case is == testSplit:
			d.leave(it.Name, "of the split test, beside val")
			continue
		default:
			d.train[classes[it.Label]] = true
		}
		kept = append(kept, it)
	}
	d.Items = kept
	return nil
}

// leave rejects what is none of the images that are asked for.
func (d *draft) leave(file, cause string) {
	d.Rejected = append(d.Rejected, Rejected{file, cause, true})
}

// fault takes out a class. problem begins after its name.
func (d *draft) fault(class, problem string, values ...any) {
	d.Faults = append(d.Faults, Fault{class, class + " " + fmt.Sprintf(problem, values...)})
	delete(d.train, class)
}

// faultEmpty takes out the classes whose folders hold no image at all. class is the one that a folder is of, "" for
// none.
func (d *draft) faultEmpty(s *Survey, class func(folder string) string) {
	causes, said := map[string]string{}, map[string]bool{}
	for _, r := range d.Rejected {
		causes[r.File] = r.Cause
	}
	for e := range s.Entries() {
		if e.Kind != tree.Folder {
			continue
		}
		if name := class(e.Name); name != "" && !d.train[name] && !said[name] {
			said[name] = true
			cause := cmp.Or(causes[e.Name], "no file that ends in "+strings.Join(picture.Endings, ", "))
			d.fault(name, "has no image: %s: %s", e.Name, cause)
		}
	}
}

// faultUntrained takes out the classes without a training image.
func (d *draft) faultUntrained() {
	for _, class := range slices.Sorted(maps.Keys(d.valid)) {
		if !d.train[class] {
			d.fault(class, "is in the validation split (such as %s), but has no training image", d.valid[class])
		}
	}
}

// several is an error when all images are of one class.
func (d *draft) several(hint string) error {
	if len(d.train) != 1 {
		return nil
	}
	class := classOrder(d.train)[0]
	return Advise("all %s are of one class, the folder %s: %s", plural(len(d.Items), "image"), class, hint)
}

// finish gives the classes that were not taken out their labels.
func (d *draft) finish() (*Listing, error) {
	if len(d.train) == 0 {
		return nil, fmt.Errorf("no training image: class %s", d.Faults[0].Problem)
	}
	label := slices.Repeat([]int32{-1}, len(d.numbers)) // by number
	for i, class := range classOrder(d.train) {
		if strings.ContainsAny(class, "\r\n") {
			return nil, fmt.Errorf("class %q: a class name cannot hold a line break", class)
		}
		label[d.numbers[class]] = int32(i)
		d.Classes = append(d.Classes, Class{ID: class, Name: wordNetNames[class]})
	}
	d.Items = slices.DeleteFunc(d.Items, func(it Item) bool { return label[it.Label] < 0 })
	for i := range d.Items {
		d.Items[i].Label = label[d.Items[i].Label]
	}
	return &d.Listing, nil
}

// classOrder is the order of classes, by which they get their labels: that of their values where all names are whole
// numbers, else that of their bytes.
func classOrder(classes map[string]bool) []string {
	names, values := slices.Sorted(maps.Keys(classes)), map[string]uint64{}
	for _, name := range names {
		n, err := strconv.ParseUint(name, 10, 64) // which takes no sign
		if err != nil {
			return names
		}
		values[name] = n
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(values[a], values[b]) })
	return names
}

// plural is "1 image", "2 images".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
