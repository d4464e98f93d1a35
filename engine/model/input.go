package model

import (
	"duet/dataloader"
	"duet/dataloader/packed"
	"duet/dataloader/picture"
)

// Input is what a network must know of its data. It is kept in checkpoints, so that a checkpoint can classify images
// without the set it learned from.
type Input struct {
	Height, Width   int       // of the stored images
	Classes         []string  // their IDs by label
	Names           []string  // and names for people, "" where there is none; nil: there are none at all
	Mean            []float32 // what is subtracted, MeanShape
	MeanShape       []int     // [3, Height, Width] or [3, 1, 1]
	Identity        string    // of the training set
	Counts          []int     // images of each class in the training set; nil: not known
	picture.Reading           // how its files were read
}

// InputOf describes a set of images as a configuration uses it.
func InputOf(s *packed.Set, c dataloader.Config) Input {
	in := Input{Height: s.Height(), Width: s.Width(), Classes: s.ClassIDs(), MeanShape: []int{3, 1, 1},
		Identity: s.Identity(), Reading: s.Index.Reading}
	for label, class := range s.Classes() {
		if class.Name != "" && in.Names == nil {
			in.Names = make([]string, len(in.Classes))
		}
		if class.Name != "" {
			in.Names[label] = class.Name
		}
	}
	in.Counts = make([]int, len(in.Classes))
	for _, label := range s.Labels() {
		in.Counts[label]++
	}
	switch c.Mean {
	case dataloader.MeanImage:
		in.MeanShape, in.Mean = []int{3, in.Height, in.Width}, s.MeanImage()
	case dataloader.MeanChannel:
		mean := s.ChannelMean()
		in.Mean = mean[:]
	default:
		given, _, _ := c.Mean.Given() // checked with the configuration; else zeros
		in.Mean = given[:]
	}
	return in
}
