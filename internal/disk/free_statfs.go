//go:build linux || darwin

package disk

import "syscall"

// Free is how many bytes a folder's file system has room for; not known where the system does not say.
func Free(dir string) (bytes int64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil || s.Blocks == 0 {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
