// Package alexnet makes gorgonia graphs of the two-tower network of 2012 and its relatives from a list of layers.
//
// A network has one or two towers. Mathematically a tower is a group: each layer divides its maps among the towers,
// and a tower sees its own maps only, except at layers with exchange, where every tower sees all. Which device runs
// which tower is the placement's matter: on one device the network is built from grouped operations, on two each
// device gets its half and exchanges are copies between them. Parameters have the names and shapes of the whole network
// either way.
//
// Nothing is computed here.
package alexnet

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"duet/engine/op"
	"duet/internal/invalid"
)

// Config is the [network] table of a configuration: the network as data.
type Config struct {
	Name   string  `toml:"name"`   // runs are named after it
	Towers int     `toml:"towers"` // 1 or 2; required
	Layers []Layer `toml:"layers"`
}

// Layer is one layer, in the order in which the data passes them. Which keys it may have depends on its type.
type Layer struct {
	Name string `toml:"name"` // unique; its parameters are named after it; required
	Type string `toml:"type"` // "conv", "linear", "relu", "tanh", "lrn", "maxpool", "avgpool" or "dropout"; required

	// conv and linear
	Maps int `toml:"maps,omitzero"` // conv: output maps of the whole network
	// linear: outputs of the whole network; the last layer's default: the classes
	Features int `toml:"features,omitzero"`
	// "relu" or "tanh" follows; default "none". The last layer has none: its outputs are scores
	Activation Activation `toml:"activation,omitempty"`
	Exchange   bool       `toml:"exchange,omitempty"`  // every tower sees the maps of all towers
	Towers     int        `toml:"towers,omitzero"`     // 0: the network's; 1: on the first tower alone
	Kernel     int        `toml:"kernel,omitzero"`     // conv, maxpool and avgpool: side of the window
	Stride     int        `toml:"stride,omitzero"`     // conv, maxpool and avgpool; default 1
	Pad        int        `toml:"pad,omitzero"`        // conv, maxpool and avgpool: zeros on each side; default 0
	Ceil       bool       `toml:"ceil_mode,omitempty"` // maxpool and avgpool: round the output's side up
	// avgpool: divide by the padding's places too, as Caffe and PyTorch do; else by those inside, as cuda-convnet and ONNX
	CountPad bool `toml:"count_include_pad,omitempty"`

	// conv and linear: initialisation and multipliers of the learning rate and of the weight decay

	// of the weights: "he" (default), made for relu; "normal", which may suit tanh better; "constant"
	Init      string   `toml:"init,omitempty"`
	Std       float64  `toml:"std,omitzero"`         // standard deviation of "normal"; the value of "constant"
	Bias      float64  `toml:"bias,omitzero"`        // initial value of the biases; default 0
	Rate      *float64 `toml:"rate,omitempty"`       // multiplies the weights' learning rate; default 1
	BiasRate  *float64 `toml:"bias_rate,omitempty"`  // the biases'; default 1
	Decay     *float64 `toml:"decay,omitempty"`      // multiplies the weights' decay; default 1
	BiasDecay *float64 `toml:"bias_decay,omitempty"` // the biases'; default 1

	Frozen bool `toml:"frozen,omitempty"` // the weights and biases stay, and have no gradients
	// lrn
	N          int     `toml:"n,omitzero"`             // lrn: window in maps, odd; required
	K          float64 `toml:"k,omitzero"`             // lrn: such as 2; required
	Alpha      float64 `toml:"alpha,omitzero"`         // lrn: such as 1e-4; required
	Beta       float64 `toml:"beta,omitzero"`          // lrn: such as 0.75; required
	AlphaOverN *bool   `toml:"alpha_over_n,omitempty"` // lrn: divide alpha by n; required
	Across     bool    `toml:"across,omitempty"`       // lrn: the window crosses the towers' edge, as Caffe's on one GPU

	// dropout
	DropRate *float64 `toml:"drop_rate,omitempty"` // dropout: probability that a feature is dropped; required
	Inverted bool     `toml:"inverted,omitempty"`  // dropout: scale at training (PyTorch, Caffe), not at test (the paper)
}

const (
	conv    = "conv"
	linear  = "linear"
	relu    = "relu"
	tanh    = "tanh"
	lrn     = "lrn"
	maxPool = "maxpool"
	avgPool = "avgpool"
	dropout = "dropout"
)

// Types are the types of layers.
var Types = []string{conv, linear, relu, tanh, lrn, maxPool, avgPool, dropout}

