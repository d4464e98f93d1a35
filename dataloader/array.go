package dataloader

import "os"

// An imageArray is an images.npy in the making: rows of [side,side,3] bytes, written in any order.
type imageArray struct {
	file *os.File
	side int
	row  []byte // scratch of move
}

func (a *imageArray) offset(row int) int64 {
	return npyHeaderBytes + int64(row)*int64(a.side)*int64(a.side)*3
}

func (a *imageArray) write(row int, pixels []byte) error {
	_, err := a.file.WriteAt(pixels, a.offset(row))
	return err
}

// move copies a row to an earlier place.
func (a *imageArray) move(from, to int) error {
	if from == to {
		return nil
	}
	if a.row == nil {
		a.row = make([]byte, a.side*a.side*3)
	}
	if _, err := a.file.ReadAt(a.row, a.offset(from)); err != nil {
		return err
	}
	return a.write(to, a.row)
}

// finish cuts the array to n rows, writes its header and waits until it is on disk.
func (a *imageArray) finish(n int) error {
	if err := a.file.Truncate(a.offset(n)); err != nil {
		return err
	}
	h := npyHeader{dtype: npyUint8, shape: []int{n, a.side, a.side, 3}}
	if _, err := a.file.WriteAt(h.encode(), 0); err != nil {
		return err
	}
	return a.file.Sync()
}
