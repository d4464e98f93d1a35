package picture_test

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"runtime"
	"strings"
	"sync"
	"testing"

	"duet/dataloader/picture"
)

// TestBombs: small files that claim much cost little memory, whether they are refused or decoded.
func TestBombs(t *testing.T) {
	const most = 16 << 20 // bytes, of which Go's decoders of LZW and deflate take some on their own
	frames := &gif.GIF{}
	for range 200 {
		frames.Image = append(frames.Image, image.NewPaletted(image.Rect(0, 0, 500, 500), []colour{black, white}))
		frames.Delay = append(frames.Delay, 1)
	}
	var animated bytes.Buffer
	check(t, gif.EncodeAll(&animated, frames))
	flat := flatJPEG{values: []uint8{1, 2, 3}}.encode()
	progressive := flatJPEG{values: []uint8{1, 2, 3}, progressive: true}.encode()
	for _, data := range [][]byte{flat, progressive} {
		frame := max(bytes.Index(data, []byte{0xff, 0xc0}), bytes.Index(data, []byte{0xff, 0xc2}))
		copy(data[frame+5:], []byte{0x1f, 0x40, 0x1f, 0x40})
	}
	screen := encodeGIF(image.NewPaletted(image.Rect(0, 0, 4, 4), []colour{white}))
	copy(screen[6:], []byte{0x40, 0x1f, 0x40, 0x1f})
	deflated := idat(make([]byte, 20<<20)) // much more than the rows want
	for name, data := range map[string][]byte{
		"JPEG": flat, "progressive JPEG": progressive, "PNG": pngOf(ihdr(8000, 8000, 0), idat(nil)),
		"interlaced PNG": pngOf(ihdr(8000, 8000, 1), idat(nil)),
		"PNG with more pixels than it has room for": pngOf(ihdr(8, 8, 0), deflated, "IEND"),
		"PNG with a large text":                     pngOf(ihdr(8, 8, 0), "zTXt"+deflated, idat(make([]byte, 8*25)), "IEND"),
		"BMP":                                       bmpFile(8000, 1, [3]byte{})[:54], "GIF of 200 frames": animated.Bytes(),
		"GIF on a large screen": screen,
	} {
		for _, allow := range []bool{false, true} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := decode(t, data, picture.Options{Size: 8, Reading: picture.Reading{AllowTruncated: allow}})
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > most {
				t.Errorf("%s (allowed %v): %d bytes of memory for a file of %d, want at most %d; error %v", name, allow, used,
					len(data), most, err)
			}
		}
	}
}

// TestReuse: one Decoder gives the same bytes whatever it met before.
func TestReuse(t *testing.T) {
	large, small := encodeJPEG(photo(1200, 900)), encodeJPEG(photo(50, 40))
	files := [][]byte{encodeJPEG(photo(90, 70)), large, small, large[:len(large)/2], nil, encodePNG(photo(90, 70)),
		small[:len(small)/2], flatJPEG{values: []uint8{1, 2, 3, 4}}.encode(), flatJPEG{values: []uint8{5}}.encode(),
		encodeJPEG(photo(90, 70))}
	d, err := picture.New(picture.Options{Size: 48})
	check(t, err)
	defer d.Close()
	pixels := make([]byte, 48*48*3)
	for i, data := range append(files, files...) {
		want, _, wantErr := decode(t, data, picture.Options{Size: 48})
		_, err := d.Decode(pixels, data)
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(pixels, want) {
			t.Errorf("file %d: error %v, want %v and the same pixels as from a new Decoder", i, err, wantErr)
		}
	}
}

// TestParallel: Decoders share nothing.
func TestParallel(t *testing.T) {
	files := [][]byte{encodeJPEG(photo(90, 70)), encodePNG(photo(64, 70)), flatJPEG{values: []uint8{1, 2, 3, 4}}.encode()}
	var wants [][]byte
	for _, data := range files {
		want, _, err := decode(t, data, picture.Options{Size: 48})
		check(t, err)
		wants = append(wants, want)
	}
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			d, err := picture.New(picture.Options{Size: 48})
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			pixels := make([]byte, 48*48*3)
			for i := range 30 {
				at := (i + g) % len(files)
				if _, err := d.Decode(pixels, files[at]); err != nil || !bytes.Equal(pixels, wants[at]) {
					t.Errorf("file %d: error %v, or other pixels", at, err)
				}
			}
		})
	}
	group.Wait()
}

// TestPanic: an image whose methods panic costs an error, and the Decoder goes on.
func TestPanic(t *testing.T) {
	d, err := picture.New(picture.Options{Size: 8})
	check(t, err)
	pixels := make([]byte, 8*8*3)
	if err := d.Fit(pixels, panicking{image.NewGray(image.Rect(0, 0, 9, 9))}); err == nil ||
		!strings.Contains(err.Error(), "panicked: no pixels") {
		t.Errorf("error %v", err)
	}
	if err := d.Fit(pixels, &picture.RGB{Width: 9, Height: 9, Pix: make([]byte, 5)}); err == nil {
		t.Error("5 bytes for 9x9 pixels: no error")
	}
	check(t, d.Fit(pixels, fill(image.NewGray(image.Rect(0, 0, 9, 9)), white)))
	if pixels[0] != 255 {
		t.Errorf("first byte %d, want 255", pixels[0])
	}
	d.Close()
	d.Close()
	if err := d.Fit(pixels, image.NewGray(image.Rect(0, 0, 9, 9))); err == nil ||
		!strings.Contains(err.Error(), "closed") {
		t.Errorf("closed: error %v", err)
	}
}

type panicking struct{ image.Image }

func (panicking) At(x, y int) color.Color { panic("no pixels") }