// Limits that keep every number of elements of a layer far within 64 bits.
const (
	maxWidth  = 1 << 20 // maps or features
	maxKernel = 1 << 10 // also of a stride
	// maxPoolKernel is the side of the largest window whose places a byte can tell.
	maxPoolKernel = 16
)

// keys of each type of layer, beside name and type.
var keys = map[string][]string{
	conv: {"maps", "activation", "exchange", "towers", "kernel", "stride", "pad", "init", "std", "bias", "rate",
		"bias_rate", "decay", "bias_decay", "frozen"},
	linear: {"features", "activation", "exchange", "towers", "init", "std", "bias", "rate", "bias_rate", "decay",
		"bias_decay", "frozen"},
	relu:    {},
	tanh:    {},
	lrn:     {"n", "k", "alpha", "beta", "alpha_over_n", "across"},
	maxPool: {"kernel", "stride", "pad", "ceil_mode"},
	avgPool: {"kernel", "stride", "pad", "ceil_mode", "count_include_pad"},
	dropout: {"drop_rate", "inverted"},
}

// given are the keys of a layer that have a value.
func (l *Layer) given() map[string]bool {
	given := map[string]bool{}
	for v, i := reflect.ValueOf(*l), 0; i < v.NumField(); i++ {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("toml"), ",")
		given[key] = !v.Field(i).IsZero()
	}
	return given
}

// LacksOfType are the keys that a layer of a type does not have; none of a type that is not known.
func LacksOfType(typ string) []string {
	own, known := keys[typ]
	if !known {
		return nil
	}
	var lacks []string
	for _, others := range keys {
		for _, k := range others {
			if !slices.Contains(own, k) {
				lacks = append(lacks, k)
			}
		}
	}
	slices.Sort(lacks)
	return slices.Compact(lacks)
}

// LacksOfInit are the keys that a layer of an init does not have.
func LacksOfInit(init string) []string {
	if init == "" || init == "he" {
		return []string{"std"}
	}
	return nil
}

// unsafe are the characters that a file's name cannot have, or that lead to another folder.
const unsafe = `/\:*?"<>|`

// maxName keeps the name of a run's folder below the 255 bytes of most file systems.
const maxName = 200

// validateName checks a name, which becomes that of the runs' folders. None is allowed.
func validateName(name string) error {
	if strings.HasPrefix(name, ".") || strings.ContainsAny(name, unsafe) || len(name) > maxName ||
		name != invalid.Printable(name) {
		return invalid.Key("name",
			"%q, want at most %d bytes of printable characters, none of %s, and no dot before them: runs are named after it",
			name, maxName, unsafe)
	}
	return nil
}

// validateLayerName checks a layer's name, which becomes the first part of its parameters'.
func validateLayerName(name string, taken bool) error {
	switch {
	case name == "":
		return invalid.Key("name", "missing, want a name such as %q", "conv1")
	case taken:
		return invalid.Key("name", "%q is an earlier layer's, want a unique name", name)
	case name != invalid.Printable(name):
		return invalid.Key("name", "%q, want printable characters", name)
	}
	for _, prefix := range op.Prefixes {
		if strings.HasPrefix(name+".", prefix) {
			return invalid.Key("name", "%q, want a name that does not begin with %q: what belongs to a parameter is called so",
				name, prefix)
		}
	}
	return nil
}

// Validate checks everything that does not depend on the data. Its errors are *invalid.Error, joined.
func (c *Config) Validate() error {
	errs := []error{validateName(c.Name)}
	if c.Towers != 1 && c.Towers != 2 {
		errs = append(errs, invalid.Key("towers", "%d, want 1 or 2", c.Towers))
	}
	if len(c.Layers) == 0 {
		return errors.Join(append(errs, invalid.Key("layers", "no layers, want at least one of type linear"))...)
	}
	names := map[string]bool{}
	for i := range c.Layers {
		l := &c.Layers[i]
		at := fmt.Sprintf("layers[%d]", i)
		errs = append(errs, invalid.Under(at, validateLayerName(l.Name, names[l.Name])),
			invalid.Under(at, l.validate(c.Towers)))
		names[l.Name] = true
	}
	if !slices.ContainsFunc(c.Layers, func(l Layer) bool { return (l.Type == conv || l.Type == linear) && !l.Frozen }) {
		errs = append(errs, invalid.Key("layers", "every layer with weights is frozen, want one that learns"))
	}
	if last := c.Layers[len(c.Layers)-1]; last.Type != linear || last.Activation != "" {
		errs = append(errs, invalid.Key(fmt.Sprintf("layers[%d].type", len(c.Layers)-1),
			"the last layer is %s, want linear without an activation: the classes' scores", last.describe()))
	}
	return errors.Join(errs...)
}

