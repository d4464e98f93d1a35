package packed

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"duet/internal/disk"
)

// A ShardWriter writes one shard, image after image.
type ShardWriter struct {
	dir     string
	files   []string // paths in the set
	layout  Layout
	limit   int64
	file    *os.File
	buffer  *bufio.Writer
	offsets []int64 // where each image begins, and where the next one will
}

// CreateShard begins shard number n of a split of the set in dir. limit is its size in bytes; one image always fits.
func CreateShard(dir, split string, n int, l Layout, limit int64) (*ShardWriter, error) {
	w := &ShardWriter{dir: dir, files: l.ShardFiles(split, n), layout: l, limit: limit, offsets: []int64{0}}
	if err := os.MkdirAll(filepath.Join(dir, split), 0o777); err != nil {
		return nil, err
	}
	var err error
	if w.file, err = os.Create(w.path(0)); err != nil {
		return nil, err
	}
	w.buffer = bufio.NewWriterSize(w.file, 1<<20)
	w.buffer.Write(make([]byte, npyHeaderBytes)) // it has room: Finish puts the header here
	return w, nil
}

func (w *ShardWriter) path(n int) string {
	return filepath.Join(w.dir, filepath.FromSlash(w.files[n]))
}

// Len is the number of images so far.
func (w *ShardWriter) Len() int { return len(w.offsets) - 1 }

// Takes says whether another image, stored in so many bytes, belongs in this shard.
func (w *ShardWriter) Takes(bytes int) bool {
	return w.Len() == 0 || w.offsets[w.Len()]+int64(bytes) <= w.limit
}

// Append adds an image: its pixels [H,W,3], or its JPEG file.
func (w *ShardWriter) Append(stored []byte) error {
	if w.layout.Codec == Raw && len(stored) != w.layout.Pixels() {
		return fmt.Errorf("%s: image of %d bytes, want %d", w.path(0), len(stored), w.layout.Pixels())
	}
	if _, err := w.buffer.Write(stored); err != nil {
		return err
	}
	w.offsets = append(w.offsets, w.offsets[w.Len()]+int64(len(stored)))
	return nil
}

// Finish completes the shard, waits until it is on disk, and gives the checksums of its files by their path in the set.
func (w *ShardWriter) Finish() (map[string]uint32, error) {
	defer w.Abandon()
	header := npyHeader{dtype: npyUint8, shape: []int{w.Len(), w.layout.Height, w.layout.Width, 3}}
	if w.layout.Codec == JPEG {
		header.shape = []int{int(w.offsets[w.Len()])}
		if _, err := writeFile(w.path(1), array(npyInt64, []int{len(w.offsets)}, w.offsets)); err != nil {
			return nil, err
		}
	}
	failed := w.buffer.Flush()
	_, err := w.file.WriteAt(header.encode(), 0)
	if err := errors.Join(failed, err, disk.Sync(w.file)); err != nil {
		return nil, err
	}
	sums := map[string]uint32{}
	for n, name := range w.files {
		sum, err := checksum(w.path(n), nil)
		if err != nil {
			return nil, err
		}
		sums[name] = sum
	}
	return sums, nil
}

// Abandon closes the file of a shard that will not be finished; where that is closed it does nothing.
func (w *ShardWriter) Abandon() { w.file.Close() }
