package packed

import (
	"fmt"

	"duet/dataloader/picture"
)

// A Reader decodes the images of a set. It is for one goroutine; a set may have many.
type Reader struct {
	set     *Set
	decoder *picture.Decoder // nil for pixels
	encoded []byte           // scratch: a decoder in C must not meet a page that cannot be brought
}

// NewReader makes a reader of the set's images.
func (s *Set) NewReader() (*Reader, error) {
	r := &Reader{set: s}
	if s.Index.Codec == JPEG {
		var err error
		if r.decoder, err = picture.New(picture.Options{Size: s.Height()}); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Read writes image i to dst [H,W,3]. It fails when the image's file can no longer be read, or is a damaged JPEG.
func (r *Reader) Read(i int, dst []byte) (err error) {
	if r.decoder == nil {
		h, stored := r.set.shard(i), r.set.Stored(i)
		if h.mapped && h.jumps {
			populate(stored)
		}
		return h.touch(func() { copy(dst, stored) })
	}
	if r.encoded, err = r.set.AppendStored(r.encoded[:0], i); err != nil {
		return err
	}
	if _, err := r.decoder.Decode(dst, r.encoded); err != nil {
		return fmt.Errorf("image %d of split %s of %s: %w: duet data verify says what is damaged", i, r.set.split, r.set.dir,
			err)
	}
	return nil
}

// Close frees what the reader holds.
func (r *Reader) Close() {
	if r.decoder != nil {
		r.decoder.Close()
	}
}
