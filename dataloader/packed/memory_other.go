//go:build !linux

package packed

// AvailableMemory is not known here.
func AvailableMemory() (bytes int64, known bool) { return 0, false }
