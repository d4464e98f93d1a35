package picture_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/dataloader/picture"
	"duet/dataloader/source/mini"
)

// decode decodes with a Decoder of its own.
func decode(t *testing.T, data []byte, o picture.Options) ([]byte, picture.Flags, error) {
	t.Helper()
	pixels, flags, err := decodeAny(data, o)
	if err != nil && flags != 0 {
		t.Errorf("flags %q beside error %v", flags, err)
	}
	return pixels, flags, err
}

func decodeAny(data []byte, o picture.Options) ([]byte, picture.Flags, error) {
	d, err := picture.New(o)
	if err != nil {
		return nil, 0, err
	}
	defer d.Close()
	pixels := make([]byte, o.Size*o.Size*3)
	flags, err := d.Decode(pixels, data)
	return pixels, flags, err
}

func encode(encoder func(*bytes.Buffer, image.Image) error, m image.Image) []byte {
	var b bytes.Buffer
	if err := encoder(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func encodePNG(m image.Image) []byte {
	return encode(func(b *bytes.Buffer, m image.Image) error { return png.Encode(b, m) }, m)
}

func encodeJPEG(m image.Image) []byte {
	return encode(func(b *bytes.Buffer, m image.Image) error { return jpeg.Encode(b, m, &jpeg.Options{Quality: 98}) }, m)
}

func encodeGIF(m image.Image) []byte {
	return encode(func(b *bytes.Buffer, m image.Image) error { return gif.Encode(b, m, nil) }, m)
}

// fill makes an image of one colour in any colour model.
func fill[M interface {
	image.Image
	Set(x, y int, c color.Color)
}](m M, c color.Color) M {
	b := m.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			m.Set(x, y, c)
		}
	}
	return m
}

