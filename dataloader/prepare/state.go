package prepare

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"duet/dataloader/packed"
	"duet/internal/disk"
)

// A shardState is what is known of a shard that is whole and on disk. Positions count the images of its split that were
// chosen, rejected ones included.
type shardState struct {
	First, Next int // the positions that it covers: from First up to, not including, Next
	Images      int // of which so many are in the shard; with none there is no file
	Rejected    []rejectedAt
	Flags       []uint8           // of the images
	Checksums   map[string]uint32 // of the shard's files
	Sizes       map[string]int64
	Content     uint32   // CRC32C of all images of the split up to this shard's end
	Sum         []uint32 // [H*W*3], over the shard's images
	Products    products
}

// A rejectedAt is an image that is not in the set.
type rejectedAt struct {
	Position int
	Cause    string
}

func (p *partial) statePath(split string, n int) string {
	return filepath.Join(p.dir, stateFolder, fmt.Sprintf("%s-%05d", split, n))
}

// keep writes the state of a shard whose files are on disk. Afterwards the shard is never made again.
func (p *partial) keep(split string, n int, s *shardState) error {
	s.Sizes = map[string]int64{}
	for name := range s.Checksums {
		info, err := os.Stat(filepath.Join(p.set(), filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		s.Sizes[name] = info.Size()
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		return err
	}
	data := binary.LittleEndian.AppendUint32(b.Bytes(), packed.Extend(0, b.Bytes()))
	return disk.Replace(p.statePath(split, n), data)
}

// kept calls visit for the states of a split's shards, in order, as far as they and their files are whole; visit says
// whether it wants more. An error is of the system: there may be more that it could not read.
func (p *partial) kept(split string, visit func(*shardState) bool) error {
	for n, next := 0, 0; ; n++ {
		s, err := p.state(split, n)
		if err != nil || s == nil || s.First != next || s.Next < s.First || !visit(s) {
			return err
		}
		next = s.Next
	}
}

// anyKept says whether there is a finished shard.
func (p *partial) anyKept() (any bool, err error) {
	for _, split := range splitNames {
		if err := p.kept(split, func(*shardState) bool { any = true; return false }); err != nil {
			return any, err
		}
	}
	return any, nil
}

// state reads the state of one shard; nil when it is not there, or it or a file of the shard is damaged.
func (p *partial) state(split string, n int) (*shardState, error) {
	data, err := os.ReadFile(p.statePath(split, n))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) < 4 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	body := data[:len(data)-4]
	s := &shardState{}
	if packed.Extend(0, body) != binary.LittleEndian.Uint32(data[len(body):]) ||
		gob.NewDecoder(bytes.NewReader(body)).Decode(s) != nil {
		return nil, nil
	}
	for name, size := range s.Sizes {
		info, err := os.Stat(filepath.Join(p.set(), filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() != size {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// forget removes the states and the files of shard number n and later ones. The states must be gone before those
// shards are made again: a state would fit a file of the right size that is not whole.
func (p *partial) forget(split string, n int) error {
	if err := removeFrom(filepath.Join(p.dir, stateFolder), n, split); err != nil {
		return err
	}
	return removeFrom(filepath.Join(p.set(), split), n, "images", "offsets")
}

// removeFrom removes the files PREFIX-NUMBER of a folder, whatever their ending, with a number of n or more. A folder
// that is not there has none.
func removeFrom(folder string, n int, prefixes ...string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		prefix, rest, _ := strings.Cut(e.Name(), "-")
		digits, _, _ := strings.Cut(rest, ".")
		if number, err := strconv.Atoi(digits); err != nil || number < n || !slices.Contains(prefixes, prefix) {
			continue
		}
		if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
			return err
		}
	}
	return disk.SyncFolder(folder)
}
