package packed_test

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/packed"
)

// Whatever is done with a set, and whether it succeeds, in the end no file of it is open or mapped.
func TestNothingStaysOpen(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which closes what nobody has any more
	for _, codec := range []string{packed.Raw, packed.JPEG} {
		dir := write(t, codec, 4*side*side*3)
		check(t, readAll(dir, packed.Train))
		check(t, packed.Verify(t.Context(), dir, nil))
		s, err := packed.Open(dir, packed.Train)
		check(t, err)
		_, err = s.VerifyShard(t.Context(), 0)
		check(t, err)
		check(t, s.Close())
		nothingOpen(t, codec+", whole", dir)
		for _, name := range []string{"train/images-00000.npy", "train/images-00002.npy", "classes.txt", "mean.npy",
			"train/labels.npy", "train/files.csv",
			"train/flags.npy", "train/offsets-00000.npy"} {
			path := filepath.Join(dir, filepath.FromSlash(name))
			whole, err := os.ReadFile(path)
			if os.IsNotExist(err) {
				continue // of the other codec
			}
			check(t, err)
			write := func(data []byte) {
				check(t, os.Remove(path)) // to write over a file takes longer
				check(t, os.WriteFile(path, data, 0o666))
			}
			damaged := slices.Clone(whole)
			damaged[len(whole)-1] ^= 0x10
			write(damaged)
			lacks(t, name, readAll(dir, packed.Train), path)
			lacks(t, name, packed.Verify(t.Context(), dir, nil), path)
			nothingOpen(t, name, dir)
			write(whole)
		}
		w, err := packed.CreateShard(dir, "begun", 0, packed.Layout{Height: 1, Width: 1, Codec: codec}, 1<<20)
		check(t, err)
		w.Abandon()
		nothingOpen(t, "an abandoned shard", dir)
	}
}

// nothingOpen reports what of a folder this process has open or mapped.
func nothingOpen(t *testing.T, after, dir string) {
	t.Helper()
	handles, err := filepath.Glob("/proc/self/fd/*")
	check(t, err)
	for _, h := range handles {
		if path, err := os.Readlink(h); err == nil && strings.HasPrefix(path, dir) {
			t.Errorf("after %s: %s is open", after, path)
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	check(t, err)
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, dir) {
			t.Errorf("after %s: mapped: %s", after, line)
		}
	}
}
