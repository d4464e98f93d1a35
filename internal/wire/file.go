package wire

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// MaxFile is how many bytes a message has at most: protobuf's own limit.
const MaxFile = math.MaxInt32

// ReadFile reads a regular file of 1 to MaxFile bytes. The error names the file.
func ReadFile(path string) ([]byte, error) {
	in, size, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if size == 0 {
		return nil, fmt.Errorf("%s: an empty file", path)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(in, b); errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: the file ended while it was read", path)
	} else if err != nil {
		return nil, err
	}
	return b, nil
}

// Open opens a regular file of at most MaxFile bytes, not a pipe, which would be waited for. The error names the file.
func Open(path string) (file *os.File, size int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s: not a file but %v", path, info.Mode())
	}
	if info.Size() > MaxFile {
		return nil, 0, fmt.Errorf("%s: %d bytes, and protobuf allows %d", path, info.Size(), MaxFile)
	}
	file, err = os.Open(path)
	return file, info.Size(), err
}

// Kinds are the fields that a message may have.
type Kinds map[int][]protowire.Type

// Fit says whether the fields that begin in head, which is a message or its first bytes, all may be there, and one of
// the wanted fields is among them.
func (k Kinds) Fit(head []byte, wanted ...int) bool {
	found := false
	for len(head) > 0 {
		number, kind, n := protowire.ConsumeTag(head)
		if n < 0 {
			return found && errors.Is(protowire.ParseError(n), io.ErrUnexpectedEOF)
		}
		if !slices.Contains(k[int(number)], kind) {
			return false
		}
		found = found || slices.Contains(wanted, int(number))
		_, n, err := next(head)
		if err != nil { // cut, as far as head tells
			return found
		}
		head = head[n:]
	}
	return found
}
