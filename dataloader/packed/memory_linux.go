package packed

import (
	"bufio"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// AvailableMemory is what can be used without swapping, in bytes: as the kernel thinks, or, if that is less, what the
// control groups of the process leave, such as a container's.
func AvailableMemory() (bytes int64, known bool) { return availableBelow("/") }

// availableBelow finds /proc and /sys below root.
func availableBelow(root string) (bytes int64, known bool) {
	bytes, known = field(filepath.Join(root, "proc/meminfo"), "MemAvailable:")
	bytes <<= 10 // it is in KiB
	f, err := os.Open(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return bytes, known
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		parts := strings.SplitN(lines.Text(), ":", 3) // number, controllers, path
		if len(parts) < 3 {
			continue
		}
		for _, g := range groupVersions {
			if !slices.Contains(strings.Split(parts[1], ","), g.controller) { // version 2 names none
				continue
			}
			if left, limited := g.left(filepath.Join(root, "sys/fs/cgroup", g.folder), parts[2]); limited &&
				(!known || left < bytes) {
				bytes, known = left, true
			}
		}
	}
	return bytes, known
}

// A groupVersion is where a version of control groups says what memory they have.
type groupVersion struct {
	controller, folder string
	limit, usage       string   // files
	cached             []string // lines of memory.stat: of the usage, what the kernel can give up
}

var groupVersions = []groupVersion{
	{"", "", "memory.max", "memory.current", []string{"inactive_file", "active_file"}},
	{"memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
		[]string{"total_inactive_file", "total_active_file"}},
}

// noLimit and more is how version 1 says that there is none.
const noLimit = 1 << 60

// left is the least that a group, or one around it, leaves. In a container the path may be one outside of it; the group
// at the top is then the container's.
func (g groupVersion) left(folder, group string) (least int64, limited bool) {
	for at := path.Clean("/" + group); ; at = path.Dir(at) {
		dir := filepath.Join(folder, at)
		limit, is := number(filepath.Join(dir, g.limit))
		usage, too := number(filepath.Join(dir, g.usage))
		if is && too && limit < noLimit {
			cached := int64(0)
			for _, line := range g.cached {
				bytes, _ := field(filepath.Join(dir, "memory.stat"), line+" ")
				cached += bytes
			}
			if left := max(limit-usage+min(cached, usage), 0); !limited || left < least {
				least, limited = left, true
			}
		}
		if at == "/" {
			return least, limited
		}
	}
}

// number is the one number in a file; a word such as "max" is none.
func number(path string) (n int64, is bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil
}

// field is the number after a line's beginning.
func field(path, begin string) (n int64, is bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), begin)
		if words := strings.Fields(rest); ok && len(words) > 0 {
			n, err := strconv.ParseInt(words[0], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
