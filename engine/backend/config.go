package backend

import (
	"errors"
	"fmt"

	"duet/configs/invalid"
)

// Config is the [devices] table of a configuration: which devices run the network, and how.
type Config struct {
	Towers    []string `toml:"towers"`    // one device a tower, or one for all: ["cuda:0", "cuda:1"], ["dnnl:0"], ["auto"]
	Precision string   `toml:"precision"` // fp32 (default), bf16, or fp64 on the reference backend
	Threads   int      `toml:"threads"`   // of each CPU device; 0 = the cores, divided among the devices
}

// Validate checks the names, not whether this machine has the devices. Its errors are *invalid.Error, joined.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Towers) < 1 || len(c.Towers) > 2 {
		errs = append(errs, invalid.Key("towers", "%d devices, want one, or one for each of two towers", len(c.Towers)))
	}
	var kinds []string
	for i, name := range c.Towers {
		if name == Auto && len(c.Towers) == 1 {
			continue
		}
		kind, _, err := split(name)
		if err != nil {
			errs = append(errs, invalid.Key(fmt.Sprintf("towers[%d]", i), "%v", err))
		}
		kinds = append(kinds, kind)
	}
	if len(kinds) == 2 && kinds[0] != kinds[1] {
		errs = append(errs, invalid.Key("towers", "%q and %q are of different backends, want two devices of one", c.Towers[0], c.Towers[1]))
	}
	switch c.Precision {
	case "", "fp32", "bf16", "fp64":
	default:
		errs = append(errs, invalid.Key("precision", "%q, want fp32, bf16 or fp64", c.Precision))
	}
	if c.Threads < 0 {
		errs = append(errs, invalid.Key("threads", "%d, want at least 1, or 0 for all cores", c.Threads))
	}
	return errors.Join(errs...)
}

// Auto, as the only device, stands for the best ones that the program has for the network.
const Auto = "auto"

// preference is the order in which Auto looks for devices.
var preference = []string{"cuda", "dnnl", "reference"}

// Resolve replaces Auto by the devices that it stands for: two GPUs for two towers, else one, else the CPU.
func (c *Config) Resolve(towers int) error {
	if len(c.Towers) != 1 || c.Towers[0] != Auto {
		return nil
	}
	for _, name := range preference {
		b, ok := backends[name]
		if !ok {
			continue
		}
		found, err := b.List()
		if err != nil || len(found) == 0 { // a GPU backend on a machine without a GPU: look further
			continue
		}
		c.Towers = nil
		for _, d := range found[:min(towers, len(found))] {
			c.Towers = append(c.Towers, d.Name)
		}
		return nil
	}
	return fmt.Errorf("devices.towers: auto: this program finds no device: %w", ErrUnknownDevice)
}

// OpenAll opens the devices of a configuration, or none.
func (c *Config) OpenAll() ([]Device, error) {
	var devices []Device
	for _, name := range c.Towers {
		d, err := Open(name, Options{Precision: c.Precision, Threads: c.Threads, Devices: len(c.Towers)})
		if err != nil {
			for _, opened := range devices {
				err = errors.Join(err, opened.Close())
			}
			return nil, err
		}
		devices = append(devices, d)
	}
	return devices, nil
}
