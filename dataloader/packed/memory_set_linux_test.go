package packed_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"duet/dataloader/packed"
)

// A set that is larger than the memory that is left is not loaded.
func TestLoadTooLarge(t *testing.T) {
	const size = 1 << 43 // a file with a hole
	dir := write(t, packed.JPEG, 1<<30)
	images := filepath.Join(dir, "train", "images-00000.npy")
	check(t, os.Truncate(images, 128+size))
	f, err := os.OpenFile(images, os.O_WRONLY, 0)
	check(t, err)
	header := []byte("{'descr': '|u1', 'fortran_order': False, 'shape': (8796093022208,), }")
	_, err = f.WriteAt(append(header, bytes.Repeat([]byte{' '}, 117-len(header))...), 10)
	check(t, errors.Join(err, f.Close()))
	const offsets = "train/offsets-00000.npy"
	edit(offsets, func(d []byte) []byte {
		binary.LittleEndian.PutUint64(d[len(d)-8:], size)
		return d
	})(t, dir)
	resum(t, dir, offsets)
	s := open(t, dir, packed.Train)
	lacks(t, "8 TiB", s.Load(context.Background(), nil), dir, "split train: 8388608 MiB of images do not fit in the",
		`cache = "mmap"`)
	if s.Bytes() != size {
		t.Errorf("%d bytes", s.Bytes())
	}
}
