//go:build dnnl

package dnnl_test

import (
	"testing"

	"duet/engine/backend"
	"duet/engine/op"
)

// BenchmarkUpload takes a batch of the paper's images from where they are kept to the device's buffer: by way of an
// array and memory aside, or of host memory that is kept.
func BenchmarkUpload(b *testing.B) {
	typ := op.Type{DType: op.Uint8, Shape: []int{128, 256, 256, 3}}
	kept := make([]uint8, typ.Len())
	for i := range kept {
		kept[i] = uint8(i * i >> 8)
	}
	bench := func(name string, run func(b *testing.B, d backend.Device, to backend.Buffer, l backend.Layout)) {
		b.Run(name, func(b *testing.B) {
			d := open(b, 0, backend.Options{Threads: 1})
			defer d.Close()
			l, err := d.Place(typ, nil)
			if err != nil {
				b.Fatal(err)
			}
			m, err := d.Alloc(l.Bytes())
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(l.Bytes())
			run(b, d, backend.Buffer{Memory: m, Bytes: l.Bytes()}, l)
		})
	}
	bench("array", func(b *testing.B, d backend.Device, to backend.Buffer, l backend.Layout) {
		array := make([]uint8, len(kept))
		var host any = array
		for b.Loop() {
			copy(array, kept)
			if err := backend.Write(d, to, l, host); err != nil {
				b.Fatal(err)
			}
			if err := d.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	})
	bench("host memory", func(b *testing.B, d backend.Device, to backend.Buffer, l backend.Layout) {
		host, err := d.AllocHost(int64(len(kept)))
		if err != nil {
			b.Fatal(err)
		}
		pixels, from := backend.Within[uint8](host, 0, len(kept))
		for b.Loop() {
			copy(pixels, kept)
			under, err := d.Upload(to, l, from)
			if err != nil {
				b.Fatal(err)
			}
			if err := under.Wait(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
