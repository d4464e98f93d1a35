package source

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"duet/dataloader/picture"
)

// A catalog is everything that was seen in a source.
type catalog struct {
	items    []Item // images, without label
	links    []link // in archives, named as images
	dirs     []string
	texts    []text
	raws     []raw
	rejected []Rejected
	foreign  int      // images of formats that are not read
	unnamed  int      // images that are not named as such
	shelved  []string // files that may hold images in some other way
	notes    []string // of what was not used, for errors
	streamed func(in uint16) bool
	side     sideOf // of the images in streams
	names    arena
	bytes    int // of texts
	csvs     int // of the texts that may be tables
	progress func(found int)

	// What arrange finds.
	root     string // of all images
	found    *splitFolders
	foundErr error
}

// arrange looks at the folders of the images once they are all known.
func (c *catalog) arrange() {
	c.root = commonRoot(c.items)
	c.found, c.foundErr = findSplits(c.items, c.root)
}

// note keeps what there is to say of what was not used.
func (c *catalog) note(what string) { c.notes = append(c.notes, what) }

// noted is an error with the notes.
func (c *catalog) noted(err error) error {
	if err == nil || len(c.notes) == 0 {
		return err
	}
	some := strings.Join(c.notes[:min(len(c.notes), 3)], "; ")
	if more := len(c.notes) - 3; more > 0 {
		some += fmt.Sprintf("; and %d more", more)
	}
	return fmt.Errorf("%w (not used: %s)", err, some)
}

// look is the visitFunc that fills the catalog.
func (c *catalog) look(e entry, r io.Reader) error {
	switch {
	case e.refused != "" && e.aside:
		c.leave(e.path, e.refused)
		return nil
	case e.link != "" && isImage(e.path):
		c.links = append(c.links, link{strings.Clone(e.path), e.link, e.refused})
		return nil
	case e.refused != "":
		c.reject(e.path, e.refused)
		return nil
	}
	if e.dir {
		c.dirs = append(c.dirs, c.names.keep(e.path))
		return nil
	}
	for _, raw := range c.raws {
		if mine, err := raw.look(e, r); mine || err != nil {
			return under(e.path, err)
		}
	}
	switch {
	case isForeign(e.path):
		c.foreign++
		c.reject(e.path, ending(e.path)+" is not read: convert it to JPEG or PNG")
	case isImage(e.path):
		return c.image(e, r)
	case slices.Contains(textEndings, ending(e.path)) || isMeta(e.path):
		err := c.text(e, r)
		if _, one := errors.AsType[*fileError](err); one {
			c.reject(e.path, err.Error())
			return nil
		}
		return under(e.path, err)
	case slices.Contains(shelvedEndings, ending(e.path)):
		c.shelved = append(c.shelved, strings.Clone(e.path))
	case !slices.Contains(otherEndings, ending(e.path)):
		c.other(e, r)
	}
	return nil
}

// headBytes are looked at of a file to tell whether it is an image.
const headBytes = 18

// imageHead reports whether a file is an image that is read by its first bytes.
func imageHead(head []byte) bool {
	switch picture.Format(head) {
	case "JPEG", "PNG", "GIF", "WebP":
		return true
	case "BMP": // two letters are not enough: reserved zeros and the size of the next header follow
		return len(head) >= headBytes && string(head[6:10]) == "\x00\x00\x00\x00" && string(head[15:headBytes]) == "\x00\x00\x00"
	}
	return false
}

// other rejects an image that is not named as one, so that it is missed; anything else is nobody's concern.
func (c *catalog) other(e entry, r io.Reader) {
	head := make([]byte, headBytes)
	n, _ := io.ReadFull(r, head) // what cannot be read, or is shorter, is no image
	c.otherImage(e.path, head[:n])
}

func (c *catalog) otherImage(file string, head []byte) (is bool) {
	if is = imageHead(head); is {
		c.unnamed++
		c.reject(file, fmt.Sprintf("an image named %q: want an ending such as .jpg", path.Base(file)))
	}
	return is
}

func (c *catalog) image(e entry, r io.Reader) error {
	if cause := tooLarge(e.size); cause != "" {
		c.reject(e.path, cause)
		return nil
	}
	c.items = append(c.items, Item{Name: c.names.keep(e.path), in: e.in, at: e.at, size: e.size})
	if c.streamed(e.in) {
		c.side.look(r)
	}
	if c.progress != nil && len(c.items)%4096 == 0 {
		c.progress(len(c.items))
	}
	return nil
}

func (c *catalog) reject(file, cause string) {
	c.rejected = append(c.rejected, Rejected{File: strings.Clone(file), Cause: cause})
}

// leave rejects what is none of the images that are asked for.
func (c *catalog) leave(file, cause string) {
	c.reject(file, cause)
	c.rejected[len(c.rejected)-1].Aside = true
}

// under puts a file's name before an error.
func under(file string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", file, err)
}

// A link is a name in an archive for an image that has another there.
type link struct{ name, target, cause string }

// maxLinks are followed one after another, as many as Linux follows.
const maxLinks = 40

// follow makes images of the links to images, as the unpacked archive has them, and rejects the others. It says which name
// each of the former stands for.
func (c *catalog) follow() (targets map[string]string) {
	images, leads := map[string]Item{}, map[string]string{} // by name
	for _, l := range c.links {
		images[l.target] = Item{}
		leads[l.name] = l.target
	}
	for _, it := range c.items {
		if _, wanted := images[it.Name]; wanted && images[it.Name].Name == "" {
			images[it.Name] = it
		}
	}
	targets = map[string]string{}
	for _, l := range c.links {
		at := l.target
		for n := 1; n < maxLinks && images[at].Name == "" && leads[at] != ""; n++ {
			at = leads[at]
		}
		it := images[at]
		if it.Name == "" {
			c.reject(l.name, l.cause)
			continue
		}
		targets[l.name], it.Name = at, l.name
		c.items = append(c.items, it)
	}
	return targets
}

// dropTwice rejects every image but the first of a name.
func (c *catalog) dropTwice() {
	order := make([]int32, len(c.items))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(strings.Compare(c.items[a].Name, c.items[b].Name), cmp.Compare(a, b))
	})
	for k := 1; k < len(order); k++ {
		if c.items[order[k]].Name == c.items[order[k-1]].Name {
			c.items[order[k]].Label = dropped
			c.reject(c.items[order[k]].Name, "the same name twice")
		}
	}
	c.compact()
}

// dropped is the label of an item that compact removes.
const dropped = -1

func (c *catalog) compact() {
	c.items = slices.DeleteFunc(c.items, func(it Item) bool { return it.Label == dropped })
}

// drop rejects an item until compact removes it.
func (c *catalog) drop(i int, cause string) {
	c.items[i].Label = dropped
	c.reject(c.items[i].Name, cause)
}

// setAside drops an item that is none of the images that are asked for.
func (c *catalog) setAside(i int, cause string) {
	c.items[i].Label = dropped
	c.leave(c.items[i].Name, cause)
}

// sortItems brings items into the order in which Read gives them.
func sortItems(items []Item, streamed func(uint16) bool) {
	slices.SortFunc(items, func(a, b Item) int {
		sa, sb := streamed(a.in), streamed(b.in)
		switch {
		case sa && sb:
			return cmp.Or(cmp.Compare(a.in, b.in), cmp.Compare(a.at, b.at), strings.Compare(a.Name, b.Name))
		case sa != sb:
			return order(sa, sb)
		}
		return cmp.Or(order(a.Val, b.Val), cmp.Compare(a.Label, b.Label), strings.Compare(a.Name, b.Name))
	})
}

// order puts false before true.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