func TestColourModels(t *testing.T) {
	box := image.Rect(0, 0, 8, 8)
	orange := color.NRGBA{200, 100, 50, 255}
	palette := color.Palette{color.Black, orange}
	for name, c := range map[string]struct {
		data  []byte
		want  [3]int
		flags picture.Flags
	}{
		"RGB PNG": {encodePNG(fill(image.NewNRGBA(box), orange)), [3]int{200, 100, 50}, picture.NotJPEG},
		"grey PNG": {encodePNG(fill(image.NewGray(box), color.Gray{77})), [3]int{77, 77, 77},
			picture.NotJPEG | picture.Grey},
		"16-bit PNG": {encodePNG(fill(image.NewNRGBA64(box), color.NRGBA64{200 * 257, 100 * 257, 50 * 257, 0xffff})),
			[3]int{200, 100, 50}, picture.NotJPEG | picture.SixteenBit},
		"16-bit alpha PNG": {encodePNG(fill(image.NewNRGBA64(box), color.NRGBA64{200 * 257, 100 * 257, 50 * 257, 0x8080})),
			[3]int{100, 50, 25}, picture.NotJPEG | picture.SixteenBit | picture.Alpha},
		"16-bit grey PNG": {encodePNG(fill(image.NewGray16(box), color.Gray16{77*257 + 3})), [3]int{77, 77, 77},
			picture.NotJPEG | picture.SixteenBit | picture.Grey},
		"palette PNG": {encodePNG(fill(image.NewPaletted(box, palette), orange)), [3]int{200, 100, 50}, picture.NotJPEG},
		"half transparent": {encodePNG(fill(image.NewNRGBA(box), color.NRGBA{200, 100, 50, 128})), [3]int{100, 50, 25},
			picture.NotJPEG | picture.Alpha},
		"transparent": {encodePNG(fill(image.NewNRGBA(box), color.NRGBA{200, 100, 50, 0})), [3]int{0, 0, 0},
			picture.NotJPEG | picture.Alpha},
		"interlaced PNG":   {interlacedPNG(box, [3]byte{200, 100, 50}), [3]int{200, 100, 50}, picture.NotJPEG},
		"GIF":              {encodeGIF(fill(image.NewPaletted(box, palette), orange)), [3]int{200, 100, 50}, picture.NotJPEG},
		"BMP":              {bmpFile(8, 8, [3]byte{200, 100, 50}), [3]int{200, 100, 50}, picture.NotJPEG},
		"WebP":             {losslessWebP(8, 8, [3]byte{200, 100, 50}), [3]int{200, 100, 50}, picture.NotJPEG},
		"JPEG":             {encodeJPEG(fill(image.NewNRGBA(box), orange)), [3]int{200, 100, 50}, 0},
		"grey JPEG":        {encodeJPEG(fill(image.NewGray(box), color.Gray{77})), [3]int{77, 77, 77}, picture.Grey},
		"YCbCr JPEG":       {flatJPEG{values: []uint8{150, 90, 160}}.encode(), [3]int{195, 140, 83}, 0},
		"Adobe RGB JPEG":   {flatJPEG{values: []uint8{200, 100, 50}, adobe: true}.encode(), [3]int{200, 100, 50}, 0},
		"RGB by name":      {flatJPEG{values: []uint8{200, 100, 50}, names: "RGB"}.encode(), [3]int{200, 100, 50}, 0},
		"progressive":      {flatJPEG{values: []uint8{150, 90, 160}, progressive: true}.encode(), [3]int{195, 140, 83}, 0},
		"progressive grey": {flatJPEG{values: []uint8{77}, progressive: true}.encode(), [3]int{77, 77, 77}, picture.Grey},
		"CMYK JPEG": {flatJPEG{values: []uint8{200, 100, 50, 255}, adobe: true}.encode(), [3]int{200, 100, 50},
			picture.CMYK},
		"dark CMYK JPEG": {flatJPEG{values: []uint8{200, 100, 50, 128}, adobe: true}.encode(), [3]int{100, 50, 25},
			picture.CMYK},
		"CMYK, no marker": {flatJPEG{values: []uint8{200, 100, 50, 128}}.encode(), [3]int{100, 50, 25}, picture.CMYK},
		"YCCK JPEG": {flatJPEG{values: []uint8{77, 128, 128, 255}, adobe: true, transform: 2}.encode(),
			[3]int{178, 178, 178}, picture.CMYK},
	} {
		for _, size := range []int{8, 5, 11} {
			pixels, flags, err := decode(t, c.data, picture.Options{Size: size})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			want := c.flags
			if size > 8 {
				want |= picture.Upscaled
			}
			if flags != want {
				t.Errorf("%s at %d: flags %q, want %q", name, size, flags, want)
			}
			for i, v := range pixels {
				if d := int(v) - c.want[i%3]; d < -2 || d > 2 { // JPEG and alpha round
					t.Errorf("%s at %d: byte %d is %d, want %d", name, size, i, v, c.want[i%3])
					break
				}
			}
		}
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image.txt") // the name does not matter
	check(t, os.WriteFile(path, encodePNG(mini.Noise(9, 8)), 0o666))
	pixels, err := picture.ReadFile(path, picture.Options{Size: 8})
	check(t, err)
	if want := mini.Noise(9, 8).Pix[:3]; !bytes.Equal(pixels[:3], want) {
		t.Errorf("first pixel %v, want %v", pixels[:3], want)
	}
	check(t, os.WriteFile(filepath.Join(filepath.Dir(path), "empty"), nil, 0o666))
	for _, c := range []struct {
		name string
		size int
		want string
	}{{"image.txt", 0, "want 1 to 4096"}, {"image.txt", 4097, "want 1 to 4096"}, {"none", 8, "no such file"},
		{"empty", 8, "empty file"}} {
		_, err := picture.ReadFile(filepath.Join(filepath.Dir(path), c.name), picture.Options{Size: c.size})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s at %d: error %v, want the name and %q", c.name, c.size, err, c.want)
		}
	}
}

