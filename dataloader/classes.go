package dataloader

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// classFolders is the format of class folders, with or without splits above them.
type classFolders struct {
	images   []imageFile
	dirs     []string
	rejected []Rejected
	index    map[string]int // path -> item
}

type imageFile struct {
	path          string
	width, height int
}

func newClassFolders() *classFolders { return &classFolders{index: map[string]int{}} }

// The endings of image files that are read, and of those that are reported because they are not.
var (
	readEndings  = []string{".jpg", ".jpeg", ".png"}
	otherEndings = []string{".bmp", ".gif", ".tif", ".tiff", ".webp", ".heic", ".avif"}
)

func (c *classFolders) look(e entry, r io.Reader) error {
	end := strings.ToLower(path.Ext(e.path))
	switch {
	case e.dir:
		c.dirs = append(c.dirs, e.path)
	case slices.Contains(otherEndings, end):
		c.rejected = append(c.rejected, Rejected{e.path, "neither JPEG nor PNG"})
	case !slices.Contains(readEndings, end):
		// Not an image: a list, a licence.
	case c.index[e.path] != 0:
		c.rejected = append(c.rejected, Rejected{e.path, "the same name twice"})
	default:
		c.index[e.path] = 1 // until listing puts the number of the item here
		f := imageFile{path: e.path}
		if config, _, err := image.DecodeConfig(r); err == nil { // a damaged one is reported when it is decoded
			f.width, f.height = config.Width, config.Height
		}
		c.images = append(c.images, f)
	}
	return nil
}

// The names of the folders that make a split. The first of valNames that is there is the validation split.
const trainName = "train"

var valNames = []string{"val", "valid", "validation", "test"}

func (c *classFolders) listing() (*listing, error) {
	if len(c.images) == 0 && len(c.dirs) == 0 && len(c.rejected) == 0 {
		return nil, nil
	}
	if len(c.images) == 0 {
		return nil, c.noImages()
	}
	root := commonRoot(c.images)
	val := c.valFolder(root)
	l := &listing{kind: "class folders", rejected: c.rejected}
	if val != "" {
		l.kind = "class folders in train and " + val
	}
	train, valid := map[string]bool{}, map[string]bool{} // the classes of each split
	classes := make([]string, 0, len(c.images))
	for _, f := range c.images {
		it := item{name: f.path, width: f.width, height: f.height}
		class, inVal, cause := place(f.path[len(root):], val)
		if cause != "" {
			l.rejected = append(l.rejected, Rejected{f.path, cause})
			continue
		}
		if it.val = inVal; inVal {
			valid[class] = true
		} else {
			train[class] = true
		}
		l.items, classes = append(l.items, it), append(classes, class)
	}
	if len(l.items) == 0 {
		return nil, fmt.Errorf("%s, but none in a class folder: want CLASS/IMAGE, or train/CLASS/IMAGE and val/CLASS/IMAGE "+
			"(found %s)", plural(len(c.images), "image"), c.images[0].path)
	}
	for _, d := range c.dirs { // a class folder without any image
		if !strings.HasPrefix(d+"/", root) || d+"/" == root {
			continue
		}
		if class, inVal, cause := place(d[len(root):]+"/x", val); cause == "" && !inVal && !train[class] {
			return nil, fmt.Errorf("class %s has no image: %s is empty or holds no JPEG or PNG file", class, d)
		}
	}
	l.classes = slices.Sorted(maps.Keys(train))
	for class := range valid {
		if !train[class] {
			return nil, fmt.Errorf("class %s is in %s%s, but not in %s%s", class, root, val, root, trainName)
		}
	}
	return l, c.number(l, classes)
}

// number sorts the items by label and name, and gives them their labels and places.
func (c *classFolders) number(l *listing, classes []string) error {
	label := map[string]int32{}
	for i, class := range l.classes {
		if strings.ContainsAny(class, "\r\n") {
			return fmt.Errorf("class %q: a class name cannot hold a line break", class)
		}
		label[class] = int32(i)
	}
	for i := range l.items {
		l.items[i].label = label[classes[i]]
	}
	slices.SortFunc(l.items, func(a, b item) int {
		return cmp.Or(cmp.Compare(a.label, b.label), strings.Compare(a.name, b.name))
	})
	clear(c.index)
	for i, it := range l.items {
		c.index[it.name] = i
	}
	c.images, c.dirs = nil, nil
	return nil
}

func (c *classFolders) noImages() error {
	if len(c.rejected) > 0 {
		return fmt.Errorf("no JPEG or PNG file, but %s (such as %s): convert them", plural(len(c.rejected), "other image"), c.rejected[0].File)
	}
	return fmt.Errorf("%s, but no JPEG or PNG file", plural(len(c.dirs), "folder"))
}

// commonRoot is the folder, with a slash at its end, that wraps all class folders; "" when nothing wraps them.
func commonRoot(images []imageFile) string {
	root := ""
	for {
		first, _, _ := strings.Cut(images[0].path[len(root):], "/")
		next := root + first + "/"
		for _, f := range images {
			if !strings.HasPrefix(f.path, next) || !strings.Contains(f.path[len(next):], "/") {
				return root
			}
		}
		// One class folder with folders inside it looks the same as a wrapper: the classes are the inner ones.
		root = next
	}
}

// valFolder is the folder below root that is the validation split; "" when there is no train folder beside one.
func (c *classFolders) valFolder(root string) string {
	below := map[string]bool{}
	for _, f := range c.images {
		if first, _, ok := strings.Cut(f.path[len(root):], "/"); ok {
			below[first] = true
		}
	}
	if below[trainName] {
		for _, name := range valNames {
			if below[name] {
				return name
			}
		}
	}
	return ""
}

// place finds class and split of an image by its path below the root, or says why it has none.
func place(p, val string) (class string, inVal bool, cause string) {
	if val != "" {
		first, rest, _ := strings.Cut(p, "/")
		if first != trainName && first != val {
			return "", false, "neither in " + trainName + " nor in " + val
		}
		inVal, p = first == val, rest
	}
	class, _, ok := strings.Cut(p, "/")
	if !ok {
		return "", false, "not in a class folder"
	}
	return class, inVal, ""
}

func (c *classFolders) read(e entry, r io.Reader, emit emitFunc) error {
	i, ok := c.index[e.path]
	if !ok {
		return nil
	}
	delete(c.index, e.path) // a second member of the same name was rejected by look
	if e.size > maxFileBytes {
		return emit(i, nil, fmt.Errorf("%d bytes: want at most %d MiB", e.size, maxFileBytes>>20))
	}
	var b bytes.Buffer
	b.Grow(int(e.size) + bytes.MinRead)
	if _, err := b.ReadFrom(io.LimitReader(r, maxFileBytes)); err != nil {
		if f, ok := errors.AsType[*fileError](err); ok {
			return emit(i, nil, f)
		}
		return err
	}
	return emit(i, b.Bytes(), nil)
}

func (c *classFolders) decode(data []byte) (image.Image, error) { return decodeImage(data) }
