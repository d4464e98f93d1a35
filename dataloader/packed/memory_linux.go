package packed

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// availableMemory is what the kernel thinks can be used without swapping, in bytes (MemAvailable of /proc/meminfo).
func availableMemory() (bytes int64, known bool) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			var kib int64
			if _, err := fmt.Sscanf(rest, "%d kB", &kib); err == nil {
				return kib << 10, true
			}
		}
	}
	return 0, false
}
