package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// classFolders lists class folders, with or without splits above them.
func (c *catalog) classFolders() (*Listing, error) {
	if len(c.items) == 0 {
		return nil, c.noImages()
	}
	root := commonRoot(c.items)
	trainFolder, val := c.splitFolders(root)
	l := &Listing{Kind: "class folders"}
	if val != "" {
		l.Kind = "class folders in train and " + val
	}
	first, images := c.items[0].Name, len(c.items)
	train, valid := map[string]bool{}, map[string]bool{}
	numbers := map[string]int32{} // of classes, in the order in which they are met
	for i := range c.items {
		it := &c.items[i]
		class, inVal, cause := place(it.Name, root, trainFolder, val)
		if cause != "" {
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
		return nil, fmt.Errorf("%s, but none in a class folder: want CLASS/IMAGE, or train/CLASS/IMAGE and val/CLASS/IMAGE, or a .csv of "+
			"the images' labels (found %s)", plural(images, "image"), first)
	}
	c.compact()
	if err := c.emptyClass(root, trainFolder, val, train); err != nil {
		return nil, err
	}
	for _, class := range slices.Sorted(maps.Keys(valid)) {
		if !train[class] {
			return nil, fmt.Errorf("class %s is in %s%s, but not in %s%s", class, root, val, root, trainFolder)
		}
	}
	classes := slices.Sorted(maps.Keys(train))
	return l, c.setClasses(l, classes, numbers)
}

// emptyClass finds a class folder without any image.
func (c *catalog) emptyClass(root, train, val string, met map[string]bool) error {
	for _, d := range c.dirs {
		if !strings.HasPrefix(d+"/", root) || d+"/" == root {
			continue
		}
		class, inVal, cause := place(d+"/x", root, train, val)
		if cause == "" && !inVal && !met[class] {
			return fmt.Errorf("class %s has no image: %s is empty or holds no image that is read", class, d)
		}
	}
	return nil
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
	switch {
	case c.foreign > 0:
		at := slices.IndexFunc(c.rejected, func(r Rejected) bool { return isForeign(r.File) })
		return fmt.Errorf("no image that is read, but %s of other formats (such as %s): convert them", plural(c.foreign, "image"), c.rejected[at].File)
	case len(c.dirs) > 0:
		return fmt.Errorf("%s, but no JPEG or PNG file", plural(len(c.dirs), "folder"))
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

// splitFolders are the folders below root that are the training and the validation split, in small letters or not; "" when
// there are not both.
func (c *catalog) splitFolders(root string) (train, val string) {
	below := map[string]string{} // by what they mean
	for _, f := range c.items {
		rest, in := strings.CutPrefix(f.Name, root)
		first, _, deeper := strings.Cut(rest, "/")
		meaning := strings.ToLower(first)
		if meaning == "training" {
			meaning = trainName
		}
		if in && deeper && (below[meaning] == "" || first < below[meaning]) && (meaning == trainName || slices.Contains(valNames, meaning)) {
			below[meaning] = first
		}
	}
	for _, name := range valNames {
		if below[name] != "" && below[trainName] != "" {
			return below[trainName], below[name]
		}
	}
	return "", ""
}

// place finds class and split of an image by its path, or says why it has none.
func place(name, root, train, val string) (class string, inVal bool, cause string) {
	p, in := strings.CutPrefix(name, root)
	if !in {
		return "", false, "not in a class folder"
	}
	if val != "" {
		first, rest, _ := strings.Cut(p, "/")
		if first != train && first != val {
			return "", false, "neither in " + train + " nor in " + val
		}
		inVal, p = first == val, rest
		if again, below, ok := strings.Cut(p, "/"); ok && again == first && strings.Contains(below, "/") {
			p = below // train.tar with train/CLASS in it
		}
	}
	class, _, ok := strings.Cut(p, "/")
	if !ok {
		return "", false, "not in a class folder"
	}
	return class, inVal, ""
}
