package worker

import (
	"errors"
	"testing"
	"time"

	"duet/engine/backend"
)

// filler is a layout of bytes that are copied when somebody lets them.
type filler struct {
	bytes int64
	goOn  chan error // nil: at once
}

func (f filler) Bytes() int64   { return f.bytes }
func (f filler) String() string { return "bytes" }
func (f filler) Takes(a backend.Array) error {
	if !a.Is(int(f.bytes), backend.Uint8) {
		return a.Unfit(f, int(f.bytes))
	}
	return nil
}

func (f filler) Fill(dst []byte, a backend.Array) (err error) {
	if f.goOn != nil {
		err = <-f.goOn
	}
	copy(dst, a.Data)
	return err
}

// TestUpload: a transfer's wait ends when the memory was read, in whatever order uploads are waited for, and also when
// the upload failed, which the next Sync tells.
func TestUpload(t *testing.T) {
	h, _ := newHost(t, "test", 0)
	dst := backend.Buffer{Memory: mustAlloc(t, h, 12), Bytes: 12}
	m, err := h.AllocHost(12)
	if err != nil {
		t.Fatal(err)
	}
	text, from := backend.Within[uint8](m, 0, 12)
	copy(text, "twelve bytes")
	l := filler{12, make(chan error, 1)}
	var under []backend.Transfer
	for range 3 {
		transfer, err := h.Upload(dst, l, from)
		if err != nil {
			t.Fatal(err)
		}
		under = append(under, transfer)
	}
	waited := make(chan int, len(under))
	for i, transfer := range under {
		go func() {
			if err := transfer.Wait(); err != nil {
				t.Errorf("wait %d: %v", i, err)
			}
			waited <- i
		}()
	}
	for want := range under {
		select {
		case i := <-waited:
			t.Fatalf("the wait for upload %d ended before it was read", i)
		case <-time.After(10 * time.Millisecond):
		}
		var failure error
		if want == 2 {
			failure = errBroken
		}
		l.goOn <- failure
		within(t, func() {
			if i := <-waited; i != want {
				t.Errorf("the wait for upload %d ended, want %d", i, want)
			}
		})
	}
	if data, err := Bytes(dst); err != nil || string(data) != "twelve bytes" {
		t.Errorf("%q, error %v", data, err)
	}
	if err := h.Sync(); !errors.Is(err, errBroken) {
		t.Errorf("sync: %v, want %v", err, errBroken)
	}
}
