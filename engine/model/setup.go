package model

import (
	"strings"

	"duet/dataloader"
	"duet/engine/backend"
	"duet/internal/invalid"
)

// Setup says what a model is made of.
type Setup struct {
	Network Network
	Data    dataloader.Config // what of an image the network sees, and how batches are made ready
	Devices backend.Config
	Batch   int

	Seed        uint64  // of dropout
	Momentum    float64 // of SGD
	WeightDecay float64 // of SGD
	EMA         float64 // decay of the weights' moving average, which is what is tested; 0: there is none

	Smoothing    float64   // of the loss: what share of an image's target all classes have alike
	ClassWeights []float64 // of the loss, by label; nil: 1
	Balance      bool      // of the loss: classes weigh as much as they have few images, an image 1 on average
	LayerDecay   float64   // multiplies a layer's learning rate by what the one after it has; 0 and 1: all alike

	// CacheFeatures has a model for training learn from what its Fronts give, rather than from images.
	CacheFeatures bool

	Notes []string // what a run's log is to say of how it came to the setup, a line each

	Keep []string // layers whose activations a model for testing keeps, to be seen by Evaluate and Predict
}

// Hooks are told how far the opening of devices and the preparing of kernels has come, which may take long. Each may be
// nil.
type Hooks struct {
	Log      func(line string)     // what a device does without, and how long it took to measure kernels
	Prepared func(done, total int) // how many of a plan's kernels are prepared
}

// Graph builds the graph of the network for its data and devices.
func (s Setup) Graph(in Input, training bool) (*Graph, error) {
	if n := len(s.ClassWeights); n > 0 && n != len(in.Classes) {
		return nil, invalid.Key("train.class_weights", "%d numbers, want one for each of the data's %d classes", n,
			len(in.Classes))
	}
	g, err := s.Network.Build(Options{
		Batch: s.Batch, Devices: len(s.Devices.Towers), Train: training, Classes: len(in.Classes),
		Height: in.Height, Width: in.Width, Crop: s.Data.Crop, Warp: training && s.Data.Warps(),
		Scale: s.Data.Scales(), Mean: in.MeanShape,
		Wide: s.Devices.Precision == "fp64", Smoothing: s.Smoothing, Weighted: s.classWeights(in) != nil,
	})
	if err == nil {
		s.decayRates(g.Params)
	}
	return g, err
}

// decayRates multiplies the rates of each layer's parameters by LayerDecay to the number of layers with parameters that
// follow it.
func (s Setup) decayRates(params []Param) {
	if s.LayerDecay == 0 {
		return
	}
	factor, layer := 1., ""
	for i := len(params) - 1; i >= 0; i-- {
		own := params[i].Name[:max(strings.LastIndexByte(params[i].Name, '.'), 0)]
		if layer != "" && own != layer {
			factor *= s.LayerDecay
		}
		layer = own
		params[i].Rate *= factor
	}
}

// classWeights are what the loss weighs each class with; nil: all alike.
func (s Setup) classWeights(in Input) []float32 {
	var weights []float32
	for _, w := range s.ClassWeights {
		weights = append(weights, float32(w))
	}
	if s.Balance && in.Counts != nil {
		images, classes := 0, 0 // that have images; the others weigh 0
		for _, n := range in.Counts {
			images, classes = images+n, classes+min(n, 1)
		}
		for _, n := range in.Counts {
			weights = append(weights, float32(float64(images*min(n, 1))/float64(max(n, 1)*classes)))
		}
	}
	return weights
}

// Describe builds the graph of the network for one image, with each tower on a device of its own.
func (s Setup) Describe(in Input, training bool) (*Graph, error) {
	s.Batch, s.Devices.Towers = 1, make([]string, s.Network.MaxDevices())
	return s.Graph(in, training)
}
