package reference

import (
	"fmt"
	"testing"

	"duet/engine/op"
)

// BenchmarkLayers measures the kernels that take most of a step, in fp32.
func BenchmarkLayers(b *testing.B) {
	conv := op.Conv2D{Kernel: 5, Stride: 1, Pad: 2, Groups: 1}
	x, w, y := op.Floats(8, 16, 16, 16), op.Floats(32, 16, 5, 5), op.Floats(8, 32, 16, 16)
	for _, c := range []struct {
		o  op.Op
		in []op.Type
	}{
		{conv, []op.Type{x, w, op.Floats(32)}},
		{op.Conv2DGradInput{Conv: conv, H: 16, W: 16}, []op.Type{w, y}},
		{op.Conv2DGradWeight{Conv: conv}, []op.Type{x, y}},
		{op.Linear{}, []op.Type{op.Floats(32, 1024), op.Floats(256, 1024), op.Floats(256)}},
		{op.LinearGradInput{}, []op.Type{op.Floats(256, 1024), op.Floats(32, 256)}},
		{op.LinearGradWeight{}, []op.Type{op.Floats(32, 1024), op.Floats(32, 256)}},
	} {
		out, err := c.o.Infer(c.in)
		if err != nil {
			b.Fatal(err)
		}
		in := make([]op.Array, len(c.in))
		for i, t := range c.in {
			in[i] = narrow(numbers(uint32(i), t.Shape...))
		}
		y := narrow(zeros(out))
		b.Run(fmt.Sprint(c.o.Name()), func(b *testing.B) {
			for b.Loop() {
				if err := Evaluate(c.o, []array{y}, in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(op.FLOPs(c.o, c.in, out)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

// narrow is an array in float32.
func narrow(a array) array {
	data := make([]float32, a.Len())
	for i, v := range f64(a) {
		data[i] = float32(v)
	}
	return array{Type: a.Type, Data: data}
}
