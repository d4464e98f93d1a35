package source

import (
	"bufio"
	"image"
	_ "image/gif" // the formats whose headers are read
	_ "image/jpeg"
	_ "image/png"
	"io"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"
)

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