func (l *Layer) describe() string {
	typ := l.Type
	if _, known := keys[typ]; !known {
		typ = strconv.Quote(typ)
	}
	if l.Activation != "" {
		return typ + " with " + invalid.Printable(string(l.Activation))
	}
	return typ
}

func (l *Layer) validate(towers int) error {
	allowed, known := keys[l.Type]
	if !known {
		last := len(Types) - 1
		return invalid.Key("type", "%q, want %s or %s", l.Type, strings.Join(Types[:last], ", "), Types[last])
	}
	var errs []error
	given := l.given()
	for _, k := range LacksOfType(l.Type) {
		if given[k] {
			errs = append(errs, invalid.Key(k, "a layer of type %s has no such key, it has %s", l.Type,
				strings.Join(append([]string{"name", "type"}, allowed...), ", ")))
		}
	}
	check := func(ok bool, key, format string, args ...any) {
		if !ok {
			errs = append(errs, invalid.Key(key, format, args...))
		}
	}
	switch l.Type {
	case conv:
		check(l.Maps > 0 && l.Maps <= maxWidth, "maps", "%d, want 1 to %d", l.Maps, maxWidth)
	case linear:
		check(l.Features >= 0 && l.Features <= maxWidth, "features", "%d, want 1 to %d", l.Features, maxWidth)
	case lrn:
		check(l.N > 0 && l.N%2 == 1 && l.N < maxWidth, "n", "%d, want an odd number of maps", l.N)
		check(l.K > 0, "k", "%v, want above 0, such as 2", l.K)
		check(l.Alpha > 0, "alpha", "%v, want above 0, such as 1e-4", l.Alpha)
		check(l.Beta > 0, "beta", "%v, want above 0, such as 0.75", l.Beta)
		check(l.AlphaOverN != nil, "alpha_over_n",
			"missing, want true (alpha is divided by n, as the 2012 source and Caffe do) or false (the paper's formula)")
	case dropout:
		check(l.DropRate != nil, "drop_rate", "missing, want 0 to below 1, such as 0.5")
		rate := or(l.DropRate, 0)
		check(rate >= 0 && float32(rate) < 1, "drop_rate", "%v, want 0 to below 1, also when rounded to float32", rate)
	}
	if slices.Contains(allowed, "kernel") {
		most := maxKernel
		if l.Type == maxPool {
			most = maxPoolKernel
		}
		check(l.Kernel > 0 && l.Kernel <= most, "kernel", "%d, want 1 to %d", l.Kernel, most)
	}
	if l.Kernel > 0 && slices.Contains(allowed, "kernel") {
		check(l.Stride >= 0 && l.Stride <= maxKernel, "stride", "%d, want 1 to %d", l.Stride, maxKernel)
		check(l.Pad >= 0 && l.Pad < l.Kernel, "pad", "%d, want 0 to %d, less than the kernel", l.Pad, l.Kernel-1)
	}
	if l.Type == conv || l.Type == linear {
		check(l.Activation.known(), "activation", "%q, %s", l.Activation, wantActivation)
		check(l.Towers >= 0 && l.Towers <= max(towers, 1), "towers", "%d, want 1 or %d, the network's", l.Towers, towers)
		errs = append(errs, l.validateInit())
	}
	return errors.Join(errs...)
}

func (l *Layer) validateInit() error {
	var errs []error
	switch l.Init {
	case "", "he":
		if l.Std != 0 {
			errs = append(errs,
				invalid.Key("std", "%v, but init is he, whose deviation is sqrt(2/inputs); want init = \"normal\"", l.Std))
		}
	case "normal":
		if !(l.Std > 0) {
			errs = append(errs, invalid.Key("std", "%v, want above 0, such as 0.01", l.Std))
		}
	case "constant":
	default:
		errs = append(errs, invalid.Key("init", "%q, want he, normal or constant", l.Init))
	}
	for _, m := range []struct {
		key   string
		value *float64
	}{{"rate", l.Rate}, {"bias_rate", l.BiasRate}, {"decay", l.Decay}, {"bias_decay", l.BiasDecay}} {
		if m.value != nil && !(*m.value >= 0) {
			errs = append(errs, invalid.Key(m.key, "%v, want at least 0", *m.value))
		}
		if m.value != nil && l.Frozen {
			errs = append(errs, invalid.Key(m.key, "%v, but the layer is frozen: want one of them", *m.value))
		}
	}
	return errors.Join(errs...)
}

// or is the value behind a pointer, or a default.
func or(p *float64, otherwise float64) float64 {
	if p == nil {
		return otherwise
	}
	return *p
}