func TestFormats(t *testing.T) {
	for head, want := range map[string]string{
		"\xff\xd8\xff\xe0": "JPEG", "\x89PNG\r\n\x1a\n": "PNG", "GIF89a": "GIF", "BM": "BMP",
		"RIFF\x10\x00\x00\x00WEBPVP8 ": "WebP",
		"II*\x00":                      "TIFF", "MM\x00*": "TIFF", "\x00\x00\x00\x20ftypheic": "HEIC",
		"\x00\x00\x00\x20ftypavif":       "AVIF",
		"\x00\x00\x00\x0cjP  \r\n\x87\n": "JPEG 2000", "\xff\x0a": "JPEG XL", "RIFF\x10\x00\x00\x00WAVE": "", "<html>": "",
		"": "",
	} {
		if got := picture.Format([]byte(head)); got != want {
			t.Errorf("%q is %q, want %q", head, got, want)
		}
		_, _, err := decode(t, []byte(head+strings.Repeat("\x00", 40)), picture.Options{Size: 8})
		if err == nil || want != "" && !strings.HasPrefix(err.Error(), want+": ") {
			t.Errorf("%q: error %v, want one that begins with %q", head, err, want)
		}
	}
}

func TestEncodeJPEG(t *testing.T) {
	m := photo(64, 64)
	rgb := &picture.RGB{Width: 64, Height: 64}
	for i := 0; i < len(m.Pix); i += 4 {
		rgb.Pix = append(rgb.Pix, m.Pix[i:i+3]...)
	}
	for quality, most := range map[int]float64{95: 4, 75: 8} {
		data, err := picture.EncodeJPEG(rgb.Pix, 64, quality)
		check(t, err)
		got, _, err := decode(t, data, picture.Options{Size: 64})
		check(t, err)
		sum := 0.
		for i := range got {
			sum += math.Abs(float64(got[i]) - float64(rgb.Pix[i]))
		}
		if mean := sum / float64(len(got)); !(mean < most) {
			t.Errorf("quality %d: mean difference %.2f, want under %v", quality, mean, most)
		}
	}
	for _, size := range []int{1, 7, 300} { // noise, which is as large as a JPEG gets
		m := mini.Noise(size, size)
		pixels := make([]byte, 0, size*size*3)
		for i := 0; i < len(m.Pix); i += 4 {
			pixels = append(pixels, m.Pix[i:i+3]...)
		}
		data, err := picture.EncodeJPEG(pixels, size, 100)
		check(t, err)
		if width, height, err := picture.Bounds(data); err != nil || width != size || height != size {
			t.Errorf("size %d: a JPEG of %dx%d, error %v", size, width, height, err)
		}
	}
	for _, c := range []struct{ bytes, size, quality int }{{64 * 64 * 3, 64, 0}, {64 * 64 * 3, 64, 101}, {5, 64, 90},
		{0, 0, 90}} {
		if _, err := picture.EncodeJPEG(rgb.Pix[:c.bytes], c.size, c.quality); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}

func TestFlagNames(t *testing.T) {
	if got := (picture.Grey | picture.Upscaled | picture.SixteenBit).String(); got != "grey+upscaled+16-bit" {
		t.Errorf("flags are named %q", got)
	}
	// Stored in files: never to change.
	if got := []picture.Flags{picture.Grey, picture.CMYK, picture.NotJPEG, picture.Truncated, picture.Oriented,
		picture.Upscaled, picture.Alpha, picture.SixteenBit}; !bytes.Equal(bytesOf(got),
		[]byte{1, 2, 4, 8, 16, 32, 64, 128}) {
		t.Errorf("flags are %v", bytesOf(got))
	}
}

func bytesOf(flags []picture.Flags) (b []byte) {
	for _, f := range flags {
		b = append(b, byte(f))
	}
	return b
}

func isTruncated(err error) bool { return errors.Is(err, picture.ErrTruncated) }

type colour = color.Color

var (
	black = color.Gray{0}
	white = color.Gray{255}
)
