package tree

import (
	"fmt"

	"duet/dataloader/picture"
)

// Bounds on untrusted files that nobody changes.
const (
	MaxFileBytes = picture.MaxFileBytes

	maxClaim       = 4 << 20 // that a buffer is made for
	maxDepth       = 2       // archives within each other
	maxNameBytes   = 4096    // of a path
	maxFolderDepth = 64      // folders within each other on disk
)

// Limits are the bounds on a whole tree.
type Limits struct {
	Unpacked   int64 // that a .tar.gz or .zip may unpack to, beside maxRatio bytes for each of its own
	Members    int   // files and folders
	Containers int   // archives and folders on disk, at most 65535
}

// DefaultLimits are the bounds that hold unless a test lowers them.
var DefaultLimits = Limits{Unpacked: 4 << 30, Members: 16 << 20, Containers: 1<<16 - 1}

// maxRatio: deflate packs at most 1032 to 1; photographs come at 1 to 1, and the flattest drawings in bulk stay below
// 64.
const maxRatio = 64

func (l Limits) unpacked(packed int64) int64 { return l.Unpacked + maxRatio*min(packed, 1<<50) }

// TooLarge says that a file exceeds MaxFileBytes; "" when it does not.
func TooLarge(size int64) string {
	if size > MaxFileBytes {
		return fmt.Sprintf("%d bytes: want at most %d MiB", size, MaxFileBytes>>20)
	}
	return ""
}
