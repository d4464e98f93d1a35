package main

import (
	"encoding/json"
	"os"
)

// printJSON prints a result for other programs.
func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
