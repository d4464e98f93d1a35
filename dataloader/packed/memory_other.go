//go:build !linux

package packed

// availableMemory is not known here.
func availableMemory() (bytes int64, known bool) { return 0, false }
