package source

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // the formats whose headers are read
	_ "image/jpeg"
	_ "image/png"
	"io"
	"path"
	"slices"
	"strings"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"
)

// A catalog is everything that was seen in a source.
type catalog struct {
	items    []Item // images, without label
	dirs     []string
	texts    []text
	raws     []raw
	rejected []Rejected
	foreign  int // images of formats that are not read
	streamed func(in uint16) bool
	side     sideOf // of the images in streams
	names    arena
	bytes    int // of texts
	progress func(found int)
}

// A text is a small file that may say what the images are: a table, a list, the devkit's meta.mat.
type text struct {
	path string
	data []byte
}

// look is the visitFunc that fills the catalog.
func (c *catalog) look(e entry, r io.Reader) error {
	if e.refused != "" {
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
	case !slices.Contains(otherEndings, ending(e.path)):
		c.other(e, r)
	}
	return nil
}

// imageHeads are the first bytes of files that are images by their content.
var imageHeads = []string{"\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "GIF87a", "GIF89a"}

// other rejects an image that is not named as one, so that it is missed; anything else is nobody's concern.
func (c *catalog) other(e entry, r io.Reader) {
	head := make([]byte, 8)
	n, _ := io.ReadFull(r, head) // what cannot be read, or is shorter, is no image
	for _, want := range imageHeads {
		if strings.HasPrefix(string(head[:n]), want) {
			c.reject(e.path, fmt.Sprintf("an image named %q: want an ending such as .jpg", path.Base(e.path)))
			return
		}
	}
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

// text keeps a text. Beyond the bounds texts are none of the few that matter: a caption beside every image.
func (c *catalog) text(e entry, r io.Reader) error {
	limit := maxTextBytes - c.bytes
	if isMeta(e.path) {
		limit = maxMATBytes
	}
	if len(c.texts) >= maxTexts || e.size > int64(limit) || wnidFolder(e.path) != "" {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)))
	if err != nil {
		return err
	}
	c.bytes += len(data)
	c.texts = append(c.texts, text{strings.Clone(e.path), data})
	return nil
}

func (c *catalog) reject(file, cause string) {
	c.rejected = append(c.rejected, Rejected{strings.Clone(file), cause})
}

// under puts a file's name before an error.
func under(file string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", file, err)
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

// sortItems brings items into the order in which Read gives them.
func sortItems(items []Item, streamed func(uint16) bool) {
	slices.SortFunc(items, func(a, b Item) int {
		sa, sb := streamed(a.in), streamed(b.in)
		switch {
		case sa && sb:
			return cmp.Or(cmp.Compare(a.in, b.in), cmp.Compare(a.at, b.at))
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

// sideOf finds the side that all images have, until one is different, large or not square, or too many are unreadable.
type sideOf struct {
	side       int
	decided    bool // there is none
	unreadable int
	buffer     *bufio.Reader
}

const maxUnreadable = 1000 // headers: the images are damaged, and not worth a look at a million of them

// look reads an image's header; what is unreadable is reported when it is decoded.
func (s *sideOf) look(r io.Reader) {
	if s.decided {
		return
	}
	if s.buffer == nil {
		s.buffer = bufio.NewReader(nil)
	}
	s.buffer.Reset(io.LimitReader(r, maxFileBytes))
	switch w, h := headerSize(s.buffer); {
	case w == 0:
		s.unreadable++
		s.decided = s.unreadable > maxUnreadable
	case w != h || w > MaxSide || s.side != 0 && s.side != w:
		s.decided = true
	default:
		s.side = w
	}
	if s.decided {
		s.side = 0
	}
}

// headerSize is the size in pixels that a file's header gives; 0 when it gives none.
func headerSize(r *bufio.Reader) (w, h int) {
	defer func() {
		if recover() != nil {
			w, h = 0, 0
		}
	}()
	config, _, err := image.DecodeConfig(r)
	if err != nil {
		return 0, 0
	}
	return config.Width, config.Height
}

// lines are the lines of a text, without ends of line and a byte order mark. Its error says what exceeds the bounds.
func (t text) lines() ([]string, error) {
	if bytes.IndexByte(t.data, 0) >= 0 {
		return nil, fmt.Errorf("%s: a NUL byte: not a text", t.path)
	}
	all := strings.Split(strings.TrimPrefix(string(t.data), "\ufeff"), "\n")
	if len(all) > maxLines {
		return nil, fmt.Errorf("%s: more than %d lines", t.path, maxLines)
	}
	for i, line := range all {
		if len(line) > maxLineBytes {
			return nil, fmt.Errorf("%s:%d: a line of %d bytes: want at most %d", t.path, i+1, len(line), maxLineBytes)
		}
		all[i] = strings.TrimSpace(line)
	}
	for len(all) > 0 && all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all, nil
}

func isMeta(p string) bool { return strings.EqualFold(path.Base(p), "meta.mat") }
