package conformance

import (
	"testing"

	"duet/engine/backend"
	"duet/engine/op"
)

// target is a buffer of bytes.
type target struct {
	d      backend.Device
	layout backend.Layout
	buffer backend.Buffer
}

func newTarget(t testing.TB, d backend.Device, bytes int) target {
	t.Helper()
	l, err := d.Place(op.Type{DType: op.Uint8, Shape: []int{bytes}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Alloc(l.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Free(m) })
	return target{d, l, backend.Buffer{Memory: m, Bytes: l.Bytes()}}
}

// upload uploads all of a memory.
func (to target) upload(t testing.TB, m backend.HostMemory) backend.Transfer {
	t.Helper()
	return to.send(t, bytesOf(m))
}

func (to target) send(t testing.TB, a backend.Array) backend.Transfer {
	t.Helper()
	under, err := to.d.Upload(to.buffer, to.layout, a)
	if err != nil {
		t.Fatal(err)
	}
	return under
}

func (to target) download(t testing.TB) []uint8 {
	t.Helper()
	got := make([]uint8, to.layout.Bytes())
	if err := to.d.Download(got, to.buffer, to.layout); err != nil {
		t.Fatal(err)
	}
	return got
}

// expect downloads the bytes, which pattern made of a number.
func (to target) expect(t testing.TB, number int) {
	t.Helper()
	for i, v := range to.download(t) {
		if want := patternAt(number, i); v != want {
			t.Fatalf("byte %d is %d, want %d of pattern %d", i, v, want, number)
		}
	}
}

func pattern(data []uint8, number int) {
	for i := range data {
		data[i] = patternAt(number, i)
	}
}

func patternAt(number, i int) uint8 { return uint8(number*31 + i*7 + i>>8) }

func allocHost(t testing.TB, d backend.Device, bytes int) backend.HostMemory {
	t.Helper()
	m, err := d.AllocHost(int64(bytes))
	if err != nil {
		t.Fatal(err)
	}
	if data := m.Data(); len(data) != bytes || cap(data) != bytes || m.Bytes() != int64(bytes) {
		t.Fatalf("asked for %d bytes, got %d with room for %d, which are said to be %d", bytes, len(data), cap(data),
			m.Bytes())
	}
	return m
}

// bytesOf is all of a memory.
func bytesOf(m backend.HostMemory) backend.Array {
	_, a := backend.Within[uint8](m, 0, len(m.Data()))
	return a
}

func wait(t testing.TB, under backend.Transfer) {
	t.Helper()
	within(t, func() {
		if err := under.Wait(); err != nil {
			t.Errorf("wait: %v", err)
		}
	})
}

func freeHost(t testing.TB, d backend.Device, m backend.HostMemory) {
	t.Helper()
	if err := d.FreeHost(m); err != nil {
		t.Errorf("free host memory: %v", err)
	}
}
