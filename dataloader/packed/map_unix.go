//go:build unix

package packed

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapFile maps size bytes of f read-only into memory. jumps says that it will be read here and there, in large pieces
// that willNeed announces: then the system reads nothing ahead by itself. A file that shrinks while it is mapped faults
// when it is read: see touch.
func mapFile(f *os.File, size int64, jumps bool) (data []byte, unmap func() error, err error) {
	if int64(int(size)) != size {
		return nil, nil, fmt.Errorf("%s: %d bytes do not fit in this machine's address space", f.Name(), size)
	}
	data, err = unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: map %d bytes: %w", f.Name(), size, err)
	}
	if jumps { // advice: what the system does without it is slower, not wrong
		_ = unix.Madvise(data, unix.MADV_RANDOM)
	}
	return data, func() error { return unix.Munmap(data) }, nil
}

// memory reserves size bytes outside of Go's heap, in large pages where the system has them.
func memory(size int64) (data []byte, free func() error, err error) {
	if int64(int(size)) != size {
		return nil, nil, fmt.Errorf("%d bytes do not fit in this machine's address space", size)
	}
	data, err = unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, nil, fmt.Errorf("reserve %d bytes: %w", size, err)
	}
	largePages(data)
	return data, func() error { return unix.Munmap(data) }, nil
}

var pageSize = uintptr(os.Getpagesize())

// willNeed asks the system to read a part of a mapped file in the background.
func willNeed(part []byte) { _ = unix.Madvise(pages(part), unix.MADV_WILLNEED) }

// pages are the whole pages that a part of a mapping touches: advice is for pages.
func pages(part []byte) []byte {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	before := at & (pageSize - 1)
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(part)), -int(before))), len(part)+int(before))
}
