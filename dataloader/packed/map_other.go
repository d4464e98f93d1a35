//go:build !unix

package packed

import (
	"io"
	"os"
)

// mapFile reads the file: this system has no mmap that the standard library offers.
func mapFile(f *os.File, size int64, _ bool) (data []byte, unmap func() error, err error) {
	data = make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), data); err != nil {
		return nil, nil, err
	}
	return data, func() error { return nil }, nil
}

func memory(size int64) (data []byte, free func() error, err error) {
	return make([]byte, size), func() error { return nil }, nil
}

func willNeed([]byte) {}
