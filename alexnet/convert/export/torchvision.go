package export

import (
	"errors"
	"slices"

	"duet/engine/op"
)

// The names of Network.Names.
const (
	OwnNames         = "duet"
	TorchvisionNames = "torchvision"
)

// torchvision are the operations of torchvision.models.alexnet in a test, with the modules that have their weights.
//
// Source: https://github.com/pytorch/vision/blob/main/torchvision/models/alexnet.py
var torchvision = []struct {
	op      op.Op
	module  string
	weights []int // the shape; 0 is any number
}{
	{op.Conv2D{Kernel: 11, Stride: 4, Pad: 2, Groups: 1, ReLU: true}, "features.0", []int{64, 3, 11, 11}},
	{op.MaxPool{Kernel: 3, Stride: 2}, "", nil},
	{op.Conv2D{Kernel: 5, Stride: 1, Pad: 2, Groups: 1, ReLU: true}, "features.3", []int{192, 64, 5, 5}},
	{op.MaxPool{Kernel: 3, Stride: 2}, "", nil},
	{op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 1, ReLU: true}, "features.6", []int{384, 192, 3, 3}},
	{op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 1, ReLU: true}, "features.8", []int{256, 384, 3, 3}},
	{op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 1, ReLU: true}, "features.10", []int{256, 256, 3, 3}},
	{op.MaxPool{Kernel: 3, Stride: 2}, "", nil},
	{op.Flatten{}, "", nil},
	{op.Linear{ReLU: true}, "classifier.1", []int{4096, 9216}},
	{op.Linear{ReLU: true}, "classifier.4", []int{4096, 4096}},
	{op.Linear{}, "classifier.6", []int{0, 4096}},
}

var errNotTorchvision = errors.New("the network is not torchvision's AlexNet, as that of the preset torchvision is: " +
	"want --names duet")

// inTorchvision are the names of torchvision's modules, by layer.
func (n *Network) inTorchvision() (map[string]string, error) {
	g, err := n.graph(false)
	if err != nil {
		return nil, err
	}
	all := operations(g)[1:] // what the network sees is no layer
	if len(all) != len(torchvision) {
		return nil, errNotTorchvision
	}
	modules := map[string]string{}
	for i, want := range torchvision {
		a := all[i].Op().(*op.Applied)
		if a.Op != want.op {
			return nil, errNotTorchvision
		}
		if want.module == "" {
			continue
		}
		equal := func(has, want int) bool { return has == want || want == 0 }
		if !slices.EqualFunc(a.In()[1].Shape, want.weights, equal) {
			return nil, errNotTorchvision
		}
		modules[a.Layer] = want.module
	}
	return modules, nil
}
