//go:build !linux && !darwin

package disk

// Free does not know here how many bytes a folder's file system has room for.
func Free(string) (bytes int64, known bool) { return 0, false }
