package picture_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"math"
	"strings"
	"testing"

	"duet/dataloader/picture"
)

// TestTruncated cuts files at many places: an error that says so by default; with AllowTruncated the upper rows as they
// are in the whole file, or still an error where there is nothing to keep.
func TestTruncated(t *testing.T) {
	m := photo(96, 80)
	grey := image.NewGray(m.Rect)
	for i := range grey.Pix {
		grey.Pix[i] = m.Pix[4*i]
	}
	photoJPEG := encodeJPEG(m)
	for name, c := range map[string]struct {
		data  []byte
		fill  [2]int // bounds of what is missing
		start string // what the pixels come after
	}{
		"JPEG":      {photoJPEG, [2]int{126, 131}, "\xff\xda"},
		"grey JPEG": {encodeJPEG(grey), [2]int{126, 131}, "\xff\xda"},
		"PNG":       {encodePNG(m), [2]int{0, 3}, "IDAT"},
	} {
		whole, _, err := decode(t, c.data, picture.Options{Size: 80})
		check(t, err)
		header := bytes.Index(c.data, []byte(c.start))
		for _, cut := range []int{header / 2, header} {
			for _, allow := range []bool{false, true} {
				if _, _, err := decode(t, c.data[:cut], picture.Options{Size: 80,
					Reading: picture.Reading{AllowTruncated: allow}}); !isTruncated(err) {
					t.Errorf("%s cut to %d bytes, allowed %v: error %v, want %v", name, cut, allow, err, picture.ErrTruncated)
				}
			}
		}
		for _, percent := range []int{40, 60, 80, 95, 99} {
			cut := c.data[:header+(len(c.data)-header)*percent/100]
			if _, _, err := decode(t, cut, picture.Options{Size: 80}); !isTruncated(err) {
				t.Errorf("%s cut to %d%%: error %v, want %v", name, percent, err, picture.ErrTruncated)
			}
			got, flags, err := decode(t, cut, picture.Options{Size: 80, Reading: picture.Reading{AllowTruncated: true}})
			if err != nil || flags&picture.Truncated == 0 {
				t.Errorf("%s cut to %d%%, allowed: flags %q, error %v", name, percent, flags, err)
				continue
			}
			same := 0
			for same < len(got) && got[same] == whole[same] {
				same++
			}
			// The noise takes most of the bytes, so that the rows left are in proportion; a group of 16 may be lost.
			if rows, want := same/(80*3), 80*percent/100-18; rows < want {
				t.Errorf("%s cut to %d%%: %d rows of 80 are as in the whole file, want %d", name, percent, rows, want)
			}
			if last := int(got[len(got)-1]); percent < 80 && (last < c.fill[0] || last > c.fill[1]) {
				t.Errorf("%s cut to %d%%: the last byte is %d, want %v", name, percent, last, c.fill)
			}
		}
	}
	noEnd := photoJPEG[:len(photoJPEG)-2]
	if _, _, err := decode(t, noEnd, picture.Options{Size: 80}); !isTruncated(err) {
		t.Errorf("without the end marker: error %v", err)
	}
	got, flags, err := decode(t, noEnd, picture.Options{Size: 80, Reading: picture.Reading{AllowTruncated: true}})
	check(t, err)
	if want, _, _ := decode(t, photoJPEG, picture.Options{Size: 80}); flags != picture.Truncated ||
		!bytes.Equal(got, want) {
		t.Errorf("without the end marker, allowed: flags %q, or other pixels", flags)
	}
}

// TestTruncatedProgressive cuts before the last scan: what there is of the scans before it is kept.
func TestTruncatedProgressive(t *testing.T) {
	data := flatJPEG{width: 32, height: 32, values: []uint8{150, 90, 160}, progressive: true}.encode()
	cut := data[:bytes.LastIndex(data, []byte{0xff, 0xda})+11]
	if _, _, err := decode(t, cut, picture.Options{Size: 32}); !isTruncated(err) {
		t.Errorf("error %v, want %v", err, picture.ErrTruncated)
	}
	got, flags, err := decode(t, cut, picture.Options{Size: 32, Reading: picture.Reading{AllowTruncated: true}})
	check(t, err)
	want, _, err := decode(t, data, picture.Options{Size: 32})
	check(t, err)
	if flags != picture.Truncated || !bytes.Equal(got, want) { // the last scan is empty
		t.Errorf("flags %q, or other pixels than the whole file's", flags)
	}
}

