package duet

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"

	"duet/engine/checkpoint"
	"duet/engine/model"
)

// checkTol is by how much of the largest activation of a layer one may differ from another program's: both sum up to
// some ten thousand products in float32, in orders of their own, layer after layer.
const checkTol = 1e-3

// A LayerDifference is how far what a layer gives is from what another program says of it.
type LayerDifference struct {
	Layer    string
	Largest  float64 // activation of the other program's, in magnitude
	Distance float64 // the largest difference of an activation, in parts of Largest
}

// Differs tells whether that is more than rounding.
func (d LayerDifference) Differs() bool { return !(d.Distance <= checkTol) }

// CompareLayers compares what the layers give for an image with arrays that are named after them, [maps, height, width]
// or [height, width, maps], or [features], each perhaps of a batch of one image. The result is in the order of the
// layers, of those that there are arrays of.
func (c *Classifier) CompareLayers(ctx context.Context, m image.Image, want []checkpoint.Tensor) (
	all []LayerDifference, err error) {
	layers, err := c.Layers()
	if err != nil {
		return nil, err
	}
	by := map[string]checkpoint.Tensor{}
	for _, t := range want {
		if _, err := model.FindLayer(layers, t.Name); err != nil {
			return nil, err
		}
		by[t.Name] = t
	}
	var names []string
	for _, l := range layers {
		t, is := by[l.Layer]
		if !is {
			continue
		}
		names = append(names, l.Layer)
		if by[l.Layer], err = inOrderOf(l, t); err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		return nil, errors.New("no arrays to compare with")
	}
	seen, _, err := c.Maps(ctx, m, names...)
	for _, s := range seen {
		d := LayerDifference{Layer: s.Layer}
		theirs, furthest := by[s.Layer].Data, 0.0
		for i, x := range s.Values {
			d.Largest = math.Max(d.Largest, math.Abs(float64(theirs[i])))
			furthest = math.Max(furthest, math.Abs(float64(x)-float64(theirs[i])))
		}
		if d.Distance = furthest / d.Largest; furthest == 0 {
			d.Distance = 0
		}
		all = append(all, d)
	}
	return all, err
}

// inOrderOf is an array with its numbers in the order of a layer's activations.
func inOrderOf(l model.Activation, t checkpoint.Tensor) (checkpoint.Tensor, error) {
	shape := t.Shape
	for len(shape) > len(l.Shape) && shape[0] == 1 {
		shape = shape[1:]
	}
	switch {
	case slices.Equal(shape, l.Shape):
		return t, nil
	case len(l.Shape) == 3 && slices.Equal(shape, []int{l.Shape[1], l.Shape[2], l.Shape[0]}):
		out := checkpoint.Tensor{Name: t.Name, Shape: l.Shape, Data: make([]float32, len(t.Data))}
		maps, area := l.Shape[0], l.Shape[1]*l.Shape[2]
		for place := range area {
			for k := range maps {
				out.Data[k*area+place] = t.Data[place*maps+k]
			}
		}
		return out, nil
	case len(t.Data) == l.Len() && len(l.Shape) == 1: // features that are maps of one place
		return t, nil
	}
	return t, fmt.Errorf("%s is %v, want %v", t.Name, t.Shape, l.Shape)
}

// FirstDifference is the error of the first layer that differs, or nil.
func FirstDifference(all []LayerDifference) error {
	var alike []string
	for _, d := range all {
		if d.Differs() {
			before := "the first that there is to compare"
			if len(alike) > 0 {
				before = strings.Join(alike, ", ") + " before it agree"
			}
			return fmt.Errorf("%s differs, by %.2g of its largest activation, %.4g; %s", d.Layer, d.Distance, d.Largest, before)
		}
		alike = append(alike, d.Layer)
	}
	return nil
}
