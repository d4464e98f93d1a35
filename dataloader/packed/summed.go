package packed

import (
	"fmt"
	"os"
	"path/filepath"
)

// A recorded is a file of a set and the CRC32C that the index has of it.
type recorded struct {
	path string
	crc  uint32
}

// recorded is the file of that path, with slashes, in the set in dir.
func (x Index) recorded(dir, name string) recorded {
	return recorded{filepath.Join(dir, filepath.FromSlash(name)), x.Checksums[name]}
}

// A summedFile sums up what is read of a file from its beginning.
type summedFile struct {
	*os.File
	crc uint32
}

func openSummed(path string) (*summedFile, error) {
	f, err := os.Open(path)
	return &summedFile{File: f}, err
}

func (f *summedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.crc = Extend(f.crc, p[:n])
	return n, err
}

// same is an error when crc, of all that was read of the file, is not of what was written.
func (r recorded) same(crc uint32) error {
	if crc == r.crc {
		return nil
	}
	return fmt.Errorf("%s was altered or damaged: its CRC32C is not the one in %s; duet data verify says what else is: "+
		"prepare the set again",
		r.path, IndexFile)
}
