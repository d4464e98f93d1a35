package source

import (
	"fmt"

	"duet/dataloader/picture"
)

// MaxSide is the largest side of images that are kept as they are, as in the paper of 2012.
const MaxSide = 256

// Bounds on untrusted files.
const (
	maxFileBytes   = picture.MaxFileBytes
	maxClaim       = 4 << 20 // that a buffer is made for
	maxDepth       = 2       // archives within each other
	maxNameBytes   = 4096    // of a path
	maxFolderDepth = 64      // folders within each other on disk

	maxTables    = 256       // .csv and .tsv files
	maxTexts     = 1 << 16   // other files of labels and names
	maxTextBytes = 256 << 20 // of all of them
	maxLineBytes = 1 << 16   // of a line
	maxLines     = 16 << 20  // of one
	maxMATBytes  = 16 << 20  // of meta.mat
	maxInflated  = 64 << 20  // of what meta.mat unpacks to
)

// What a .tar.gz or .zip may unpack to: maxUnpacked, and maxRatio bytes for each of its own. Deflate packs at most 1032
// to 1; photographs come at 1 to 1, and the flattest drawings in bulk stay below 64.
const maxRatio = 64

// Changed by tests alone.
var (
	maxUnpacked   int64 = 4 << 30
	maxMembers          = 16 << 20  // files and folders of one source
	maxContainers       = 1<<16 - 1 // archives and folders on disk
)

func unpackedLimit(packed int64) int64 { return maxUnpacked + maxRatio*min(packed, 1<<50) }

// tooLarge says that a file exceeds maxFileBytes; "" when it does not.
func tooLarge(size int64) string {
	if size > maxFileBytes {
		return fmt.Sprintf("%d bytes: want at most %d MiB", size, maxFileBytes>>20)
	}
	return ""
}

// plural is "1 image", "2 images".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
