package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"io"

	"golang.org/x/image/webp"
)

// A webpFrame is a WebP's picture, of an animation the first. Go's decoder knows no animations and refuses what libwebp
// passes over (a flag of alpha without any, a wrong length of the file), so it gets a file of the frame alone.
// Source: https://developers.google.com/speed/webp/docs/riff_container.
type webpFrame struct {
	screen, frame image.Rectangle
	alpha, pixels []byte
	kind          string // of the pixels: "VP8 ", lossy, or "VP8L"
}

func parseWebP(data []byte) (f webpFrame, err error) {
	animated, transparent := false, false
	var at image.Point
	for rest := data[12:]; f.kind == ""; {
		if len(rest) < 8 {
			return f, io.ErrUnexpectedEOF
		}
		kind, n := string(rest[:4]), uint64(binary.LittleEndian.Uint32(rest[4:]))
		body := rest[8:min(8+n, uint64(len(rest)))]
		rest = rest[min(8+n+n%2, uint64(len(rest))):]
		switch {
		case kind == "VP8X" && len(body) >= 10:
			const alpha = 0x10
			transparent = body[0]&alpha != 0
			f.screen = image.Rect(0, 0, 1+uint24(body[4:]), 1+uint24(body[7:]))
		case kind == "ANMF" && len(body) >= 16: // a frame: what follows are its own chunks
			animated, at = true, image.Pt(2*uint24(body), 2*uint24(body[3:]))
			rest = body[16:]
		case kind == "ALPH" && transparent:
			f.alpha = body
		case kind == "VP8 " || kind == "VP8L":
			f.kind, f.pixels = kind, body
		}
	}
	config, err := webp.DecodeConfig(bytes.NewReader(riff(f.kind, f.pixels)))
	if err != nil {
		return f, err
	}
	f.frame = image.Rect(0, 0, config.Width, config.Height).Add(at)
	if f.screen.Empty() {
		f.screen = f.frame
	}
	if !f.frame.In(f.screen) || !animated && f.frame != f.screen {
		return f, fmt.Errorf("pixels of %v, but a screen of %v", f.frame, f.screen)
	}
	return f, nil
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// riff is a WebP of so many chunks, each a kind and a body.
func riff(chunks ...any) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WEBP")
	for i := 0; i < len(chunks); i += 2 {
		body := chunks[i+1].([]byte)
		b = binary.LittleEndian.AppendUint32(append(b, chunks[i].(string)...), uint32(len(body)))
		b = append(append(b, body...), make([]byte, len(body)%2)...)
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// decodeWebP decodes the first frame only, which need not cover the picture.
func decodeWebP(data []byte) (m image.Image, err error) {
	f, err := parseWebP(data)
	if err != nil {
		return nil, err
	}
	still := riff(f.kind, f.pixels)
	if f.alpha != nil && f.kind == "VP8 " {
		const alpha = 0x10
		w, h := f.frame.Dx()-1, f.frame.Dy()-1
		flags := []byte{alpha, 0, 0, 0, byte(w), byte(w >> 8), byte(w >> 16), byte(h), byte(h >> 8), byte(h >> 16)}
		still = riff("VP8X", flags, "ALPH", f.alpha, f.kind, f.pixels)
	}
	m, err = webp.Decode(bytes.NewReader(still))
	if err != nil {
		return nil, err
	}
	switch v := m.(type) {
	case *image.YCbCr:
		m = &video{image.NYCbCrA{YCbCr: *v}}
	case *image.NYCbCrA:
		m = &video{*v}
	}
	if f.frame == f.screen {
		return m, nil
	}
	return &framed{Image: m, at: f.frame.Min, screen: f.screen}, nil
}
