package source

import (
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// An entry is a file or a folder of a source.
type entry struct {
	path    string // with slashes, clean and local
	size    int64
	dir     bool
	refused string // why it is not to be used; "" when it may
	aside   bool   // refused, though nothing is wrong with it
	link    string // refused as a link to this path of its archive, which may be an image
	alone   string // the path on disk of a file that is a path of the source by itself
	in      uint16 // container
	at      int64  // place in it
}

// A visitFunc is shown every entry once, in an order that every visit repeats. r reads the file, and is only good until
// it returns.
type visitFunc func(e entry, r io.Reader) error

// A fileError is the trouble of one file of a folder: the others can be read all the same.
type fileError struct{ error }

func (f *fileError) Error() string { return causeOf(f.error) }
func (f *fileError) Unwrap() error { return f.error }

// hidden reports whether a path is not looked at: its name or one of its folders' begins with a dot, or is housekeeping
// or a system's.
func hidden(p string) bool {
	return housekeeping(p) || outermost(p, isSystem) != "" || hiddenFolder(p) != "" || isHidden(path.Base(p))
}

func isHidden(name string) bool { return strings.HasPrefix(name, ".") && name != "." && name != ".." }

// hiddenFolder is the path of the outermost hidden folder around a file; "" when none is.
func hiddenFolder(p string) string { return outermost(path.Dir(p), isHidden) }

// outermost is the shortest beginning of a path whose last name is so; "" when no name is.
func outermost(p string, so func(name string) bool) string {
	for at := 0; at < len(p); {
		end := len(p)
		if next := strings.IndexByte(p[at:], '/'); next >= 0 {
			end = at + next
		}
		if so(p[at:end]) {
			return p[:end]
		}
		at = end + 1
	}
	return ""
}

// systemFolders are what file systems and servers keep in a folder of images, in lower case: what was deleted, earlier
// states, smaller copies.
var systemFolders = []string{"lost+found", "found.000", "system volume information", "$recycle.bin",
	"network recycle bin", "network trash folder", "temporary items", "~snapshot",
	"#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@sharebin", "@snapshot", "@tmp", "@__thumb"}

// isSystem reports whether a folder is one of the system's. RECYCLER, of Windows XP, may be a class when it is not
// written so.
func isSystem(name string) bool {
	return slices.Contains(systemFolders, strings.ToLower(name)) || name == "RECYCLER"
}

// housekeeping reports whether a path is of an operating system or a tool rather than somebody's data.
func housekeeping(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		switch {
		case strings.HasPrefix(part, "._"), part == "__MACOSX", part == "@eaDir", part == ".git", part == ".cache":
			return true
		}
	}
	return false
}

// refusedName says why the name of a member of an archive is not to be used; "" when it may. Nothing is written to disk
// by such a name: this is about honest lists.
func refusedName(name string) string {
	switch {
	case strings.ContainsRune(name, 0):
		return "a NUL byte in the name"
	case !filepath.IsLocal(name):
		return "path leads out of the archive"
	case len(name) > maxNameBytes:
		return "a name of more than 4096 bytes"
	}
	return ""
}

// The endings of files by what is done with them, in lower case. What is named as one of the images may be another.
var (
	imageEndings   = []string{".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".png", ".bmp", ".gif", ".webp"}
	foreignEndings = []string{".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico", ".svg",
		".psd", ".pcx", ".dds", ".exr", ".dng", ".cr2", ".nef", ".arw"}
	shelvedEndings = []string{".parquet", ".arrow", ".tfrecord", ".tfrecords", ".lmdb", ".mdb", ".h5", ".hdf5", ".rec", ".beton"}
	textEndings    = []string{".txt", ".csv", ".tsv"}
	// otherEndings are of files that lie beside images by the thousand; nobody looks into them.
	otherEndings = []string{".xml", ".json", ".jsonl", ".md", ".html", ".htm", ".yaml", ".yml", ".mat", ".pdf", ".npy", ".npz", ".pkl", ".db", ".ini"}
)

func ending(p string) string { return strings.ToLower(path.Ext(p)) }

func isImage(p string) bool   { return slices.Contains(imageEndings, ending(p)) }
func isForeign(p string) bool { return slices.Contains(foreignEndings, ending(p)) }

// archiveStem is the name of an archive without its ending, and whether it is packed; "" when it is no archive.
func archiveStem(p string) (stem string, packed bool) {
	low := strings.ToLower(p)
	for _, end := range []string{".tar", ".tar.gz", ".tgz", ".zip"} {
		if strings.HasSuffix(low, end) {
			return p[:len(p)-len(end)], end != ".tar"
		}
	}
	return "", false
}

// An arena keeps names in large blocks: a million short strings of their own cost half as much again.
type arena struct{ block strings.Builder }

const arenaBlock = 64 << 10

func (a *arena) keep(s string) string {
	if a.block.Len()+len(s) > a.block.Cap() {
		a.block = strings.Builder{}
		a.block.Grow(max(arenaBlock, len(s)))
	}
	at := a.block.Len()
	a.block.WriteString(s)
	return a.block.String()[at:]
}
