package packed

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Extend is the CRC32C of what had the CRC32C crc, followed by data.
func Extend(crc uint32, data []byte) uint32 { return crc32.Update(crc, castagnoli, data) }

// checksum is the CRC32C of a file; read, if any, is told of the bytes on the way and may end it with an error.
func checksum(path string, read func(bytes int64) error) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	buffer, crc := make([]byte, 1<<20), uint32(0)
	for {
		n, err := f.Read(buffer)
		crc = Extend(crc, buffer[:n])
		if err == io.EOF {
			return crc, nil
		}
		if err == nil && read != nil {
			err = read(int64(n))
		}
		if err != nil {
			return 0, err
		}
	}
}

// VerifyShard reads the files of the shard that holds image i and compares their checksums. The next shard begins at
// image next. The error names the file that differs; it is that of ctx when ctx ends.
func (s *Set) VerifyShard(ctx context.Context, i int) (next int, err error) {
	at, _ := slices.BinarySearch(s.starts, i+1)
	for _, name := range s.Index.ShardFiles(s.split, at-1) {
		r := s.Index.recorded(s.dir, name)
		crc, err := checksum(r.path, func(int64) error { return ctx.Err() })
		if err == nil {
			err = r.same(crc)
		}
		if err != nil {
			return 0, err
		}
	}
	return s.starts[at-1] + s.shards[at-1].images, nil
}

// Damaged says what is wrong with the files of a set.
type Damaged []string

func (d Damaged) Error() string {
	return fmt.Sprintf("the set is damaged:\n%s", strings.Join(d, "\n"))
}

// Verify reads every file of the set in dir, on all cores, and compares its checksum, and then opens the splits. What
// is wrong is a Damaged, one line a file. progress, if any, is told how many bytes of how many are read.
func Verify(ctx context.Context, dir string, progress func(done, total int64)) error {
	x, err := ReadIndex(dir)
	if err != nil {
		return err
	}
	v := &verification{Index: x, dir: dir, progress: progress}
	for _, name := range x.files() {
		if info, err := os.Stat(v.path(name)); err == nil {
			v.total += info.Size()
		}
	}
	work := make(chan string)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for name := range work {
				v.file(ctx, name)
			}
		})
	}
	for _, name := range x.files() {
		work <- name
	}
	close(work)
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(v.damaged) == 0 { // the checksums say that the files are what was written; this, that they fit together
		for name := range x.Splits {
			s, err := Open(dir, name)
			if err != nil {
				v.damaged = append(v.damaged, err.Error())
				continue
			}
			s.Close()
		}
	}
	if len(v.damaged) > 0 {
		slices.Sort(v.damaged)
		return v.damaged
	}
	return nil
}

type verification struct {
	Index
	dir      string
	progress func(done, total int64)

	mutex       sync.Mutex
	done, total int64
	damaged     Damaged
}

func (v *verification) path(name string) string {
	return filepath.Join(v.dir, filepath.FromSlash(name))
}

func (v *verification) file(ctx context.Context, name string) {
	got, err := checksum(v.path(name), func(bytes int64) error {
		v.mutex.Lock()
		defer v.mutex.Unlock()
		if v.done += bytes; v.progress != nil {
			v.progress(v.done, v.total)
		}
		return ctx.Err()
	})
	want := v.Checksums[name]
	if err == nil && got != want {
		err = fmt.Errorf("%s: CRC32C %08x: want %08x as in %s", v.path(name), got, want, IndexFile)
	}
	if err != nil {
		v.mutex.Lock()
		v.damaged = append(v.damaged, err.Error())
		v.mutex.Unlock()
	}
}
