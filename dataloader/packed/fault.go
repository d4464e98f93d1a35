package packed

import (
	"fmt"
	"runtime/debug"
	"unsafe"
)

// touch runs f, which reads the shard's images. A page that the system cannot bring is an error rather than the end of
// the process: the file was cut after it had been opened, or its disk failed. (What is missing of a file's last page
// reads as zeros; only Load and Verify notice that.)
func (h *shard) touch(f func()) (err error) {
	if !h.mapped {
		f()
		return nil
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			if begin := uintptr(unsafe.Pointer(unsafe.SliceData(h.data))); p.Addr() < begin ||
				p.Addr() >= begin+uintptr(len(h.data)) {
				panic(p) // not ours
			}
			err = fmt.Errorf("%s cannot be read any more: it was cut or overwritten after it was opened, or its disk failed; "+
				"duet data verify says what is damaged", h.path)
		default:
			panic(p)
		}
	}()
	f()
	return nil
}
