//go:build turbo && cgo

package dataloader_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"testing"

	"duet/dataloader"
	"duet/dataloader/generated"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
)

// TestDecodersAreClosed: the decoders of a loader, whose memory is C's, end with it.
func TestDecodersAreClosed(t *testing.T) {
	dir := run(t, "generated", prepare.Options{Settings: prepare.Settings{Codec: packed.JPEG, Quality: 90},
		Generated: generated.Options{Classes: 2, Train: 16, Val: 4, Size: 64}})
	s := open(t, dir, packed.Train)
	c := dataloader.Default()
	c.Crop, c.Workers, c.Prefetch = 56, 8, 0
	loaders := func(n int) {
		for range n {
			take(t, dataloader.NewTrainLoader(s, c, 16, 1, 0, nil), 1)
		}
		debug.FreeOSMemory()
	}
	loaders(20)
	before := resident(t)
	const n = 200
	loaders(n)
	// A decoder takes some 10 kB; what the C library keeps of freed memory is far below that times 1600.
	if grown, most := resident(t)-before, 4<<20; grown > most {
		t.Errorf("%d loaders left %d bytes, want at most %d", n, grown, most)
	}
}

// resident is how many bytes of this process are in memory.
func resident(t *testing.T) int {
	t.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	check(t, err)
	var size, pages int
	_, err = fmt.Sscan(string(statm), &size, &pages)
	check(t, err)
	return pages * os.Getpagesize()
}
