package layout

import (
	"bufio"
	"io"

	"duet/dataloader/picture"
	"duet/dataloader/tree"
)

// A side is that of all images, until one is different, large or not square, or too many are unreadable.
type side struct {
	pixels     int  // 0: none is known
	decided    bool // there is none
	unreadable int
	buffer     bufio.Reader
}

const maxUnreadable = 1000 // headers: the images are damaged, and not worth a look at a million of them

// look reads an image's header; what is unreadable is reported when it is decoded.
func (s *side) look(_ *tree.Entry, r io.Reader) error {
	s.buffer.Reset(io.LimitReader(r, picture.MaxFileBytes))
	w, h := picture.Size(&s.buffer)
	if w > 0 {
		s.size(w, h)
	} else if s.unreadable++; s.unreadable > maxUnreadable {
		s.pixels, s.decided = 0, true
	}
	return nil
}

// size tells of an image.
func (s *side) size(w, h int) {
	if s.decided || w != h || w > MaxSide || s.pixels != 0 && s.pixels != w {
		w, s.decided = 0, true
	}
	s.pixels = w
}
