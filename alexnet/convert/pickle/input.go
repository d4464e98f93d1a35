package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

type byteReader interface {
	io.Reader
	io.ByteReader
}

// input is what is read, with the place. An end is always an io.ErrUnexpectedEOF.
type input struct {
	r    byteReader
	at   int64 // bytes read
	base int64 // of the first one, in the file
	left int64 // bytes that are there to be read; -1: not known
}

// firstPiece is as much as is taken on a length's word alone.
const firstPiece = 64 << 10

func (in *input) byte() (byte, error) {
	if in.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	b, err := in.r.ReadByte()
	if err != nil {
		return 0, ended(err)
	}
	in.took(1)
	return b, nil
}

func (in *input) took(n int) {
	in.at += int64(n)
	if in.left > 0 {
		in.left -= int64(n)
	}
}

// bytes reads n bytes. Their memory grows with what is really there: a length is not believed.
func (in *input) bytes(n uint64) ([]byte, error) {
	if in.left >= 0 && n > uint64(in.left) {
		return nil, fmt.Errorf("a length of %d bytes, want at most the %d that are left", n, in.left)
	}
	known := in.left >= 0
	var b []byte
	for uint64(len(b)) < n {
		piece := n - uint64(len(b))
		if !known {
			piece = min(piece, max(firstPiece, uint64(len(b))))
		}
		grown := make([]byte, uint64(len(b))+piece)
		copy(grown, b)
		got, err := io.ReadFull(in.r, grown[len(b):])
		in.took(got)
		if err != nil {
			return nil, ended(err)
		}
		b = grown
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

// number reads a little endian number of so many bytes, at most 8.
func (in *input) number(bytes int) (uint64, error) {
	if in.left >= 0 && int64(bytes) > in.left {
		return 0, io.ErrUnexpectedEOF
	}
	var b [8]byte
	got, err := io.ReadFull(in.r, b[:bytes])
	in.took(got)
	if err != nil {
		return 0, ended(err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// counted reads bytes that stand behind their number.
func (in *input) counted(lengthBytes int) ([]byte, error) {
	n, err := in.number(lengthBytes)
	if err != nil {
		return nil, err
	}
	return in.bytes(n)
}

// line reads up to a newline, which it drops. 0 for limit is none but the file's end.
func (in *input) line(limit int) (string, error) {
	var b []byte
	for {
		c, err := in.byte()
		switch {
		case err != nil:
			return "", err
		case c == '\n':
			return string(b), nil
		case limit > 0 && len(b) == limit:
			return "", fmt.Errorf("a line longer than %d bytes, want at most that", limit)
		}
		b = append(b, c)
	}
}

// ended makes every end of the input the same.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// frames are the pieces into which protocol 4 divides a pickle: between whole opcodes only.
type frames struct{ end int64 }

// begin opens a frame behind byte at.
func (f *frames) begin(at int64, bytes uint64, left int64) error {
	switch {
	case f.end > at:
		return fmt.Errorf("a frame inside of another, want the next at byte %d of the pickle", f.end)
	case bytes > 1<<62 || left >= 0 && bytes > uint64(left):
		return fmt.Errorf("a frame of %d bytes, want at most the %d that are left", bytes, left)
	}
	f.end = at + int64(bytes)
	return nil
}

// check is for an opcode that has been read.
func (f *frames) check(start, end int64) error {
	if start < f.end && end > f.end {
		return fmt.Errorf("crosses the end of its frame, at byte %d of the pickle", f.end)
	}
	return nil
}
