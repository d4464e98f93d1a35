package tree

import (
	"path/filepath"
	"slices"
	"strings"
)

// Hidden reports whether a path is not looked at: one of its names begins with a dot, or is housekeeping or a system's.
func Hidden(p string) bool { return hidden(p) != "" }

// hidden is the beginning of a path up to the first name that is not looked at; "" when there is none.
func hidden(p string) string {
	end := 0
	for name := range strings.SplitSeq(p, "/") {
		end += len(name)
		dot := strings.HasPrefix(name, ".") && name != "." && name != ".."
		if dot || housekeeping(name) || slices.Contains(systemFolders, strings.ToLower(name)) || name == "RECYCLER" {
			return p[:end]
		}
		end++
	}
	return ""
}

// housekeeping reports whether a name is of what a tool has left beside somebody's data: nothing that is missed.
func housekeeping(name string) bool {
	return strings.HasPrefix(name, "._") || slices.Contains([]string{"__MACOSX", "@eaDir", ".git", ".cache"}, name)
}

// systemFolders are what file systems and servers keep in a folder of images, in lower case: what was deleted, earlier
// states, smaller copies. RECYCLER, of Windows XP, may be a class when it is not written so.
var systemFolders = []string{"lost+found", "found.000", "system volume information", "$recycle.bin",
	"network recycle bin", "network trash folder", "temporary items", "~snapshot",
	"#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@sharebin", "@snapshot", "@tmp", "@__thumb"}

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

// shown is as much of a refused name as can be shown.
func shown(name string) string { return strings.ToValidUTF8(name[:min(len(name), maxNameBytes)], "?") }

// ArchiveStem is the name of an archive without its ending, and whether it is packed; "" when it is no archive.
func ArchiveStem(p string) (stem string, packed bool) {
	low := strings.ToLower(p)
	for _, end := range []string{".tar", ".tar.gz", ".tgz", ".zip"} {
		if strings.HasSuffix(low, end) {
			return p[:len(p)-len(end)], end != ".tar"
		}
	}
	return "", false
}
