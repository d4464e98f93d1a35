package prepare

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"os"
	"path/filepath"

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

// kept are the states of a split's shards, in order, as far as they and their files are whole.
func (p *partial) kept(split string) []*shardState {
	var states []*shardState
	for next := 0; ; {
		data, err := os.ReadFile(p.statePath(split, len(states)))
		if err != nil || len(data) < 4 {
			return states
		}
		body := data[:len(data)-4]
		if packed.Extend(0, body) != binary.LittleEndian.Uint32(data[len(body):]) {
			return states
		}
		s := &shardState{}
		if err := gob.NewDecoder(bytes.NewReader(body)).Decode(s); err != nil || s.First != next || s.Next < s.First {
			return states
		}
		for name, size := range s.Sizes {
			info, err := os.Stat(filepath.Join(p.set(), filepath.FromSlash(name)))
			if err != nil || info.Size() != size {
				return states
			}
		}
		states, next = append(states, s), s.Next
	}
}
