//go:build !linux

package metrics

import "os"

// drawsAlone cannot tell here whether another program draws on a terminal.
func drawsAlone(*os.File) bool { return true }
