package model

import (
	"duet/dataloader"
	"duet/engine/backend"
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

	Keep []string // layers whose activations a model for testing keeps, to be seen by Evaluate and Predict
}

// Hooks are told how far the opening of devices and the preparing of kernels has come, which may take long. Each may be
// nil.
type Hooks struct {
	Log      func(line string)     // kernels that were measured, and what a device does without
	Prepared func(done, total int) // how many of a plan's kernels are prepared
}

// Graph builds the graph of the network for its data and devices.
func (s Setup) Graph(in Input, training bool) (*Graph, error) {
	return s.Network.Build(Options{
		Batch: s.Batch, Devices: len(s.Devices.Towers), Train: training, Classes: len(in.Classes),
		Height: in.Height, Width: in.Width, Crop: s.Data.Crop, Warp: training && s.Data.Warps(),
		Scale: s.Data.Scales(), Mean: in.MeanShape,
		Wide: s.Devices.Precision == "fp64",
	})
}

// Describe builds the graph of the network for one image, with each tower on a device of its own.
func (s Setup) Describe(in Input, training bool) (*Graph, error) {
	s.Batch, s.Devices.Towers = 1, make([]string, s.Network.MaxDevices())
	return s.Graph(in, training)
}
