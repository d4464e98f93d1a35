//go:build long

package prepare_test

func init() { kills = 20 }
