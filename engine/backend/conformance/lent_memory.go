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

func (to target) upload(t testing.TB, host any) {
	t.Helper()
	if err := to.d.Upload(to.buffer, to.layout, host); err != nil {
		t.Fatal(err)
	}
}

// expect downloads the bytes, which pattern made of a number.
func (to target) expect(t testing.TB, number int) {
	t.Helper()
	got := make([]uint8, to.layout.Bytes())
	if err := to.d.Download(got, to.buffer, to.layout); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
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

func lend(t testing.TB, d backend.Device, bytes int) *backend.Lent {
	t.Helper()
	l, err := d.(backend.Lender).Lend(int64(bytes))
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Data) != bytes || cap(l.Data) != bytes {
		t.Fatalf("asked for %d bytes, lent %d with room for %d", bytes, len(l.Data), cap(l.Data))
	}
	return l
}

func wait(t testing.TB, l *backend.Lent) {
	t.Helper()
	within(t, func() {
		if err := l.Wait(); err != nil {
			t.Errorf("wait: %v", err)
		}
	})
}

func closeLent(t testing.TB, l *backend.Lent) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Errorf("close lent memory: %v", err)
	}
}