// TestRefused: what is not to be decoded, on both builds.
func TestRefused(t *testing.T) {
	flat := flatJPEG{width: 16, height: 16, values: []uint8{150, 90, 160}}
	jpegFile := flat.encode()
	frame := bytes.Index(jpegFile, []byte{0xff, 0xc0})
	scan := bytes.Index(jpegFile, []byte{0xff, 0xda})
	change := func(at int, value ...byte) []byte {
		b := bytes.Clone(jpegFile)
		copy(b[at:], value)
		return b
	}
	insert := func(at int, value ...byte) []byte {
		return append(append(bytes.Clone(jpegFile[:at]), value...), jpegFile[at:]...)
	}
	many := flat
	many.progressive, many.scans = true, 600
	large := flatJPEG{values: []uint8{1, 2, 3}, progressive: true, scans: 9}.encode()
	copy(large[bytes.Index(large, []byte{0xff, 0xc2})+5:], []byte{0x1f, 0x40, 0x1f, 0x40})
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"huge PNG":                {pngOf(ihdr(60000, 60000, 0), idat(nil)), "60000x60000 pixels: want 1 to 67108864"},
		"PNG of no columns":       {pngOf(ihdr(0, 5, 0), idat(nil)), "PNG: "},
		"much too short PNG":      {pngOf(ihdr(8000, 8000, 0), idat(nil)), "cut short"},
		"much too short BMP":      {bmpFile(8000, 8000, [3]byte{})[:60], "cut short"},
		"huge JPEG":               {change(frame+5, 0xff, 0xff, 0xff, 0xff), "65535x65535 pixels: want 1 to"},
		"JPEG of no rows":         {change(frame+5, 0, 0), "16x0 pixels"},
		"JPEG of no columns":      {change(frame+7, 0, 0), "0x16 pixels"},
		"12-bit JPEG":             {change(frame+4, 12), "12 bits a channel: want 8"},
		"lossless JPEG":           {change(frame, 0xff, 0xc3), "lossless"},
		"arithmetic JPEG":         {change(frame, 0xff, 0xc9), "arithmetic-coded"},
		"two frames":              {insert(frame, jpegFile[frame:frame+19]...), "a second frame"},
		"scan before the frame":   {append(bytes.Clone(jpegFile[:2]), jpegFile[scan:]...), "before the frame"},
		"segment of no length":    {insert(frame, 0xff, 0xe5, 0, 0), "want 2 or more"},
		"JPEG without pixels":     {append(bytes.Clone(jpegFile[:scan]), 0xff, 0xd9), "no pixels"},
		"only a JPEG's beginning": {jpegFile[:2], "cut short"},
		"many scans":              {many.encode(), "want at most 500"},
		"many large scans":        {large, "13 scans of 8000x8000 pixels"},
		"no Huffman table":        {change(bytes.Index(jpegFile, []byte{0xff, 0xc4}), 0xff, 0xe7), "JPEG: "},
		"no quantisation table":   {change(bytes.Index(jpegFile, []byte{0xff, 0xdb}), 0xff, 0xe7), "JPEG: "},
		"two components":          {flatJPEG{values: []uint8{1, 2}}.encode(), "want 1, 3 or 4"},
		"missing rows":            {change(frame+5, 0, 200), "cut short"},
		"animated GIF, cut":       {encodeGIF(image.NewPaletted(image.Rect(0, 0, 8, 8), []colour{black}))[:30], "GIF: "},
		"WebP, cut":               {losslessWebP(8, 8, [3]byte{})[:22], "WebP: cut short"},
		"text":                    {[]byte("<html><body>404"), `starts with "<html><b": want JPEG, PNG, GIF, BMP or WebP`},
		"TIFF":                    {[]byte("II*\x00\x08\x00\x00\x00"), "TIFF: not a format that is decoded: want"},
	} {
		_, _, err := decode(t, c.data, picture.Options{Size: 8})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
		if strings.Contains(c.want, "cut short") && !isTruncated(err) {
			t.Errorf("%s: error %v is not ErrTruncated", name, err)
		}
	}
	d, err := picture.New(picture.Options{Size: 8})
	check(t, err)
	defer d.Close()
	if _, err := d.Decode(make([]byte, 7), jpegFile); err == nil || !strings.Contains(err.Error(), "want 192") {
		t.Errorf("7 bytes for 8x8 pixels: error %v", err)
	}
}

