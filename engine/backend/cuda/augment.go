//go:build gpu

package cuda

import (
	"slices"

	"duet/engine/op"
)

func prepareAugment(b *builder, o op.Augment) { b.sight("augment", o.Crop, o.Scale) }

func prepareWarp(b *builder, o op.Warp) { b.sight("warp", o.Crop, o.Scale) }

// sight is Sight of kernels/sight.h.
type sight struct {
	Height, Width, Crop, WholeMean int32
	Red, Green, Blue               float32
	Block, Pad, Used               int32
	Chunks                         int64
	Square, Column, Row, Line      divisor
}

// sight launches a kernel that makes what a network sees of images, draws and the mean.
func (b *builder) sight(name string, crop int, scale [3]float32) {
	images, draws, mean := b.input(0, bytes8), b.input(1, float32s), b.input(2, float32s)
	in, m := b.shape(0), b.shape(2)
	l := &layout{element: b.activations(), shape: slices.Clone(b.outShape(0)), order: channelsLast}
	p := sight{Height: int32(in[1]), Width: int32(in[2]), Crop: int32(crop), Red: scale[0], Green: scale[1],
		Blue: scale[2], Block: 1, Used: 3}
	if m[1] > 1 || m[2] > 1 {
		p.WholeMean = 1
	}
	rows, columns, chunk, kernel := crop, crop, 1, b.named(name+"_forward")
	if o, is := b.readAsPatches(); is {
		l.patch(o)
		side, width := l.places(crop), l.width()
		p.Block, p.Pad, p.Used = int32(l.block), int32(l.pad), int32(3*l.block*l.block)
		rows, columns, chunk, kernel = side, side, width/lanes, b.named(name+"_patched")
	}
	chunks := in[0] * rows * columns * chunk
	b.within31("chunks of the input", chunks)
	p.Chunks, p.Line = int64(chunks), divisorOf(3*int(p.Block))
	p.Square, p.Column, p.Row = divisorOf(chunk), divisorOf(columns), divisorOf(rows)
	y := b.outputAs(l)
	b.launch(kernel, cover(chunks, 256), dims{x: 256}, 0, y, images, draws, mean, p)
}

// readAsPatches is the convolution that reads the output, as patches, if nothing reads it otherwise.
func (b *builder) readAsPatches() (o op.Conv2D, is bool) {
	for i, use := range b.r.Readers {
		var reads op.Conv2D
		switch reader := use.Op.(type) {
		case op.Conv2D:
			reads = reader
		case op.Conv2DGradWeight:
			reads = reader.Conv
		}
		reads.ReLU = false
		if reads.Kernel == 0 || i > 0 && reads != o {
			return op.Conv2D{}, false
		}
		o = reads
	}
	if o.Groups != 1 {
		return op.Conv2D{}, false
	}
	way, _ := b.d.weightOrder(o, []int{0, b.outShape(0)[1]})
	return o, way == patched
}
