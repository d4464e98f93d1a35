package checkpoint_test

import (
	"path/filepath"
	"testing"

	"duet/engine/checkpoint"
)

// alexnet has as many numbers as the weights and the momentum of the full network: 488 MB.
func alexnet() *checkpoint.File {
	f := &checkpoint.File{}
	for _, name := range []string{"weight", "momentum.weight"} {
		const parameters = 60_965_224
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: name, Shape: []int{parameters},
			Data: make([]float32, parameters)})
	}
	return f
}

// BenchmarkSave includes the fsync.
func BenchmarkSave(b *testing.B) {
	f := alexnet()
	path := filepath.Join(b.TempDir(), "c.safetensors")
	b.SetBytes(2 * 4 * 60_965_224)
	b.ReportAllocs()
	for b.Loop() {
		if err := checkpoint.Save(path, f); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad reads from the page cache.
func BenchmarkLoad(b *testing.B) {
	path := filepath.Join(b.TempDir(), "c.safetensors")
	if err := checkpoint.Save(path, alexnet()); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(2 * 4 * 60_965_224)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := checkpoint.Load(path); err != nil {
			b.Fatal(err)
		}
	}
}
