package tree

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Hidden reports whether a path is not looked at: its name or one of its folders' begins with a dot, or is housekeeping
// or a system's.
func Hidden(p string) bool {
	return housekeeping(p) || outermost(p, isSystem) != "" || outermost(p, isHidden) != ""
}

func isHidden(name string) bool { return strings.HasPrefix(name, ".") && name != "." && name != ".." }

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

// shown is as much of a refused name as can be shown.
func shown(name string) string { return strings.ToValidUTF8(name[:min(len(name), maxNameBytes)], "?") }

// linked is where a link in a folder of an archive leads to; "" when that is not in the archive.
func linked(folder, target string) string {
	if p := path.Join(folder, target); target != "" && !path.IsAbs(target) && refusedName(p) == "" {
		return p
	}
	return ""
}

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
