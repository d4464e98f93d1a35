package prepare

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"duet/dataloader/packed"
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
	return replaceFile(p.statePath(split, n), data)
}

// kept calls visit for the states of a split's shards, in order, as far as they and their files are whole; visit says
// whether it wants more.
func (p *partial) kept(split string, visit func(*shardState) bool) {
	for n, next := 0, 0; ; n++ {
		s := p.state(split, n)
		if s == nil || s.First != next || s.Next < s.First || !visit(s) {
			return
		}
		next = s.Next
	}
}

// anyKept says whether there is a finished shard.
func (p *partial) anyKept() (any bool) {
	for _, split := range splitNames {
		p.kept(split, func(*shardState) bool { any = true; return false })
	}
	return any
}

// state reads the state of one shard; nil when it is not there, or it or a file of the shard is damaged.
func (p *partial) state(split string, n int) *shardState {
	data, err := os.ReadFile(p.statePath(split, n))
	if err != nil || len(data) < 4 {
		return nil
	}
	body := data[:len(data)-4]
	if packed.Extend(0, body) != binary.LittleEndian.Uint32(data[len(body):]) {
		return nil
	}
	s := &shardState{}
	if err := gob.NewDecoder(bytes.NewReader(body)).Decode(s); err != nil {
		return nil
	}
	for name, size := range s.Sizes {
		info, err := os.Stat(filepath.Join(p.set(), filepath.FromSlash(name)))
		if err != nil || info.Size() != size {
			return nil
		}
	}
	return s
}

// forget removes the states of shard number n and later ones. They must be gone before those shards are made again: a
// state would fit a file of the right size that is not whole.
func (p *partial) forget(split string, n int) error {
	folder := filepath.Join(p.dir, stateFolder)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	first := filepath.Base(p.statePath(split, n))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), split+"-") && e.Name() >= first {
			if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
				return err
			}
		}
	}
	return syncFolder(folder)
}
