package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"duet/configs/invalid"
)

// tell writes lines to stderr. Names in them, which somebody else may have chosen, do not steer the terminal.
func tell(format string, args ...any) {
	lines := strings.Split(fmt.Sprintf(format, args...), "\n")
	for i := range lines {
		lines[i] = invalid.Printable(lines[i])
	}
	fmt.Fprintln(os.Stderr, strings.Join(lines, "\n"))
}

// printJSON prints a result for other programs.
func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
