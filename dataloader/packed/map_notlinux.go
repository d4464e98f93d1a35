//go:build !linux

package packed

func largePages([]byte) {}

func populate([]byte) {}
