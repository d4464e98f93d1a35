package source

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// classFolders lists class folders, with or without splits above them. forced: they are asked for, so that doubts whether
// the folders are classes do not count. sources is the number of folders and archives.
func (c *catalog) classFolders(forced bool, sources int) (*Listing, error) {
	if len(c.items) == 0 {
		return nil, c.noImages()
	}
	s := c.found
	if c.foundErr != nil && !forced {
		return nil, c.foundErr
	}
	if forced && !slices.ContainsFunc(c.items, func(it Item) bool { _, _, _, cause := s.place(it.Name); return cause == "" }) {
		s = &splitFolders{root: c.root}
	}
	if forced && c.alone() > 0 {
		return nil, errors.New("a table or list is given, but --format folders uses none: leave one of them out")
	}
	if sources > 1 {
		if err := s.unused(c.items); err != nil {
			return nil, err
		}
	}
	if sources > 1 && len(s.of) == 0 {
		return nil, fmt.Errorf("%d sources of class folders: want one, two that are named train and val, or one with a table of its labels "+
			"(put others into one folder)", sources)
	}
	l := &Listing{Kind: "class folders" + s.kind()}
	first, images := c.items[0].Name, len(c.items)
	train, valid := map[string]bool{}, map[string]bool{}
	numbers := map[string]int32{} // of classes, in the order in which they are met
	for i := range c.items {
		it := &c.items[i]
		class, rest, inVal, cause := s.place(it.Name)
		is, aside := s.split(it.Name)
		aside = aside || s.unusedSplit(is)
		if at := strings.LastIndexByte(rest, '/'); at >= 0 && isSide(rest[:at]) {
			cause, aside = "in a folder of masks or labels", true
		}
		switch {
		case cause != "" && aside:
			c.setAside(i, cause)
			continue
		case cause != "":
			c.drop(i, cause)
			continue
		}
		n, known := numbers[class]
		if !known {
			n = int32(len(numbers))
			numbers[class] = n
		}
		if it.Val, it.Label = inVal, n; inVal {
			valid[class] = true
		} else {
			train[class] = true
		}
	}
	if len(numbers) == 0 {
		way := ""
		if len(s.of) > 0 {
			way = fmt.Sprintf("; --format folders takes %s for classes", sample(slices.Sorted(maps.Keys(s.of))))
		}
		return nil, fmt.Errorf("%s, but none in a class folder: want CLASS/IMAGE, or train/CLASS/IMAGE and val/CLASS/IMAGE, or a .csv of "+
			"the images' labels (found %s)%s", plural(images, "image"), first, way)
	}
	if s.val == testSplit && len(train) > 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(valid)), func(class string) bool { return train[class] }) {
		for i := range c.items {
			if it := &c.items[i]; it.Label != dropped && it.Val {
				c.setAside(i, "a test image, in none of the classes' folders")
			}
		}
		clear(valid)
	}
	c.compact()
	c.emptyClasses(l, s, train)
	c.onlyInVal(l, train, valid, numbers, func(class string) string {
		return fmt.Sprintf("is in %s, but not in %s", s.names(s.val), s.names(trainSplit))
	})
	if !forced && len(train) > 0 {
		classes := slices.Sorted(maps.Keys(train))
		if err := c.doubt(classes); err != nil {
			return nil, err
		}
		doubtful := map[int32]bool{}
		for _, f := range c.doubtful(classes, s) {
			l.Faults = append(l.Faults, f)
			doubtful[numbers[f.Class]] = true
			delete(train, f.Class)
		}
		if len(doubtful) > 0 {
			c.items = slices.DeleteFunc(c.items, func(it Item) bool { return doubtful[it.Label] })
		}
	}
	if len(train) == 0 {
		return nil, fmt.Errorf("no training image: class %s", l.Faults[0].Problem)
	}
	return l, c.setClasses(l, classOrder(train), numbers)
}

