package oracle

import (
	"fmt"

	"github.com/BurntSushi/toml"
)

// Config is what the oracle reads of a configuration file; package configs of the program says what the keys mean.
// The constants of formulas are float32, which is how an operation carries them.
type Config struct {
	Network struct {
		Towers int
		Layers []Layer
	}
	Data struct {
		Path       string
		Crop, Pad  int
		RandomCrop bool `toml:"random_crop"`
		Mirror     bool
		ColorNoise float64   `toml:"color_noise"`
		CropArea   []float64 `toml:"crop_area"`
		CropRatio  []float64 `toml:"crop_ratio"`
		Rotate     float64
		Brightness float64
		Contrast   float64
		Mean       any // a name, or numbers of red, green and blue
		Scale      float64
		Std        []float64
		Shuffle    bool
	}
	Train struct {
		Seed           uint64
		Batch          int
		Epochs         float64
		MaxSteps       int `toml:"max_steps"`
		Momentum       float32
		LayerDecay     float64   `toml:"layer_decay"`
		LabelSmoothing float32   `toml:"label_smoothing"`
		ClassWeights   []float32 `toml:"class_weights"`
		BalanceClasses bool      `toml:"balance_classes"`
		WeightDecay    float32   `toml:"weight_decay"`
		ValidateEpochs float64   `toml:"validate_epochs"`
		ValidateSteps  int       `toml:"validate_steps"`
		Views          int
		Schedule       Schedule
	}
}

// Layer is one layer of the network, as [[network.layers]] has it.
type Layer struct {
	Name, Type     string
	Maps, Features int
	Activation     string
	Exchange       bool
	Towers         int

	Kernel, Stride, Pad int
	Ceil                bool `toml:"ceil_mode"`
	CountPad            bool `toml:"count_include_pad"`

	Init      string
	Std, Bias float64
	Rate      *float32
	BiasRate  *float32 `toml:"bias_rate"`
	Decay     *float32
	BiasDecay *float32 `toml:"bias_decay"`
	Frozen    bool

	N              int
	K, Alpha, Beta float32
	AlphaOverN     bool `toml:"alpha_over_n"`
	Across         bool

	DropRate float32 `toml:"drop_rate"`
	Inverted bool
}

// Schedule is the learning rate over time, as [train.schedule] has it.
type Schedule struct {
	Type        string
	Rate, Gamma float64
	EveryEpochs float64   `toml:"every_epochs"`
	EverySteps  int       `toml:"every_steps"`
	AtEpochs    []float64 `toml:"at_epochs"`
	Patience    int
	Threshold   float64
	Drops       int
	FinalRate   float64 `toml:"final_rate"`
	WarmupSteps int     `toml:"warmup_steps"`
}

// ReadConfig reads a configuration file.
func ReadConfig(path string) (Config, error) {
	var c Config
	c.Data.Mean, c.Data.Scale, c.Data.Shuffle, c.Train.Views = "channel", 1, true, 1
	if _, err := toml.DecodeFile(path, &c); err != nil {
		return c, fmt.Errorf("oracle: %w", err)
	}
	for i := range c.Network.Layers {
		c.Network.Layers[i].Stride = max(1, c.Network.Layers[i].Stride)
	}
	return c, nil
}

// or is the value behind a pointer, or another where nothing is given.
func or(given *float32, otherwise float32) float32 {
	if given == nil {
		return otherwise
	}
	return *given
}
