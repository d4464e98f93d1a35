package picture_test

import (
	"bytes"
	"image"
	"strings"
	"testing"

	"duet/dataloader/picture"
)

// header makes the header of a PNG of 4x4 pixels.
func header(depth, colourType, interlaced byte) string {
	return "IHDR\x00\x00\x00\x04\x00\x00\x00\x04" + string([]byte{depth, colourType, 0, 0, interlaced})
}

// rawRows are the rows of 4x4 pixels of so many bytes, each after the number of its filter, 0.
func rawRows(pixel int) (rows []byte) {
	for y := range 4 {
		rows = append(rows, 0)
		for i := range 4 * pixel {
			rows = append(rows, byte(10+50*y+3*i))
		}
	}
	return rows
}

// spoil makes the checksum of a chunk wrong.
func spoil(data []byte, kind string) []byte {
	data = bytes.Clone(data)
	at := bytes.LastIndex(data, []byte(kind))
	length := int(data[at-2])<<8 | int(data[at-1])
	data[at+4+length] ^= 1
	return data
}

const palette = "PLTE\x0a\x14\x1e\x28\x32\x3c\x46\x50\x5a\x64\x6e\x78" // four colours: 10 20 30, 40 50 60, ...

// TestPNGOdd: what is wrong with a PNG but not with its pixels is passed over, as libpng or Pillow does.
func TestPNGOdd(t *testing.T) {
	rgb, text := header(8, 2, 0), "tEXtComment\x00anything"
	pixels := idat(rawRows(3))
	numbers := idat([]byte{0, 0, 1, 2, 3, 0, 0, 1, 2, 3, 0, 0, 1, 2, 3, 0, 0, 1, 2, 3})
	whole := pngOf(rgb, text, pixels, text, "IEND")
	end := len(whole) - 12
	paletted := pngOf(header(8, 3, 0), palette, numbers, "IEND")
	rgba := pngOf(header(8, 6, 0), idat(rawRows(4)), "IEND")
	grey := pngOf(header(8, 0, 0), idat(rawRows(1)), "IEND")
	wrongSum := pixels[:len(pixels)-1] + string(pixels[len(pixels)-1]^1)
	interlaced := interlacedPNG(image.Rect(0, 0, 4, 4), [3]byte{1, 2, 3})
	for name, c := range map[string]struct{ odd, like []byte }{
		"checksum of a text before the pixels": {spoil(pngOf(rgb, text, pixels, "IEND"), "tEXt"), whole},
		"checksum of a text after them":        {spoil(whole, "tEXt"), whole},
		"checksum of a profile": {spoil(pngOf(header(8, 3, 0), "iCCPp\x00\x00x", palette, numbers, "IEND"),
			"iCCP"), paletted},
		"checksum of transparency": {spoil(pngOf(header(8, 3, 0), palette, "tRNS\x00", numbers, "IEND"), "tRNS"),
			paletted},
		"checksum of the end":                {spoil(whole, "IEND"), whole},
		"checksum of the pixels' chunk":      {spoil(whole, "IDAT"), whole},
		"checksum of zlib":                   {pngOf(rgb, wrongSum, "IEND"), whole},
		"no end":                             {whole[:end], whole},
		"half an end":                        {whole[:end+5], whole},
		"half a text after the pixels":       {whole[:end-9], whole},
		"nothing behind the pixels":          {pngOf(rgb, pixels), whole},
		"pixels without their checksum":      {pngOf(rgb, pixels)[:len(pngOf(rgb, pixels))-4], whole},
		"pixels without zlib's checksum":     {pngOf(rgb, pixels[:len(pixels)-4], "IEND"), whole},
		"an end with a body":                 {pngOf(rgb, pixels, "IENDx"), whole},
		"a chunk of 4 GiB behind the pixels": {append(pngOf(rgb, pixels), "\xff\xff\xff\xfftEXtabc"...), whole},
		"too many rows":                      {pngOf(rgb, idat(append(rawRows(3), 0, 1, 2, 3, 4, 5, 6)), "IEND"), whole},
		"bytes behind the rows":              {pngOf(rgb, pixels+"garbage", "IEND"), whole},
		"another picture behind the first":   {pngOf(rgb, pixels, pixels, "IEND"), whole},
		"a text between the pixels":          {pngOf(rgb, pixels[:20], text, "IDAT"+pixels[20:], "IEND"), whole},
		"too many rows, interlaced": {
			pngOf(header(8, 2, 1), idat(append(interlacedRows(image.Rect(0, 0, 4, 4), [3]byte{1, 2, 3}), 0)), "IEND"),
			interlaced},
		"a palette twice":               {pngOf(header(8, 3, 0), "PLTE\x01\x02\x03", palette, numbers, "IEND"), paletted},
		"a palette after the pixels":    {pngOf(rgb, pixels, palette, "IEND"), whole},
		"a palette of grey pixels":      {pngOf(header(8, 0, 0), palette, idat(rawRows(1)), "IEND"), grey},
		"a palette of no whole colours": {pngOf(rgb, palette+"x", pixels, "IEND"), whole},
		"a palette longer than numbers": {pngOf(header(1, 3, 0), palette, idat(make([]byte, 8)), "IEND"),
			pngOf(header(1, 3, 0), palette[:10], idat(make([]byte, 8)), "IEND")},
		"a text beside a grey level's transparency": {spoil(pngOf(header(8, 0, 0), text, "tRNS\x00\x0a", idat(rawRows(1)),
			"IEND"), "tEXt"),
			pngOf(header(8, 0, 0), "tRNS\x00\x0a", idat(rawRows(1)), "IEND")},
		"a text beside a colour's transparency": {spoil(pngOf(rgb, text, "tRNS\x00\x0a\x00\x0d\x00\x10", pixels, "IEND"),
			"tEXt"),
			pngOf(rgb, "tRNS\x00\x0a\x00\x0d\x00\x10", pixels, "IEND")},
		"a text beside a palette's transparency": {spoil(pngOf(header(8, 3, 0), text, palette, "tRNS\x00\x80", numbers,
			"IEND"), "tEXt"),
			pngOf(header(8, 3, 0), palette, "tRNS\x00\x80", numbers, "IEND")},
		"a second transparency": {spoil(pngOf(rgb, text, "tRNS\x00\x0a\x00\x0d\x00\x10", "tRNS\x00\x0b\x00\x0d\x00\x10",
			pixels, "IEND"), "tEXt"),
			pngOf(rgb, "tRNS\x00\x0a\x00\x0d\x00\x10", pixels, "IEND")},
		"transparency of a wrong length":     {pngOf(rgb, "tRNS\x00", pixels, "IEND"), whole},
		"transparency beside alpha":          {pngOf(header(8, 6, 0), "tRNS\x00\x0a", idat(rawRows(4)), "IEND"), rgba},
		"transparency before the palette":    {pngOf(header(8, 3, 0), "tRNS\x00", palette, numbers, "IEND"), paletted},
		"transparency after the pixels":      {pngOf(rgb, pixels, "tRNS\x00\x0a\x00\x0d\x00\x10", "IEND"), whole},
		"a second header":                    {pngOf(rgb, rgb, pixels, "IEND"), whole},
		"a chunk that nobody knows, spoiled": {spoil(pngOf(rgb, "ABCDx", pixels, "IEND"), "ABCD"), whole},
	} {
		want, wantFlags, err := decode(t, c.like, picture.Options{Size: 4})
		check(t, err)
		for _, allow := range []bool{false, true} {
			got, flags, err := decode(t, c.odd, picture.Options{Size: 4, Reading: picture.Reading{AllowTruncated: allow}})
			if err != nil || flags != wantFlags || !bytes.Equal(got, want) {
				t.Errorf("%s, allowed %v: flags %q, error %v, equal pixels %v; want %q", name, allow, flags, err,
					bytes.Equal(got, want), wantFlags)
			}
		}
	}
}

