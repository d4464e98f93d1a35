//go:build long && unix

package source_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"duet/dataloader/source"
)

// bigTar is an archive of ILSVRC2012's structure: classes tars of each images of size bytes, which are holes in the
// file.
func bigTar(t testing.TB, classes, each, size int) string {
	path := filepath.Join(t.TempDir(), "ILSVRC2012_img_train.tar")
	f, err := os.Create(path)
	check(t, err)
	defer f.Close()
	b := bufio.NewWriterSize(f, 1<<20)
	padded := int64(size+511) &^ 511
	head := func(name string, size int64) {
		var h bytes.Buffer
		check(t, tar.NewWriter(&h).WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644, Typeflag: tar.TypeReg,
			Format: tar.FormatGNU}))
		b.Write(h.Bytes()) // errors stay until Flush
	}
	zeros := make([]byte, 1024)
	for c := range classes {
		wnid := fmt.Sprintf("n%08d", 1440764+c*7919)
		head(wnid+".tar", int64(each)*(512+padded)+1024)
		for k := range each {
			head(fmt.Sprintf("%s_%d.JPEG", wnid, k*11), int64(size))
			if padded > 0 {
				check(t, b.Flush())
				_, err := f.Seek(padded, io.SeekCurrent)
				check(t, err)
			}
		}
		b.Write(zeros)
	}
	b.Write(zeros)
	check(t, b.Flush())
	return path
}

// The whole of ILSVRC2012 is listed in memory and time that a laptop has; and so are members of its real size, whose
// headers are far apart.
func TestScale(t *testing.T) {
	for _, c := range []struct {
		classes, each, size int
		megabytes           uint64 // of the listing
	}{
		{1000, 1300, 0, 130},
		{100, 1000, 110_000, 12},
	} {
		path := bigTar(t, c.classes, c.each, c.size)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s, err := source.Open([]string{path}, source.Options{})
		check(t, err)
		start, cpu := time.Now(), cpuTime(t)
		l, err := s.List(context.Background(), nil)
		check(t, err)
		took := time.Since(start).Seconds()
		cpu = cpuTime(t) - cpu
		runtime.ReadMemStats(&after)
		total := after.Sys >> 20
		runtime.GC()
		runtime.ReadMemStats(&after)
		n := c.classes * c.each
		live := (after.HeapAlloc - before.HeapAlloc) >> 20
		rate := float64(n) / took
		read := 0
		start = time.Now()
		check(t, s.Read(context.Background(), nil, func(int, source.Fetch) error {
			read++
			return nil
		}))
		t.Logf("%d images of %d bytes: listed in %.2f s (%.0f/s; %.2f s of processors), %d MB live, %d MB from the system; "+
			"emitted in %.2f s", n, c.size, took, rate, cpu.Seconds(),
			live, total, time.Since(start).Seconds())
		if len(l.Items) != n || read != n || l.Kind != "ILSVRC2012" {
			t.Errorf("%s: %d items, %d read, want %d", l.Kind, len(l.Items), read, n)
		}
		if live > c.megabytes {
			t.Errorf("%d MB, want at most %d", live, c.megabytes)
		}
		check(t, s.Close())
		check(t, os.Remove(path))
	}
}

// cpuTime is what the process has used of the processors.
func cpuTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	check(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
