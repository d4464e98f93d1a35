package picture

import (
	"bytes"
	"fmt"
	"image"
)

// Format names the format of a file by its first bytes (16 are enough), "" if it is none that is known: JPEG, PNG, GIF,
// BMP and WebP, which are decoded, and TIFF, HEIC, AVIF, JPEG 2000 and JPEG XL, which are not.
func Format(head []byte) string {
	at := func(offset int, magic string) bool {
		return len(head) >= offset && bytes.HasPrefix(head[offset:], []byte(magic))
	}
	switch {
	case at(0, "\xff\xd8"):
		return "JPEG"
	case at(0, "\x89PNG\r\n\x1a\n"):
		return "PNG"
	case at(0, "GIF87a"), at(0, "GIF89a"):
		return "GIF"
	case at(0, "RIFF") && at(8, "WEBP"):
		return "WebP"
	case at(0, "II*\x00"), at(0, "MM\x00*"), at(0, "II+\x00"), at(0, "MM\x00+"):
		return "TIFF"
	case at(4, "ftypavif"), at(4, "ftypavis"):
		return "AVIF"
	case at(4, "ftyphei"), at(4, "ftyphev"), at(4, "ftypmif1"), at(4, "ftypmsf1"):
		return "HEIC"
	case at(0, "\x00\x00\x00\x0cjP  \r\n\x87\n"):
		return "JPEG 2000"
	case at(0, "\xff\x0a"), at(0, "\x00\x00\x00\x0cJXL \r\n\x87\n"):
		return "JPEG XL"
	case at(0, "BM"):
		return "BMP"
	}
	return ""
}

// header tells a file's format and size in pixels, of which it looks at nothing but the header.
func header(data []byte) (format string, width, height int, err error) {
	format = Format(data)
	var config image.Config
	switch format {
	case "":
		if len(data) == 0 {
			return "", 0, 0, fmt.Errorf("empty file: want JPEG, PNG, GIF, BMP or WebP")
		}
		return "", 0, 0, fmt.Errorf("starts with %.8q: want JPEG, PNG, GIF, BMP or WebP", data)
	case "JPEG":
		var h jpegHeader
		h, err = parseJPEG(data)
		config.Width, config.Height = h.width, h.height
	case "PNG":
		config.Width, config.Height, err = pngSize(data)
	case "GIF":
		var f gifFrame
		f, err = parseGIF(data)
		config.Width, config.Height = f.screen.Dx(), f.screen.Dy()
	case "BMP":
		var h bmpHeader
		h, err = parseBMP(data)
		config.Width, config.Height = h.width, h.height
	case "WebP":
		var f webpFrame
		f, err = parseWebP(data)
		config.Width, config.Height = f.screen.Dx(), f.screen.Dy()
	default:
		return format, 0, 0, fmt.Errorf("%s: not a format that is decoded: want JPEG, PNG, GIF, BMP or WebP", format)
	}
	if err == nil {
		err = checkPixels(config.Width, config.Height)
	}
	if err == nil {
		err = checkLength(format, config, data)
	}
	if err != nil {
		return format, 0, 0, fmt.Errorf("%s: %w", format, cutShort(err))
	}
	return format, config.Width, config.Height, nil
}

// Bounds is the size in pixels that a file's header gives, before any turning.
func Bounds(data []byte) (width, height int, err error) {
	_, width, height, err = header(data)
	return width, height, err
}

// checkLength refuses a file that is far too short for its pixels before memory is taken for them. At the least, a JPEG
// has a bit for every block of 64 pixels and deflate (PNG) two bits for 258 bytes. A BMP's are counted when it is
// decoded. A GIF's frame takes a byte a pixel whatever its length, and in WebP pixels may take nothing.
func checkLength(format string, config image.Config, data []byte) error {
	pixels, length := config.Width*config.Height, len(data)
	short := false
	switch format {
	case "JPEG":
		short = pixels > length*8*64
	case "PNG": // whose header was found good
		short = pixels*pngBits(data[16:])/8 > length*1032
	}
	if short {
		return fmt.Errorf("%w: %d bytes for %dx%d pixels", ErrTruncated, length, config.Width, config.Height)
	}
	return nil
}

// decodeOther decodes any format but JPEG.
func decodeOther(data []byte, format string, allowTruncated bool) (m image.Image, flags Flags, err error) {
	truncated := false
	switch format {
	case "PNG":
		m, truncated, err = decodePNG(data, allowTruncated)
	case "GIF":
		m, truncated, err = decodeGIF(data, allowTruncated)
	case "BMP":
		m, truncated, err = decodeBMP(data, allowTruncated)
	case "WebP":
		m, err = decodeWebP(data)
	}
	if err != nil {
		return nil, flags, cutShort(err)
	}
	if flags = flagsOf(m); truncated {
		flags |= Truncated
	}
	return m, flags, nil
}

// flagsOf tells what an image's type says of it.
func flagsOf(m image.Image) (flags Flags) {
	switch m.(type) {
	case *image.Gray:
		flags = Grey
	case *image.Gray16:
		flags = Grey | SixteenBit
	case *image.RGBA64, *image.NRGBA64:
		flags = SixteenBit
	case *image.CMYK:
		flags = CMYK
	}
	if o, ok := m.(interface{ Opaque() bool }); ok && !o.Opaque() {
		flags |= Alpha
	}
	return flags
}