// TestDamaged: codes that there are none of, half way: an error, unless a part is allowed.
func TestDamaged(t *testing.T) {
	data := flatJPEG{width: 64, height: 64, values: []uint8{77}}.encode()
	want, _, err := decode(t, data, picture.Options{Size: 64})
	check(t, err)
	scan := bytes.Index(data, []byte{0xff, 0xda}) + 10
	middle := (scan + len(data)) / 2
	damaged := append(append(bytes.Clone(data[:middle]), 0xff, 0, 0xff, 0, 0xff, 0), data[middle:]...)
	if _, _, err := decode(t, damaged, picture.Options{Size: 64}); err == nil ||
		!strings.Contains(err.Error(), "bad Huffman code") {
		t.Errorf("error %v, want a bad Huffman code", err)
	}
	got, flags, err := decode(t, damaged, picture.Options{Size: 64, Reading: picture.Reading{AllowTruncated: true}})
	if err != nil || flags != picture.Grey|picture.Truncated || !bytes.Equal(got[:24*64*3], want[:24*64*3]) {
		t.Errorf("allowed: flags %q, error %v, or not the 24 rows before the damage", flags, err)
	}
}

// TestUnharmed: what is odd but says all its pixels is decoded.
func TestUnharmed(t *testing.T) {
	data := flatJPEG{width: 16, height: 16, values: []uint8{77}}.encode()
	restart := insertRestart(data)
	for name, data := range map[string][]byte{
		"garbage at the end": append(bytes.Clone(data), "garbage\xff\xd8\xff\xc3\x00"...),
		"fill bytes":         append([]byte{0xff, 0xd8, 0xff, 0xff, 0xff}, data[2:]...),
		"unknown segment":    append([]byte{0xff, 0xd8, 0xff, 0xe9, 0, 4, 0xff, 0xd9}, data[2:]...),
		"restart interval":   restart,
		"bytes before end":   append(append(bytes.Clone(data[:len(data)-2]), 1, 2, 3), 0xff, 0xd9),
	} {
		pixels, flags, err := decode(t, data, picture.Options{Size: 16})
		if err != nil || flags != picture.Grey {
			t.Errorf("%s: flags %q, error %v", name, flags, err)
			continue
		}
		for i, v := range pixels {
			if math.Abs(float64(v)-77) > 1 {
				t.Errorf("%s: byte %d is %d, want 77", name, i, v)
				break
			}
		}
	}
}

// insertRestart sets a restart interval as long as the picture, which restarts nothing.
func insertRestart(data []byte) []byte {
	at := bytes.Index(data, []byte{0xff, 0xda})
	return append(append(bytes.Clone(data[:at]), 0xff, 0xdd, 0, 4, 0, 4), data[at:]...)
}

// TestFirstFrame: a GIF's first frame, smaller than its screen, lies on black.
func TestFirstFrame(t *testing.T) {
	data := encodeGIF(fill(image.NewPaletted(image.Rect(0, 0, 4, 4), []colour{white}), white))
	binary.LittleEndian.PutUint32(data[6:], 8|8<<16) // the screen
	frame := bytes.IndexByte(data[13:], 0x2c) + 13
	if bytes.Count(data, []byte{0x2c}) != 1 {
		frame = bytes.LastIndexByte(data[:len(data)-10], 0x2c)
	}
	binary.LittleEndian.PutUint32(data[frame+1:], 4|4<<16) // at (4,4)
	second := append(bytes.Clone(data[:len(data)-1]), "\x2c garbage that is not looked at"...)
	pixels, flags, err := decode(t, second, picture.Options{Size: 8})
	check(t, err)
	if flags != picture.NotJPEG|picture.Alpha {
		t.Errorf("flags %q", flags)
	}
	for i, v := range pixels {
		want := byte(0)
		if y, x := i/24, i/3%8; x >= 4 && y >= 4 {
			want = 255
		}
		if v != want {
			t.Fatalf("byte %d is %d, want %d", i, v, want)
		}
	}
}
