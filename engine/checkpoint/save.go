package checkpoint

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"unicode/utf8"

	"duet/internal/disk"
)

// chunkBytes is the piece in which data is converted, summed and moved: the memory that saving and loading need besides
// the tensors.
const chunkBytes = 1 << 20

// Save writes a checkpoint: to a temporary file in the same folder, which is synced and then renamed to path. After an
// error of any kind the temporary file is gone and a former file at path is as it was; only if syncing the folder
// itself fails is the new file, complete, at path. The bytes depend on the content of f alone, not on the order of its
// tensors.
func Save(path string, f *File) error {
	header, tensors, err := prepare(f)
	if err != nil {
		return fmt.Errorf("save %s: %w", path, err)
	}
	temp := tempName(path)
	if err := write(temp, header, tensors); err != nil {
		os.Remove(temp)
		return fmt.Errorf("save %s: %w", path, err)
	}
	if err := disk.Rename(temp, path); err != nil {
		os.Remove(temp)
		return fmt.Errorf("save %s: %w", path, err)
	}
	if err := disk.SyncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("save %s: %w", path, err)
	}
	return nil
}

// prepare checks what is to be saved, sorts the tensors by name and makes the header.
func prepare(f *File) ([]byte, []Tensor, error) {
	tensors := slices.Clone(f.Tensors)
	slices.SortFunc(tensors, func(a, b Tensor) int { return cmp.Compare(a.Name, b.Name) })
	for i, t := range tensors {
		count := 1
		for _, d := range t.Shape {
			if d < 0 || d > math.MaxInt/8 || count > math.MaxInt/8/max(d, 1) {
				return nil, nil, fmt.Errorf("tensor %s: shape %v has a negative size or too many elements", printable(t.Name),
					t.Shape)
			}
			count *= d
		}
		switch {
		case t.Name == "" || t.Name == metadataKey || !utf8.ValidString(t.Name):
			return nil, nil, fmt.Errorf("tensor name %q: need UTF-8, not empty, not %s", t.Name, metadataKey)
		case i > 0 && t.Name == tensors[i-1].Name:
			return nil, nil, fmt.Errorf("two tensors are called %s", printable(t.Name))
		case count != len(t.Data):
			return nil, nil, fmt.Errorf("tensor %s: shape %v needs %d numbers, there are %d",
				printable(t.Name), t.Shape, count, len(t.Data))
		}
	}
	meta, err := f.Meta.encode()
	if err != nil {
		return nil, nil, err
	}
	header, err := encodeHeader(meta, tensors)
	return header, tensors, err
}

// write makes the file at path, complete and synced. The header goes first to take its place, and again at the end,
// when the checksum of the data is known.
func write(path string, header []byte, tensors []Tensor) (err error) {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := out.Close(); err == nil {
			err = cerr
		}
	}()
	if _, err := out.Write(header); err != nil {
		return err
	}
	var sum uint32
	buf := make([]byte, chunkBytes)
	for _, t := range tensors {
		for data := t.Data; len(data) > 0; {
			n := min(len(data), chunkBytes/4)
			piece := buf[:4*n]
			for i, x := range data[:n] {
				binary.LittleEndian.PutUint32(piece[4*i:], math.Float32bits(x))
			}
			sum = crc32.Update(sum, castagnoli, piece)
			if _, err := out.Write(piece); err != nil {
				return err
			}
			data = data[n:]
		}
	}
	seal(header, sum)
	if _, err := out.WriteAt(header, 0); err != nil {
		return err
	}
	return disk.Sync(out)
}

// tempSuffix marks the files of a save that is under way, or was when the process was killed.
const tempSuffix = ".tmp"

var tempCount atomic.Uint64

// tempName gives a hidden name in the same folder that no other save uses.
func tempName(path string) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, fmt.Sprintf(".%s.%d-%d%s", base, os.Getpid(), tempCount.Add(1), tempSuffix))
}
