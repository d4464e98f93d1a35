package packed

import (
	"fmt"

	"duet/dataloader/picture"
)

// A Reader decodes the images of a set. It is for one goroutine; a set may have many.
type Reader struct {
	set     *Set
	decoder *picture.Decoder // nil for pixels
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

// Read writes image i to dst [H,W,3]. Only an image that is stored as JPEG can fail, when it is damaged.
func (r *Reader) Read(i int, dst []byte) error {
	stored := r.set.Stored(i)
	if r.decoder == nil {
		if h := r.set.shard(i); h.mapped && h.jumps {
			populate(stored)
		}
		copy(dst, stored)
		return nil
	}
	if _, err := r.decoder.Decode(dst, stored); err != nil {
		return fmt.Errorf("image %d of split %s of %s: %w: duet data verify says what is damaged", i, r.set.split, r.set.dir, err)
	}
	return nil
}

// Close frees what the reader holds.
func (r *Reader) Close() {
	if r.decoder != nil {
		r.decoder.Close()
	}
}
