package duet

import (
	"fmt"
	"os"

	"duet/configs"
	"duet/engine/train"
)

// Config is a whole configuration: what is trained, on which images, where and how. docs/configuration.md lists its
// keys; its fields have their names: config.Train.Epochs is train.epochs.
type Config = train.Config

// Load reads a configuration: a TOML file, or a built-in one by its name, such as "quick". Each override, such as
// "train.batch=64", replaces a value. What is unknown or impossible is an error that names the line and what would be
// right. Config.Notes say what an override left out.
func Load(path string, overrides ...string) (*Config, error) { return configs.Load(path, overrides) }

// LoadRun is Load of the configuration in the folder of a run, which may have been written when keys had other names.
func LoadRun(dir string, overrides ...string) (*Config, error) {
	path := (&train.Folder{Dir: dir}).Config()
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return configs.Stored(path, data, overrides)
}

// Changes are the keys whose values differ between two configurations, in the order of the tables.
func Changes(was, is *Config) []Change { return configs.Changes(was, is) }

// Change is a key that two configurations have different values for.
type Change = train.Change

// Presets are the names of the built-in configurations.
func Presets() []string { return configs.Presets() }
