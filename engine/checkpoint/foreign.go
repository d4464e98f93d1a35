package checkpoint

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf8"
)

// safetensors is what Looks calls a file that begins as a checkpoint does.
const safetensors = "a safetensors file"

// headBytes are what a file is recognised by.
const headBytes = 4096

// kinds are files that are taken for checkpoints by mistake, by their first bytes.
var kinds = []struct{ begins, what string }{
	{"PK\x03\x04", "a zip archive, as PyTorch's torch.save writes it (.pt, .pth)"},
	{"PK\x05\x06", "an empty zip archive"},
	{"\x80\x02", "a Python pickle, as older versions of torch.save write it (.pt, .pth)"},
	{"\x80\x03", "a Python pickle"},
	{"\x80\x04\x95", "a Python pickle"},
	{"\x80\x05\x95", "a Python pickle"},
	{"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes it (.h5)"},
	{"\x93NUMPY", "a NumPy array (.npy)"},
	{"GGUF", "a GGUF file"},
	{"version https://git-lfs.github.com/", "a pointer of git-lfs, in the place of the file itself: want git lfs pull"},
	{"\x1f\x8b", "a gzip file: want it unpacked"},
	{"BZh", "a bzip2 file: want it unpacked"},
	{"\xfd7zXZ\x00", "an xz file: want it unpacked"},
	{"\x28\xb5\x2f\xfd", "a zstd file: want it unpacked"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive: want it unpacked"},
	{"Rar!\x1a\x07", "a RAR archive: want it unpacked"},
	{"\x89PNG\r\n\x1a\n", "a PNG picture"},
	{"\xff\xd8\xff", "a JPEG picture"},
	{"GIF87a", "a GIF picture"},
	{"GIF89a", "a GIF picture"},
	{"%PDF-", "a PDF document"},
	{"\x7fELF", "a program"},
}

// looks says what a file of this size, which is no checkpoint, looks like from its first bytes; "" where it begins as a
// safetensors file does, or like nothing that is known.
func looks(r io.ReaderAt, size int64) string {
	head := make([]byte, min(size, headBytes))
	if _, err := r.ReadAt(head, 0); err != nil {
		return "" // which reading it from its beginning has found out too
	}
	if len(head) <= lengthBytes || head[lengthBytes] == '{' { // as a safetensors file begins, whole or not
		return ""
	}
	return Looks(head)
}

// Looks says what kind of file begins with these bytes, as in "a PNG picture"; "" of what begins like nothing that is
// known. 4096 bytes suffice.
func Looks(head []byte) string {
	head = head[:min(len(head), headBytes)]
	if len(head) > lengthBytes && head[lengthBytes] == '{' && binary.LittleEndian.Uint64(head) <= maxHeader {
		return safetensors
	}
	for _, k := range kinds {
		if bytes.HasPrefix(head, []byte(k.begins)) {
			return k.what
		}
	}
	if len(head) >= 262 && string(head[257:262]) == "ustar" {
		return "a tar archive: want it unpacked"
	}
	if len(bytes.Trim(head, "\x00")) == 0 {
		return "nothing but zero bytes, as after an interrupted copy"
	}
	return text(head)
}

// text says what a text looks like, "" of what is none.
func text(head []byte) string {
	for cut := 0; cut < utf8.UTFMax && len(head) > 0 && !utf8.Valid(head); cut++ { // the last character may be cut
		head = head[:len(head)-1]
	}
	control := func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' }
	if len(head) == 0 || !utf8.Valid(head) || bytes.ContainsFunc(head, control) {
		return ""
	}
	start := bytes.ToLower(bytes.TrimLeft(head, "\ufeff \t\r\n"))
	for _, mark := range []string{"<!doctype html", "<html", "<head", "<body", "<!--"} {
		if bytes.HasPrefix(start, []byte(mark)) {
			return "a web page, such as a server sends in the place of a file"
		}
	}
	switch {
	case bytes.HasPrefix(start, []byte("<")):
		return "an XML text"
	case bytes.HasPrefix(start, []byte("{")):
		return "a JSON text"
	}
	return "a text"
}
