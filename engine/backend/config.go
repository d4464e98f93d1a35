package backend

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"duet/internal/invalid"
)

// Config is the [devices] table of a configuration: which devices run the network, and how.
type Config struct {
	// one device a tower, or one for all: ["cuda:0", "cuda:1"], ["dnnl:0"], ["auto"]; required
	Towers    []string `toml:"towers"`
	Precision string   `toml:"precision"` // fp32 (default), bf16, or fp64 on the reference backend
	Threads   int      `toml:"threads"`   // of each CPU device; 0 = the cores, divided among the devices
	// of GPUs: wait for every kernel, so that the error of one that fails names it; slow
	Check bool `toml:"check"`

	// Tune measures, before a training or duet bench, the kernels that could do a piece of work, where a device has
	// several, and takes the fastest; and where ["auto"] finds two GPUs for two towers, whether one GPU trains faster than
	// both. Without it a count of operations and bytes chooses kernels, and auto takes two GPUs. What was measured is
	// written into the run's configuration, the kernels as Kernels, so that a resumed run computes with the same ones, bit
	// for bit.
	Tune    bool  `toml:"tune"`
	Kernels []Pin `toml:"kernels,omitempty"` // choices made before

	// Fewer is what else Auto might stand for than Towers, the first of two GPUs, where a measurement is to decide.
	Fewer []string `toml:"-"`
	// Wishes has devices that lack a kernel of Kernels take another.
	Wishes bool `toml:"-"`
}

// Pin says which kernel does a piece of work.
type Pin struct {
	Work string `toml:"work" json:"work"` // as a device names it: operation and sizes; required
	Use  string `toml:"use" json:"use"`   // the kernel that does it; required
}

// Chooser is a device that chooses among kernels.
type Chooser interface {
	// Choices are what was chosen by measurement or by a Pin, in order of Work.
	Choices() []Pin
}

// Record keeps what the devices chose as Kernels.
func (c *Config) Record(devices []Device) {
	chosen := map[string]string{}
	for _, pin := range c.Kernels {
		chosen[pin.Work] = pin.Use
	}
	for _, d := range devices {
		if chooser, ok := d.(Chooser); ok {
			for _, pin := range chooser.Choices() {
				chosen[pin.Work] = pin.Use
			}
		}
	}
	c.Kernels = nil
	for _, work := range slices.Sorted(maps.Keys(chosen)) {
		c.Kernels = append(c.Kernels, Pin{work, chosen[work]})
	}
}

// Take takes over what was measured before: the Kernels, where c says nothing of them, and which of the placements that
// Auto might stand for.
func (c *Config) Take(before Config) {
	if c.Kernels == nil {
		c.Kernels = before.Kernels
	}
	if c.Fewer != nil && (slices.Equal(before.Towers, c.Towers) || slices.Equal(before.Towers, c.Fewer)) {
		c.Towers, c.Fewer = before.Towers, nil
	}
}

// maxThreads is more than any machine has cores for, and fewer than it takes to use up a machine's memory or threads.
const maxThreads = 1024

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
		errs = append(errs, invalid.Key("towers", "%q and %q are of different backends, want two devices of one", c.Towers[0],
			c.Towers[1]))
	}
	switch c.Precision {
	case "", "fp32", "bf16", "fp64":
	default:
		errs = append(errs, invalid.Key("precision", "%q, want fp32, bf16 or fp64", c.Precision))
	}
	for i, pin := range c.Kernels {
		if pin.Work == "" || pin.Use == "" {
			errs = append(errs, invalid.Key(fmt.Sprintf("kernels[%d]", i),
				"want both work and use, as a run's config.toml has them"))
		}
	}
	if c.Threads < 0 || c.Threads > maxThreads {
		errs = append(errs, invalid.Key("threads", "%d, want 1 to %d, or 0 for all cores", c.Threads, maxThreads))
	}
	return errors.Join(errs...)
}

// Auto, as the only device, stands for the best ones that the program has for the network.
const Auto = "auto"

// preference is the order in which Auto looks for devices.
var preference = []string{"cuda", "dnnl", "reference"}

// Missing are the backends that Auto would look for and this program was built without.
func Missing() (names []string) {
	for _, name := range preference {
		if _, ok := backends[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// Resolve replaces Auto by the devices that it stands for: two GPUs for two towers, else one, else the CPU. It tells
// log, which may be nil, what it took, and why nothing better. With Tune, two GPUs are a guess that a measurement is to
// decide, and Fewer is the other one.
func (c *Config) Resolve(towers int, log func(line string)) error {
	if len(c.Towers) != 1 || c.Towers[0] != Auto {
		return nil
	}
	var not []string // why none of a better backend
	for _, name := range preference {
		b, ok := backends[name]
		if !ok {
			not = append(not, name+" is not in this build")
			continue
		}
		found, err := b.List()
		switch {
		case err != nil:
			not = append(not, fmt.Sprintf("%s: %v", name, err))
			continue
		case len(found) == 0:
			not = append(not, name+" has no device")
			continue
		}
		c.Towers = nil
		for _, d := range found[:min(towers, len(found))] {
			c.Towers = append(c.Towers, d.Name)
		}
		if c.Tune && name == "cuda" && len(c.Towers) == 2 {
			c.Fewer = c.Towers[:1]
			return nil
		}
		if line := "auto takes " + strings.Join(c.Towers, " and "); log != nil {
			if len(not) > 0 {
				line += ": " + strings.Join(not, "; ")
			}
			if name == "reference" {
				line += "; this is pure Go, tens of times slower than oneDNN"
			}
			log(line)
		}
		return nil
	}
	return UnknownDevice("devices.towers: auto: this program finds no device: %s", strings.Join(not, "; "))
}

// OpenAll opens the devices of a configuration, or none. log, measured and stop are those of Options, and may be nil.
func (c *Config) OpenAll(log func(line string), measured func(Measurement), stop func() error) ([]Device, error) {
	var devices []Device
	for _, name := range c.Towers {
		d, err := Open(name, Options{Precision: c.Precision, Threads: c.Threads, Devices: len(c.Towers), Check: c.Check,
			Tune: c.Tune, Kernels: c.Kernels, Wishes: c.Wishes, Log: log, Measured: measured, Stop: stop})
		if err != nil {
			if absent := Available([]string{name}); absent != nil {
				err = absent
			}
			for _, opened := range devices {
				err = errors.Join(err, opened.Close())
			}
			return nil, err
		}
		devices = append(devices, d)
	}
	return devices, nil
}
