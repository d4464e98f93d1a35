package train

import (
	"bytes"
	"errors"
	"strings"

	"github.com/BurntSushi/toml"

	"duet/dataloader"
	"duet/dataloader/prepare"
	"duet/engine/backend"
	"duet/engine/model"
)

// Config is a whole configuration: what is trained, on which images, where and how.
type Config struct {
	Network model.Network     `toml:"network"`
	Data    dataloader.Config `toml:"data"`
	Devices backend.Config    `toml:"devices"`
	Train   Solver            `toml:"train"`

	Notes []string `toml:"-"` // what the user should know of how it came about, a line each
}

// Setup is what a model of the configuration is made of.
func (c *Config) Setup() model.Setup {
	return model.Setup{Network: c.Network, Data: c.Data, Devices: c.Devices, Batch: c.Train.Batch, Seed: c.Train.Seed,
		Momentum: c.Train.Momentum, WeightDecay: c.Train.WeightDecay, Smoothing: c.Train.LabelSmoothing,
		ClassWeights: c.Train.ClassWeights, Balance: c.Train.BalanceClasses, LayerDecay: c.Train.LayerDecay,
		EMA: c.Train.EMA}
}

// ErrPrecision says that a network cannot be trained in the configured precision.
var ErrPrecision = errors.New("devices.precision: fp64, want fp32 or bf16 to train: checkpoints hold float32, and a " +
	"run that is resumed would come to other weights; bench, plan and gradcheck take fp64")

// Trains checks that the network can be trained as configured; its error is an ErrPrecision, or an *invalid.Error.
func (c *Config) Trains() error {
	if c.Devices.Precision == "fp64" {
		return ErrPrecision
	}
	return c.cached()
}

// TOML is the configuration with all defaults and overrides in it. Reading it gives an equal configuration.
func (c *Config) TOML() []byte {
	var b bytes.Buffer
	e := toml.NewEncoder(&b)
	e.Indent = ""
	if err := e.Encode(c); err != nil {
		panic("train: " + err.Error()) // only of types that TOML lacks
	}
	// Only a table's header starts a line with a bracket.
	return []byte(strings.NewReplacer("\n\n[", "\n\n[", "\n[", "\n\n[").Replace(b.String()))
}

// Foresee checks, before hours of packing, that the network can take a set: that it has as many classes as the network
// tells apart.
func (c *Config) Foresee(o prepare.Outline) error {
	in := model.Input{Height: o.Side, Width: o.Side, Classes: make([]string, len(o.Classes)), MeanShape: []int{3, 1, 1}}
	_, err := c.Setup().Graph(in, false)
	return err
}
