//go:build gpu && sim

package cuda

import (
	"fmt"
	"testing"

	"duet/engine/backend"
	"duet/engine/op"
)

// images is a layout of images and two buffers of them.
func images(t *testing.T, d backend.Device, bytes int) (backend.Layout, [2]backend.Buffer) {
	t.Helper()
	l, err := d.Place(op.Type{DType: op.Uint8, Shape: []int{bytes}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var buffers [2]backend.Buffer
	for i := range buffers {
		m, err := d.Alloc(l.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		buffers[i] = backend.Buffer{Memory: m, Bytes: l.Bytes()}
	}
	return l, buffers
}

// TestImagesTakeStaging: images take beside their buffer what Staging says, to the byte, as the simulated driver
// counts; what is smaller takes nothing.
func TestImagesTakeStaging(t *testing.T) {
	for _, bytes := range []int{3 * 227 * 227, small + 1, small} {
		t.Run(fmt.Sprint(bytes), func(t *testing.T) {
			d := opener(t, backend.Options{})(t)
			l, buffers := images(t, d, bytes)
			host, err := d.AllocHost(int64(bytes))
			if err != nil {
				t.Fatal(err)
			}
			_, from := backend.Within[uint8](host, 0, bytes)
			before := d.Info().FreeBytes
			for range 5 {
				for _, to := range buffers {
					if _, err := d.Upload(to, l, from); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got, want := before-d.Info().FreeBytes, d.(backend.Stager).Staging(l); got != want {
				t.Errorf("%d bytes of the device, Staging says %d", got, want)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestWaitEndsWithTheCopy: images may be written again when they have crossed the bus, though kernels that were
// enqueued before still run.
func TestWaitEndsWithTheCopy(t *testing.T) {
	d := opener(t, backend.Options{})(t).(*device)
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	typ := op.Floats(1 << 20)
	l, err := d.Place(typ, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Alloc(l.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	k, err := d.Prepare(backend.Request{Op: op.Add{}, InTypes: []op.Type{typ, typ}, In: []backend.Layout{l, l},
		OutTypes: []op.Type{typ}})
	if err != nil {
		t.Fatal(err)
	}
	b := backend.Buffer{Memory: m, Bytes: l.Bytes()}
	add := backend.Command{Kind: backend.Launch, Label: "add", Kernel: k, In: []backend.Buffer{b, b},
		Out: []backend.Buffer{b}}
	p, err := d.Load([]backend.Command{add}, backend.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	host, err := d.AllocHost(3 * 227 * 227)
	if err != nil {
		t.Fatal(err)
	}
	_, from := backend.Within[uint8](host, 0, len(host.Data()))
	bytes, buffers := images(t, d, len(host.Data()))
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
	for range 100 { // half a second of the simulator's
		p.Start()
	}
	under, err := d.Upload(buffers[0], bytes, from)
	if err != nil {
		t.Fatal(err)
	}
	if err := under.Wait(); err != nil {
		t.Fatal(err)
	}
	var busy error
	if err := d.do(func() error { busy = d.compute.Query(); return nil }); err != nil {
		t.Fatal(err)
	}
	if busy == nil {
		t.Error("Wait ended after the kernels that were enqueued before the upload")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
