package tensorboard

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"os"
)

// A file of events is a TFRecord file: for each event
//
//	8 bytes     n, little endian
//	4 bytes     masked checksum of these 8
//	n bytes     the event, a protobuf message
//	4 bytes     masked checksum of the event
//
// Source: tensorflow/core/lib/io/record_writer.h.
const (
	frontBytes = 12
	mostBytes  = 1 << 30 // of an event that is read back
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is CRC-32C, turned and shifted so that a checksum of bytes with checksums in them is no special case.
func masked(b []byte) uint32 {
	return bits.RotateLeft32(crc32.Checksum(b, castagnoli), 17) + 0xa282ead8
}

// appendRecord appends the record of an event.
func appendRecord(b, event []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(event)))
	b = binary.LittleEndian.AppendUint32(b, masked(b[start:]))
	b = append(b, event...)
	return binary.LittleEndian.AppendUint32(b, masked(event))
}

// eachRecord gives the events in a file up to the first one that is not whole, where a killed process stopped.
func eachRecord(path string, visit func(event []byte) error) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	r := bufio.NewReader(in)
	var front [frontBytes]byte
	for {
		if _, err := io.ReadFull(r, front[:]); err != nil {
			return unlessEnd(err)
		}
		n := binary.LittleEndian.Uint64(front[:])
		if binary.LittleEndian.Uint32(front[8:]) != masked(front[:8]) {
			return nil
		}
		if n > mostBytes {
			return fmt.Errorf("%s: an event of %d bytes, want at most %d", path, n, mostBytes)
		}
		event := make([]byte, n+4)
		if _, err := io.ReadFull(r, event); err != nil {
			return unlessEnd(err)
		}
		if event = event[:n]; binary.LittleEndian.Uint32(event[n:n+4]) != masked(event) {
			return nil
		}
		if err := visit(event); err != nil {
			return err
		}
	}
}

// unlessEnd is an error of reading other than that the file has ended.
func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
