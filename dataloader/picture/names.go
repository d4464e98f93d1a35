package picture

import (
	"bufio"
	"image"
	_ "image/gif" // the formats whose headers Size reads
	_ "image/jpeg"
	_ "image/png"
	"path"
	"slices"
	"strings"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"
)

// Endings are those of files that are named as images, in lower case. What is named as one of them may be another.
var Endings = []string{".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".png", ".bmp", ".gif", ".webp"}

// foreignEndings are of images that are not decoded.
var foreignEndings = []string{".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".ppm", ".pgm",
	".pbm",
	".pnm", ".tga", ".ico", ".svg", ".psd", ".pcx", ".dds", ".exr", ".dng", ".cr2", ".nef", ".arw"}

// IsNamed reports whether a file is named as an image.
func IsNamed(name string) bool { return slices.Contains(Endings, strings.ToLower(path.Ext(name))) }

// IsForeign reports whether a file is named as an image of a format that is not decoded.
func IsForeign(name string) bool {
	return slices.Contains(foreignEndings, strings.ToLower(path.Ext(name)))
}

// Size is the size in pixels that a file's header gives; 0 when it gives none. Unlike Bounds it reads no more of the
// file than that.
func Size(r *bufio.Reader) (w, h int) {
	defer func() {
		if recover() != nil {
			w, h = 0, 0
		}
	}()
	config, _, err := image.DecodeConfig(r)
	if err != nil {
		return 0, 0
	}
	return config.Width, config.Height
}
