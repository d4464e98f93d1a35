// Package configs reads a configuration: one TOML file that says everything about a training. Each package owns its
// table; this one assembles them and says in which line of which file something is wrong.
//
//	[network]            what is trained                                  package alexnet
//	[[network.layers]]   its layers, first to last
//	[data]               on which images, and how they are augmented      package dataloader
//	[devices]            where it runs                                    package backend
//	[train]              how it is trained                                package train
//	[train.schedule]     the learning rate over time
//
// Reading is strict: an unknown key, a value of a wrong type and an impossible value are errors. All problems are
// reported at once, one a line:
//
//	configs/my.toml:17: network.layers[2].kernel: 0, want at least 1
//	--set train.batch: "many", want an integer
//
// # Defaults
//
// What decides a result is required: network.towers, the layers (n, k, alpha, beta and alpha_over_n of an lrn,
// drop_rate of a dropout), data.path, data.crop, devices.towers, train.batch, train.momentum, train.weight_decay,
// train.epochs or train.max_steps, and the schedule's type and rate. The rest has these defaults, all of them set by
// [Default] except the layers', whose zero value is the default:
//
//	data        those of [dataloader.Default]: shuffle true, mean "channel", scale 1, no augmentation
//	devices     precision "fp32", threads 0 (all cores)
//	train       seed 0, views 1, keep 3; no validation and no checkpoints but the last, unless asked for
//	layers      stride 1, pad 0, exchange false, init "he", bias 0, multipliers of rate and decay 1
package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"

	"duet/alexnet"
	"duet/dataloader"
	"duet/engine/backend"
	"duet/engine/train"
)

// Default is what a configuration starts from.
func Default() *train.Config {
	return &train.Config{
		Network: &alexnet.Config{},
		Data:    dataloader.Default(),
		Devices: backend.Config{Precision: "fp32", Tune: true},
		Train:   train.Solver{Views: 1, Keep: 3},
	}
}

// network is the table of a configuration's network.
func network(c *train.Config) *alexnet.Config { return c.Network.(*alexnet.Config) }

// Load reads a configuration file, or a built-in one: "quick", "quick.toml" and "configs/quick.toml" work without the
// repository. Each override, path.to.key=value, then replaces a value; the value is TOML, and a string needs no quotes.
// Layers are found by index or by name: network.layers[3].maps=64, network.layers.conv3.maps=64. An override of a
// type, such as train.schedule.type, leaves out those keys of the file that the new type does not have; Notes say
// which.
//
// The error is several joined, *Error among them.
func Load(path string, overrides []string) (*train.Config, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		return Parse(path, data, overrides)
	}
	if preset, ok := Preset(path); ok && (errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(path, ".toml")) {
		return Parse(path, preset, overrides)
	}
	hint := "built in are " + strings.Join(Presets(), ", ")
	if name := nearest(presetName(path), Presets()); name != "" && errors.Is(err, fs.ErrNotExist) {
		hint = fmt.Sprintf("did you mean %s?", name)
	}
	return nil, fmt.Errorf("configuration: %w; %s", err, hint)
}

// Parse is Load of the text of a configuration; name stands for the file in errors.
func Parse(name string, data []byte, overrides []string) (*train.Config, error) {
	return parse(name, data, overrides, false)
}

// Stored is Parse of what a run or a checkpoint holds, which may have been written when keys had other names.
func Stored(name string, data []byte, overrides []string) (*train.Config, error) {
	return parse(name, data, overrides, true)
}

func parse(name string, data []byte, overrides []string, stored bool) (*train.Config, error) {
	tree := map[string]any{}
	if err := toml.Unmarshal(data, &tree); err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return nil, &Error{File: name, Line: at.Position.Line, Why: at.Message}
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if stored {
		renew(tree)
	}
	found := scan(data)
	r := &report{file: name, lines: found.lines, texts: found.texts}
	for _, o := range overrides {
		r.set(tree, o)
	}
	c := Default()
	c.Notes = r.leaveOut(tree)
	r.bind(reflect.ValueOf(c).Elem(), tree, "")
	if len(r.problems) == 0 {
		r.validate(c, tree)
	}
	if len(r.problems) == 0 {
		r.crossCheck(c)
	}
	if len(r.problems) > 0 {
		return nil, r.err()
	}
	return c, nil
}