// TestPNGDamaged: pixels that are missing or damaged are truncated.
func TestPNGDamaged(t *testing.T) {
	rgb, rows := header(8, 2, 0), rawRows(3)
	whole := pngOf(rgb, idat(rows), "IEND")
	twice := spoil(pngOf(rgb, idat(rows)[:len(idat(rows))-4]+"nope", "IEND"), "IDAT")
	interlaced := pngOf(header(8, 2, 1), idat(interlacedRows(image.Rect(0, 0, 4, 4), [3]byte{1, 2, 3})[:20]), "IEND")
	for name, c := range map[string]struct {
		data []byte
		want []byte // how the pixels begin
	}{
		"both checksums":          {twice, append(bytes.Clone(rows[1:13]), rows[14:26]...)},
		"too few rows":            {pngOf(rgb, idat(rows[:20]), "IEND"), rows[1:13]},
		"interlaced, too few":     {interlaced, []byte{1, 2, 3}},
		"cut short in the pixels": {whole[:len(whole)-12-4-4-10], rows[1:13]},
	} {
		if _, _, err := decode(t, c.data, picture.Options{Size: 4}); err == nil || !strings.HasPrefix(err.Error(), "PNG: ") {
			t.Errorf("%s: error %v", name, err)
		}
		got, flags, err := decode(t, c.data, picture.Options{Size: 4, Reading: picture.Reading{AllowTruncated: true}})
		if err != nil || flags != picture.NotJPEG|picture.Truncated || !bytes.HasPrefix(got, c.want) {
			t.Errorf("%s, allowed: flags %q, error %v, pixels %v, want %v", name, flags, err, got[:len(c.want)], c.want)
		}
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"checksum of the header": {spoil(whole, "IHDR"), "PNG: the checksum of IHDR is wrong"},
		"another chunk first": {pngOf("CgBI\x00\x00\x00\x00", rgb, idat(rows), "IEND"),
			`PNG: its first chunk is "CgBI" of 4 bytes: want IHDR of 13`},
		"half a header":     {whole[:20], "PNG: cut short"},
		"a signature alone": {whole[:8], "PNG: cut short"},
		"3 bits a channel": {pngOf(header(3, 2, 0), idat(rows), "IEND"),
			"PNG: png: unsupported feature: bit depth 3, color type 2"},
		"no pixels":                 {pngOf(rgb, "IEND"), "PNG: png: invalid format: chunk out of order"},
		"pixels that are no zlib's": {pngOf(rgb, "IDATabcdefgh", "IEND"), "PNG: "},
		"no palette":                {pngOf(header(8, 3, 0), idat(rawRows(1)), "IEND"), "PNG: "},
		"a filter of number 9": {pngOf(rgb, idat(bytes.Repeat([]byte{9}, 52)), "IEND"),
			"PNG: png: invalid format: bad filter type"},
	} {
		for _, allow := range []bool{false, true} {
			_, _, err := decode(t, c.data, picture.Options{Size: 4, Reading: picture.Reading{AllowTruncated: allow}})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%s, allowed %v: error %v, want %q", name, allow, err, c.want)
			}
		}
	}
}