// emptyClasses finds class folders without any image.
func (c *catalog) emptyClasses(l *Listing, s *splitFolders, met map[string]bool) {
	said := map[string]bool{}
	for _, d := range c.dirs {
		if !strings.HasPrefix(d+"/", s.root) || d+"/" == s.root {
			continue
		}
		class, _, inVal, cause := s.place(d + "/x")
		if cause != "" || inVal || met[class] || said[class] {
			continue
		}
		said[class] = true
		problem := fmt.Sprintf("%s has no image: %s is empty or holds no image that is read", class, d)
		if at := slices.IndexFunc(c.rejected, func(r Rejected) bool { return r.File == d }); at >= 0 {
			problem = fmt.Sprintf("%s has no image: %s: %s", class, d, c.rejected[at].Cause)
		}
		l.Faults = append(l.Faults, Fault{class, problem})
	}
}

// onlyInVal takes out the classes that have no training image.
func (c *catalog) onlyInVal(l *Listing, train, valid map[string]bool, numbers map[string]int32, problem func(class string) string) {
	out := map[int32]bool{}
	for _, class := range slices.Sorted(maps.Keys(valid)) {
		if !train[class] {
			l.Faults = append(l.Faults, Fault{class, class + " " + problem(class)})
			out[numbers[class]] = true
		}
	}
	if len(out) > 0 {
		c.items = slices.DeleteFunc(c.items, func(it Item) bool { return out[it.Label] })
	}
}

// classOrder is the order of classes, by which they get their labels: that of their values where all names are whole
// numbers, else that of their bytes.
func classOrder(classes map[string]bool) []string {
	names := slices.Sorted(maps.Keys(classes))
	value := func(name string) int {
		if n, err := strconv.Atoi(name); err == nil && strings.Trim(name, "0123456789") == "" {
			return n
		}
		return -1
	}
	if !slices.ContainsFunc(names, func(name string) bool { return value(name) < 0 }) {
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(value(a), value(b)) })
	}
	return names
}

// setClasses gives the listing its classes, in their order, and the items, whose labels are numbers of classes, theirs.
func (c *catalog) setClasses(l *Listing, classes []string, numbers map[string]int32) error {
	label := make([]int32, len(numbers)) // by number
	for i, class := range classes {
		if strings.ContainsAny(class, "\r\n") {
			return fmt.Errorf("class %q: a class name cannot hold a line break", class)
		}
		label[numbers[class]] = int32(i)
		l.Classes = append(l.Classes, Class{ID: strings.Clone(class)})
	}
	for i := range c.items {
		c.items[i].Label = label[c.items[i].Label]
	}
	l.Items = c.items
	return nil
}

func (c *catalog) noImages() error {
	first := func(of func(Rejected) bool) string { return c.rejected[slices.IndexFunc(c.rejected, of)].File }
	switch {
	case c.foreign > 0:
		return fmt.Errorf("no image that is read, but %s of other formats (such as %s): convert them to JPEG or PNG", plural(c.foreign, "image"),
			first(func(r Rejected) bool { return isForeign(r.File) }))
	case c.unnamed > 0:
		return fmt.Errorf("%s, but none named as one (such as %s): want an ending such as .jpg", plural(c.unnamed, "image"),
			first(func(r Rejected) bool { return strings.HasPrefix(r.Cause, "an image named") }))
	case len(c.shelved) > 0:
		return fmt.Errorf("no image, but %s that may hold some and are not read (such as %s): unpack the images", plural(len(c.shelved), "file"), c.shelved[0])
	case len(c.dirs) > 0:
		why := ""
		if len(c.rejected) > 0 {
			why = fmt.Sprintf(" (not read: %s: %s)", c.rejected[0].File, c.rejected[0].Cause)
		}
		return fmt.Errorf("%s, but no JPEG or PNG file%s", plural(len(c.dirs), "folder"), why)
	}
	return nil
}

// commonRoot is the folder, with a slash at its end, that wraps all class folders; "" when nothing wraps them. It is where
// the paths part into two folders or more; images beside these do not count. Where they never part, the innermost folder
// that holds all images is the one class. (A class folder with folders inside it looks the same as a wrapper: the classes
// are the inner ones.)
func commonRoot(images []Item) string {
	whole, strays := "", false // whole: the innermost folder with all images in folders below it
	for root := ""; ; {
		next := ""
		for _, f := range images {
			rest, in := strings.CutPrefix(f.Name, root)
			first, _, below := strings.Cut(rest, "/")
			switch {
			case !in || !below:
				strays = true
			case next != "" && first != next:
				return root
			default:
				next = first
			}
		}
		if !strays {
			whole = root
		}
		if next == "" {
			return whole
		}
		root += next + "/"
	}
}
