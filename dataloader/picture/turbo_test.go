//go:build turbo && cgo

package picture

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"testing"

	"golang.org/x/sys/cpu"
)

func TestVersion(t *testing.T) {
	if v := Version(); !regexp.MustCompile(`^libjpeg-turbo [2-9]\.\d+\.\d+$`).MatchString(v) {
		t.Errorf("version %q, want libjpeg-turbo's", v)
	}
}

// TestVectorised: the C code, vectorised and plain, gives the bits of the Go code.
func TestVectorised(t *testing.T) {
	for _, c := range []struct{ width, height, size int }{{500, 375, 256}, {375, 500, 256}, {333, 500, 227},
		{300, 300, 299}, {100, 80, 256}, {1, 1, 7}, {3, 2, 5}, {2, 300, 2}, {1000, 900, 31}, {4000, 7, 1}, {1600, 1201, 224},
		{64, 64, 64}, {65, 64, 64}, {13, 29, 33}} {
		for _, channels := range []int{1, 3} {
			for _, simd := range []bool{false, true} {
				t.Run(fmt.Sprintf("%dx%d to %d/%d/simd=%v", c.width, c.height, c.size, channels, simd), func(t *testing.T) {
					var p plan
					p.set(c.width, c.height, c.size, upright)
					var e engine
					var plain resampler
					if err := e.openSIMD(simd); err != nil {
						t.Fatal(err)
					}
					defer e.close()
					if want := simd && cpu.X86.HasAVX2; e.vectorised() != want { // the bits do not tell
						t.Fatalf("vectorised: %v, want %v", e.vectorised(), want)
					}
					if err := e.axes(&p.x, &p.y); err != nil {
						t.Fatal(err)
					}
					rows := p.y.to - p.y.from
					stride := (p.x.to-p.x.from)*channels + slack
					src := make([]byte, rows*stride+slack)
					for _, extreme := range []bool{false, true} { // noise, then only 0 and 255, which overshoot most
						s := rand.New(rand.NewPCG(uint64(c.width), uint64(c.height)))
						for i := range src {
							src[i] = byte(s.Uint32())
							if extreme {
								src[i] = byte(int8(src[i]) >> 7)
							}
						}
						middleStride := c.size*channels + slack
						want, got := make([]byte, rows*middleStride+slack), make([]byte, rows*middleStride+slack)
						plain.rows(&p.x, src, stride, rows, channels, want, middleStride)
						e.rows(&p.x, src, stride, rows, channels, got, middleStride)
						for r := range rows {
							if at := r * middleStride; !bytes.Equal(got[at:at+c.size*channels], want[at:at+c.size*channels]) {
								t.Fatalf("row %d along x differs", r)
							}
						}
						wantOut, gotOut := make([]byte, c.size*c.size*channels), make([]byte, c.size*c.size*channels)
						plain.columns(&p.y, want, middleStride, rows, c.size*channels, wantOut)
						e.columns(&p.y, want, middleStride, rows, c.size*channels, gotOut)
						if !bytes.Equal(gotOut, wantOut) {
							t.Fatal("columns differ")
						}
					}
				})
			}
		}
	}
}
