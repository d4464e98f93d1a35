package layout

import (
	"bufio"
	"io"

	"duet/dataloader/picture"
)

// A Side is that of all images, until one is different, large or not square, or too many are unreadable.
type Side struct {
	Pixels     int  // 0: none is known
	Decided    bool // there is none
	unreadable int
	buffer     *bufio.Reader
}

const maxUnreadable = 1000 // headers: the images are damaged, and not worth a look at a million of them

// Look reads an image's header; what is unreadable is reported when it is decoded.
func (s *Side) Look(r io.Reader) {
	if s.Decided {
		return
	}
	if s.buffer == nil {
		s.buffer = bufio.NewReader(nil)
	}
	s.buffer.Reset(io.LimitReader(r, picture.MaxFileBytes))
	if w, h := picture.Size(s.buffer); w > 0 {
		s.size(w, h)
	} else {
		s.unreadable++
	}
	s.Decided = s.Decided || s.unreadable > maxUnreadable
	if s.Decided {
		s.Pixels = 0
	}
}

// size tells of an image.
func (s *Side) size(w, h int) {
	if w != h || w > MaxSide || s.Pixels != 0 && s.Pixels != w {
		s.Pixels, s.Decided = 0, true
	} else if !s.Decided {
		s.Pixels = w
	}
}
