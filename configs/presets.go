package configs

import (
	"embed"
	"path"
	"path/filepath"
	"strings"
)

//go:embed *.toml
var presets embed.FS

// Preset is the text of a built-in configuration by its name: "quick", "quick.toml" or "configs/quick.toml".
func Preset(name string) (text []byte, ok bool) {
	name = filepath.ToSlash(filepath.Clean(name))
	if dir := path.Dir(name); dir != "." && dir != "configs" {
		return nil, false
	}
	text, err := presets.ReadFile(presetName(name) + ".toml")
	return text, err == nil
}

// presetName is the name that a built-in configuration of this path would have.
func presetName(name string) string {
	return strings.TrimSuffix(path.Base(filepath.ToSlash(name)), ".toml")
}

// Presets are the names of the built-in configurations, sorted.
func Presets() []string {
	entries, err := presets.ReadDir(".")
	if err != nil {
		panic("configs: " + err.Error()) // the root of an embedded file system
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	return names
}
