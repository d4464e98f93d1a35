package worker

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	"duet/engine/backend"
	"duet/engine/op"
)

// arena counts what is allocated and released.
type arena struct{ live int }

func (a *arena) allocate(bytes int64) ([]byte, func(), error) {
	if bytes > 1<<20 {
		return nil, nil, errBroken
	}
	data, _, err := GoMemory(bytes)
	a.live++
	return data, func() { a.live-- }, err
}

// newHost is a device whose memory is counted.
func newHost(t *testing.T, kind string, index int) (*Host, *arena) {
	a := &arena{}
	h := NewHost(kind, index, New(nil), a.allocate)
	t.Cleanup(func() {
		if err := h.Close(); err != nil || a.live != 0 {
			t.Errorf("close: %v, %d allocations are left", err, a.live)
		}
	})
	return h, a
}

func mustAlloc(t *testing.T, h *Host, bytes int64) backend.Memory {
	t.Helper()
	m, err := h.Alloc(bytes)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// wants checks an error's words; none are of no error.
func wants(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	if (err == nil) != (len(words) == 0) {
		t.Errorf("%s: error %v, want one with %q", what, err, words)
	}
	for _, w := range words {
		if err != nil && !strings.Contains(err.Error(), w) {
			t.Errorf("%s: error %q does not say %q", what, err, w)
		}
	}
}

func TestAlloc(t *testing.T) {
	h, a := newHost(t, "test", 3)
	if h.Name() != "test:3" {
		t.Errorf("name %q", h.Name())
	}
	for _, bytes := range []int64{0, 1, 8, 100, 4096, 1 << 20} {
		m := mustAlloc(t, h, bytes)
		data, err := Bytes(backend.Buffer{Memory: m, Bytes: bytes})
		if err != nil || int64(len(data)) != bytes || m.Bytes() != bytes {
			t.Errorf("%d bytes: got %d and %d, error %v", bytes, len(data), m.Bytes(), err)
		}
		if bytes > 0 && uintptr(unsafe.Pointer(unsafe.SliceData(data)))%backend.Alignment != 0 {
			t.Errorf("%d bytes: not aligned to %d", bytes, backend.Alignment)
		}
		for i, b := range data {
			if b != 0 {
				t.Fatalf("%d bytes: byte %d is %d", bytes, i, b)
			}
		}
	}
	live := a.live
	for _, bytes := range []int64{-1, 1<<46 + 1, 1<<20 + 1} {
		_, err := h.Alloc(bytes)
		wants(t, "alloc", err, fmt.Sprintf("test:3: alloc %d bytes", bytes))
	}
	if _, err := h.Alloc(1<<20 + 1); !errors.Is(err, errBroken) || a.live != live {
		t.Errorf("no memory: error %v, %d allocations, want %v and %d", err, a.live, errBroken, live)
	}
}

func TestAllocHost(t *testing.T) {
	h, a := newHost(t, "test", 0)
	for _, bytes := range []int64{0, 100} {
		m, err := h.AllocHost(bytes)
		if err != nil || int64(len(m.Data())) != bytes || m.Bytes() != bytes || a.live != 0 {
			t.Fatalf("%d bytes: %v, error %v, %d allocations of the device's", bytes, m, err, a.live)
		}
		wants(t, "free", h.FreeHost(m))
		wants(t, "free again", h.FreeHost(m), "test:0: free host memory", "before")
	}
	for _, bytes := range []int64{-1, 1<<46 + 1} {
		_, err := h.AllocHost(bytes)
		wants(t, "alloc", err, fmt.Sprintf("test:0: alloc %d bytes of host memory", bytes))
	}
}

// TestBuffers: a buffer must lie in memory that its device still has.
func TestBuffers(t *testing.T) {
	h, _ := newHost(t, "test", 0)
	other, _ := newHost(t, "test", 1)
	m, theirs, gone := mustAlloc(t, h, 1000), mustAlloc(t, other, 1000), mustAlloc(t, h, 1000)
	if err := h.Free(gone); err != nil {
		t.Fatal(err)
	}
	const a = backend.Alignment
	for _, c := range []struct {
		name string
		b    backend.Buffer
		n    int64 // bytes that a transfer wants
		want []string
	}{
		{"nothing", backend.Buffer{}, 0, nil},
		{"all", backend.Buffer{Memory: m, Bytes: 1000}, 1000, nil},
		{"the rest", backend.Buffer{Memory: m, Offset: a, Bytes: 1000 - a}, 1000 - a, nil},
		{"a part of the buffer", backend.Buffer{Memory: m, Offset: a, Bytes: 100}, 7, nil},
		{"the end", backend.Buffer{Memory: m, Offset: 3 * a, Bytes: 0}, 0, nil},
		{"more than the buffer", backend.Buffer{Memory: m, Bytes: 100}, 101, []string{"100 bytes", "101"}},
		{"nothing for something", backend.Buffer{}, 1, []string{"0 bytes", "1"}},
		{"one byte too long", backend.Buffer{Memory: m, Offset: a, Bytes: 1001 - a}, 1, []string{"in memory of 1000"}},
		{"beyond the end", backend.Buffer{Memory: m, Offset: 4 * a, Bytes: 0}, 0, []string{"in memory of 1000"}},
		{"before the begin", backend.Buffer{Memory: m, Offset: -a, Bytes: a}, 1, []string{"in memory of 1000"}},
		{"fewer than none", backend.Buffer{Memory: m, Bytes: -1}, 0, []string{"in memory of 1000"}},
		{"sum beyond all numbers", backend.Buffer{Memory: m, Offset: a, Bytes: 1<<63 - 1}, 1, []string{"in memory of 1000"}},
		{"not aligned", backend.Buffer{Memory: m, Offset: 8, Bytes: 8}, 8, []string{"at 8", "multiple"}},
		{"another device's", backend.Buffer{Memory: theirs, Bytes: 8}, 8, []string{"test:1's, not test:0's"}},
		{"another backend's", backend.Buffer{Memory: data("x"), Bytes: 1}, 1, []string{"another backend's"}},
		{"freed", backend.Buffer{Memory: gone, Bytes: 8}, 8, []string{"used after free"}},
	} {
		got, err := h.Room(c.b, c.n)
		wants(t, c.name, err, c.want...)
		if err == nil && int64(len(got)) != c.n {
			t.Errorf("%s: %d bytes, want %d", c.name, len(got), c.n)
		}
	}
	whole, _ := h.Room(backend.Buffer{Memory: m, Bytes: 1000}, 1000)
	part, _ := h.Room(backend.Buffer{Memory: m, Offset: a, Bytes: 8}, 8)
	part[0] = 7
	if whole[a] != 7 {
		t.Error("a part is not in its place")
	}
	if bytes, err := Bytes(backend.Buffer{Memory: m, Offset: a, Bytes: 8}); err != nil || cap(bytes) != 8 {
		t.Errorf("a buffer of 8 bytes has room for %d, error %v", cap(bytes), err)
	}
}

func TestFree(t *testing.T) {
	h, a := newHost(t, "test", 0)
	other, _ := newHost(t, "test", 1)
	m := mustAlloc(t, h, 8)
	wants(t, "by another device", other.Free(m), "test:1: free", "another device's")
	wants(t, "of another backend's", h.Free(data("x")), "another device's")
	wants(t, "free", h.Free(m))
	wants(t, "twice", h.Free(m), "freed before")
	if a.live != 0 {
		t.Errorf("%d allocations after free", a.live)
	}
}

// TestFreeWaits: memory that enqueued work may still use is given back after that.
func TestFreeWaits(t *testing.T) {
	h, a := newHost(t, "test", 0)
	m := mustAlloc(t, h, 8)
	at := -1
	h.Start(Func(func() error {
		time.Sleep(20 * time.Millisecond)
		at = a.live
		return nil
	}))
	if err := h.Free(m); err != nil {
		t.Fatal(err)
	}
	if at != 1 || a.live != 0 {
		t.Errorf("%d allocations while the work ran, %d after free; want 1 and 0", at, a.live)
	}
}

// hosted is a kernel of a device's.
type hosted struct {
	kernel
	on *Host
}

func (k hosted) On() *Host { return k.on }

// TestHostLoad: a program may use its own device's kernels and memory alone, and copy from devices of its backend.
func TestHostLoad(t *testing.T) {
	h, _ := newHost(t, "test", 0)
	sister, _ := newHost(t, "test", 1)
	stranger, _ := newHost(t, "other", 0)
	buffer := func(h *Host) backend.Buffer { return backend.Buffer{Memory: mustAlloc(t, h, 8), Bytes: 8} }
	mine, hers, theirs := buffer(h), buffer(sister), buffer(stranger)
	ran := 0
	own := hosted{kernel{func() error { ran++; return nil }}, h}
	launch := func(k backend.Kernel, in, out, scratch backend.Buffer) backend.Command {
		return backend.Command{Kind: backend.Launch, Label: "fc6", Kernel: k, In: []backend.Buffer{in},
			Out: []backend.Buffer{out}, Scratch: scratch}
	}
	from := func(d backend.Device, src, dst backend.Buffer) backend.Command {
		return backend.Command{Kind: backend.Copy, Label: "fc6", From: d, Src: src, Dst: dst}
	}
	for _, c := range []struct {
		name string
		c    backend.Command
		want []string
	}{
		{"own", launch(own, mine, mine, mine), nil},
		{"another's kernel", launch(hosted{on: sister}, mine, mine, mine), []string{"another device's"}},
		{"another's input", launch(own, hers, mine, mine), []string{"test:1's, not test:0's"}},
		{"another's output", launch(own, mine, hers, mine), []string{"test:1's, not test:0's"}},
		{"another's scratch", launch(own, mine, mine, hers), []string{"test:1's, not test:0's"}},
		{"copy from a sister", from(device{sister}, hers, mine), nil},
		{"copy from itself", from(device{h}, mine, mine), nil},
		{"copy from another backend", from(device{stranger}, theirs, mine), []string{"another backend's device"}},
		{"copy from nowhere", from(nil, mine, mine), []string{"another backend's device"}},
		{"copy of what is not there", from(device{sister}, mine, mine), []string{"source", "test:0's, not test:1's"}},
		{"copy to elsewhere", from(device{sister}, hers, hers), []string{"destination", "test:1's, not test:0's"}},
		{"copy of another size", from(device{h}, mine, backend.Buffer{Memory: mine.Memory, Bytes: 4}),
			[]string{"copy of 8 bytes to 4"}},
	} {
		p, err := h.Load([]backend.Command{c.c}, backend.LoadOptions{})
		if c.want != nil {
			wants(t, c.name, err, append(c.want, "test:0: load", "command 0, fc6")...)
			continue
		}
		wants(t, c.name, err)
		p.Start()
		wants(t, c.name, h.Sync())
		wants(t, c.name, p.Close())
	}
	if ran != 1 {
		t.Errorf("the kernel ran %d times, want once", ran)
	}
}

// device is a Host as backends embed it.
type device struct{ *Host }

func (device) Info() backend.Info                                   { return backend.Info{} }
func (device) Has(string) bool                                      { return false }
func (device) Place(op.Type, []backend.Use) (backend.Layout, error) { return nil, errBroken }
func (device) Prepare(backend.Request) (backend.Kernel, error)      { return nil, errBroken }
func (device) Upload(backend.Buffer, backend.Layout, backend.Array) (backend.Transfer, error) {
	return backend.Transfer{}, errBroken
}
func (device) Download(any, backend.Buffer, backend.Layout) error { return errBroken }

// TestHostEvents have names that tell them apart.
func TestHostEvents(t *testing.T) {
	h, _ := newHost(t, "test", 0)
	for n := 1; n <= 2; n++ {
		e, err := h.NewEvent()
		if want := fmt.Sprintf("test:0 event %d", n); err != nil || e.String() != want {
			t.Errorf("event %v, error %v, want %s", e, err, want)
		}
	}
}

// TestHostFails: the error of the work comes from Sync, with the device's name.
func TestHostFails(t *testing.T) {
	h, _ := newHost(t, "test", 0)
	h.Start(Func(func() error { return errBroken }))
	if err := h.Sync(); !errors.Is(err, errBroken) {
		t.Errorf("sync: %v, want %v", err, errBroken)
	} else {
		wants(t, "sync", err, "test:0: sync")
	}
	if m := mustAlloc(t, h, 8); h.Free(m) != nil {
		t.Error("memory of a device that failed cannot be freed")
	}
}

// TestClosedHost refuses everything, has no memory any more, and may be closed again.
func TestClosedHost(t *testing.T) {
	h, a := newHost(t, "test", 0)
	m := mustAlloc(t, h, 8)
	if err := h.Open(); err != nil {
		t.Errorf("open: %v", err)
	}
	done := 0
	h.Start(Func(func() error { time.Sleep(10 * time.Millisecond); done = a.live; return nil }))
	if err := h.Close(); err != nil || done != 1 || a.live != 0 {
		t.Errorf("close: %v; %d allocations while work ran, %d after it, want 1 and 0", err, done, a.live)
	}
	_, alloc := h.Alloc(8)
	_, host := h.AllocHost(8)
	_, load := h.Load(nil, backend.LoadOptions{})
	_, event := h.NewEvent()
	_, room := h.Room(backend.Buffer{}, 0)
	for what, err := range map[string]error{"alloc": alloc, "alloc host": host, "load": load, "new event": event,
		"room": room, "open": h.Open(), "sync": h.Sync()} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v, want %v", what, err, ErrClosed)
		}
	}
	_, err := Bytes(backend.Buffer{Memory: m, Bytes: 8})
	wants(t, "its memory", err, "used after free")
	wants(t, "free", h.Free(m))
	wants(t, "close again", h.Close())
	if a.live != 0 {
		t.Errorf("%d allocations: freed twice", a.live)
	}
}

func TestThreads(t *testing.T) {
	all := Threads(backend.Options{})
	if all < 1 {
		t.Errorf("%d threads", all)
	}
	for _, c := range []struct {
		o    backend.Options
		want int
	}{
		{backend.Options{Devices: 1}, all}, {backend.Options{Devices: 2}, max(1, all/2)},
		{backend.Options{Devices: 2 * all}, 1},
		{backend.Options{Threads: 1}, 1}, {backend.Options{Threads: 3}, 3}, {backend.Options{Threads: 3, Devices: 2}, 3},
	} {
		if got := Threads(c.o); got != c.want {
			t.Errorf("%+v: %d threads, want %d", c.o, got, c.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	i := Describe("test:0", 3, "in numbers", []string{"fp32"})
	if i.Name != "test:0" || i.Units != 3 || !strings.HasSuffix(i.Description, ", in numbers") ||
		len(i.Description) < 14 || len(i.Precisions) != 1 {
		t.Errorf("%+v", i)
	}
	if i.TotalBytes < 0 || i.FreeBytes < 0 || i.FreeBytes > i.TotalBytes {
		t.Errorf("%d bytes free of %d", i.FreeBytes, i.TotalBytes)
	}
}
