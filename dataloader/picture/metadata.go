package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"io"
	"regexp"
)

const (
	exifPrefix = "Exif\x00\x00"
	xmpPrefix  = "http://ns.adobe.com/xap/1.0/\x00" // of a JPEG's segment
)

// metadata is what a file says about its picture. Where it says so more than once, the orientation is taken from the
// place from which Pillow takes it.
type metadata struct {
	exif, xmp []byte
}

// orientation is that of EXIF, without one there that of XMP.
func (m *metadata) orientation() orientation {
	o, found := parseEXIF(m.exif)
	if !found {
		if match := xmpOrientation.FindSubmatch(m.xmp); match != nil {
			o = orientation(match[1][0] - '0')
		}
	}
	return o
}

// xmpOrientation is EXIF's orientation as an attribute or an element of XMP.
var xmpOrientation = regexp.MustCompile(`tiff:Orientation(?:="|>)([1-8])`)

// segment takes in a JPEG's APP1 segment. EXIF that is too long for one goes on in the next.
func (m *metadata) segment(body []byte) {
	if exif, ok := bytes.CutPrefix(body, []byte(exifPrefix)); ok {
		m.exif = append(m.exif[:len(m.exif):len(m.exif)], exif...)
	} else if xmp, ok := bytes.CutPrefix(body, []byte(xmpPrefix)); ok && m.xmp == nil {
		m.xmp = xmp
	}
}

// metadataOf finds the metadata of a PNG or a WebP; other formats but JPEG have none.
func metadataOf(data []byte, format string) (m metadata) {
	switch format {
	case "PNG":
		var profile []byte // EXIF as ImageMagick wrote it before PNG had a chunk for it
		for rest := data[len(pngSignature):]; len(rest) >= 8; {
			kind, body, crc, behind := nextChunk(rest)
			rest = behind
			if crc != crcRight {
				continue
			}
			if kind == "eXIf" {
				m.exif = body
				continue
			}
			switch key, text := pngText(kind, body); key {
			case "Raw profile type exif":
				profile = rawProfile(text)
			case "XML:com.adobe.xmp":
				m.xmp = text
			}
		}
		if m.exif == nil {
			m.exif = profile
		}
	case "WebP": // kind, length, body, and a byte where the length is odd
		for rest := data[12:]; len(rest) >= 8; {
			n := uint64(binary.LittleEndian.Uint32(rest[4:]))
			if n+8 > uint64(len(rest)) {
				break
			}
			switch string(rest[:4]) {
			case "EXIF":
				m.exif = rest[8 : 8+n]
			case "XMP ":
				m.xmp = rest[8 : 8+n]
			}
			rest = rest[min(8+n+n%2, uint64(len(rest))):]
		}
	}
	return m
}

// pngText is the key of a chunk of text, and the text, unpacked, which may be long: the first MiB. "": another chunk.
func pngText(kind string, body []byte) (key string, text []byte) {
	k, rest, _ := bytes.Cut(body, []byte{0})
	packed := false
	switch {
	case kind == "tEXt":
	case kind == "zTXt" && len(rest) > 0: // the method of packing
		packed, rest = true, rest[1:]
	case kind == "iTXt" && len(rest) > 1: // whether it is packed, the method, the language and the key in it
		packed = rest[0] != 0
		_, rest, _ = bytes.Cut(rest[2:], []byte{0})
		_, rest, _ = bytes.Cut(rest, []byte{0})
	default:
		return "", nil
	}
	if packed {
		z, err := zlib.NewReader(bytes.NewReader(rest))
		if err != nil {
			return "", nil
		}
		const most = 1 << 20
		rest, _ = io.ReadAll(io.LimitReader(z, most)) // what there is of it
	}
	return string(k), rest
}

// rawProfile is what ImageMagick writes as text: an empty line, the name, the length, and lines of hexadecimal digits.
func rawProfile(text []byte) []byte {
	lines := bytes.SplitN(text, []byte("\n"), 4)
	if len(lines) < 4 {
		return nil
	}
	b, err := hex.DecodeString(string(bytes.ReplaceAll(bytes.TrimSpace(lines[3]), []byte("\n"), nil)))
	if err != nil {
		return nil
	}
	return b
}
