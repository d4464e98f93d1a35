package picture_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"duet/dataloader/picture"
)

// photo is a picture with a photograph's spectrum, more or less: waves of falling strength and some noise.
func photo(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	state := uint32(w*1000 + h)
	for y := range h {
		for x := range w {
			for c := range 3 {
				v := 128.
				for octave := 1.; octave < 64; octave *= 2 {
					fx, fy := float64(x)*octave/200, float64(y)*octave/170
					v += 50 / octave * (math.Sin(fx+float64(c)) + math.Cos(fy*1.3-fx*0.7)) / 2 * 2
				}
				state = state*1664525 + 1013904223
				v += float64(state>>24)/16 - 8
				m.Pix[m.PixOffset(x, y)+c] = uint8(min(max(v, 0), 255))
			}
			m.Pix[m.PixOffset(x, y)+3] = 255
		}
	}
	return m
}

// samples are the photographs of the folder DUET_SAMPLES, else drawn ones of ImageNet's common size.
func samples(tb testing.TB) (files [][]byte) {
	if folder := os.Getenv("DUET_SAMPLES"); folder != "" {
		paths, err := filepath.Glob(filepath.Join(folder, "*.[jJ]*"))
		check(tb, err)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			check(tb, err)
			files = append(files, data)
		}
		if len(files) == 0 {
			tb.Fatalf("DUET_SAMPLES=%s: no JPEG files", folder)
		}
		return files
	}
	for i := range 4 {
		var b bytes.Buffer
		check(tb, jpeg.Encode(&b, photo(500, 375+i), &jpeg.Options{Quality: 92}))
		files = append(files, b.Bytes())
	}
	return files
}

// BenchmarkDecode decodes photographs to 256x256 on two goroutines, each with a Decoder; images/s is of both together.
func BenchmarkDecode(b *testing.B) {
	files := samples(b)
	b.ReportAllocs()
	var group sync.WaitGroup
	next := make(chan []byte, 16)
	for range min(2, runtime.GOMAXPROCS(0)) {
		group.Add(1)
		go func() {
			defer group.Done()
			d, err := picture.New(picture.Options{Size: 256})
			check(b, err)
			defer d.Close()
			dst := make([]byte, 256*256*3)
			for data := range next {
				_, err := d.Decode(dst, data)
				check(b, err)
			}
		}()
	}
	for i := range b.N {
		next <- files[i%len(files)]
	}
	close(next)
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "images/s")
}

// BenchmarkFit resamples alone: 500x375 to 256x256.
func BenchmarkFit(b *testing.B) {
	m := photo(500, 375)
	rgb := &picture.RGB{Width: 500, Height: 375}
	for i := 0; i < len(m.Pix); i += 4 {
		rgb.Pix = append(rgb.Pix, m.Pix[i:i+3]...)
	}
	d, err := picture.New(picture.Options{Size: 256})
	check(b, err)
	defer d.Close()
	dst := make([]byte, 256*256*3)
	for b.Loop() {
		check(b, d.Fit(dst, rgb))
	}
}

// BenchmarkStored decodes a JPEG that is 256x256 already.
func BenchmarkStored(b *testing.B) {
	m := photo(256, 256)
	var pixels []byte
	for i := 0; i < len(m.Pix); i += 4 {
		pixels = append(pixels, m.Pix[i:i+3]...)
	}
	data, err := picture.EncodeJPEG(pixels, 256, 90)
	check(b, err)
	d, err := picture.New(picture.Options{Size: 256})
	check(b, err)
	defer d.Close()
	for b.Loop() {
		_, err := d.Decode(pixels, data)
		check(b, err)
	}
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
