package interpret

import (
	"fmt"
	"slices"

	"duet/alexnet/convert/onnx"
)

// mapped makes a tensor whose every element is one of x's: from says which, of the element at a place; -1 is a zero.
func mapped(x *Tensor, shape []int, from func(at []int) int) *Tensor {
	y, at := newTensor(shape...), make([]int, len(shape))
	for i := range y.Data {
		if j := from(at); j >= 0 {
			y.Data[i] = x.Data[j]
		}
		for axis := len(at) - 1; axis >= 0; axis-- {
			if at[axis]++; at[axis] < shape[axis] {
				break
			}
			at[axis] = 0
		}
	}
	return y
}

// index is where an element lies.
func index(shape, at []int) (i int) {
	for axis, d := range shape {
		i = i*d + at[axis]
	}
	return i
}

func transpose(n *onnx.Node, in []*Tensor) (*Tensor, error) {
	x, perm := in[0], attribute[[]int64](n, "perm")
	if len(perm) != len(x.Shape) {
		return nil, fmt.Errorf("perm %v of shape %v", perm, x.Shape)
	}
	shape, place := make([]int, len(perm)), make([]int, len(perm))
	for i, axis := range perm {
		shape[i] = x.Shape[axis]
	}
	return mapped(x, shape, func(at []int) int {
		for i, axis := range perm {
			place[axis] = at[i]
		}
		return index(x.Shape, place)
	}), nil
}

func slice(_ *onnx.Node, in []*Tensor) (*Tensor, error) {
	x, first, end, axes := in[0], in[1].Ints, in[2].Ints, in[3].Ints
	if len(first) != len(axes) || len(end) != len(axes) {
		return nil, fmt.Errorf("from %v to %v on axes %v", first, end, axes)
	}
	shape, begin := slices.Clone(x.Shape), make([]int, len(x.Shape))
	for i, axis := range axes {
		if first[i] < 0 || first[i] >= end[i] || end[i] > int64(x.Shape[axis]) {
			return nil, fmt.Errorf("%d to %d of axis %d of %v", first[i], end[i], axis, x.Shape)
		}
		begin[axis], shape[axis] = int(first[i]), int(end[i]-first[i])
	}
	place := make([]int, len(shape))
	return mapped(x, shape, func(at []int) int {
		for i := range place {
			place[i] = begin[i] + at[i]
		}
		return index(x.Shape, place)
	}), nil
}

func pad(_ *onnx.Node, in []*Tensor) (*Tensor, error) {
	x, pads := in[0], in[1].Ints
	rank := len(x.Shape)
	if len(pads) != 2*rank {
		return nil, fmt.Errorf("pads %v of shape %v", pads, x.Shape)
	}
	shape, place := slices.Clone(x.Shape), make([]int, rank)
	for i := range shape {
		shape[i] += int(pads[i] + pads[rank+i])
	}
	return mapped(x, shape, func(at []int) int {
		for i := range place {
			if place[i] = at[i] - int(pads[i]); place[i] < 0 || place[i] >= x.Shape[i] {
				return -1
			}
		}
		return index(x.Shape, place)
	}), nil
}

func concat(n *onnx.Node, in []*Tensor) (*Tensor, error) {
	a, b := in[0], in[1]
	if attribute[int64](n, "axis") != 1 || len(a.Shape) < 2 || len(a.Shape) != len(b.Shape) || a.Shape[0] != b.Shape[0] {
		return nil, fmt.Errorf("%v and %v on axis %v", a.Shape, b.Shape, n.Attribute("axis"))
	}
	shape := slices.Clone(a.Shape)
	shape[1] += b.Shape[1]
	y, images := &Tensor{Shape: shape}, a.Shape[0]
	for i := range images {
		for _, t := range in {
			own := len(t.Data) / images
			y.Data = append(y.Data, t.Data[i*own:(i+1)*own]...)
		}
	}
	return y, nil
}

func flatten(n *onnx.Node, in []*Tensor) (*Tensor, error) {
	x := in[0]
	if attribute[int64](n, "axis") != 1 || len(x.Shape) < 1 || x.Shape[0] < 1 {
		return nil, fmt.Errorf("%v on axis %v", x.Shape, n.Attribute("axis"))
	}
	return &Tensor{Shape: []int{x.Shape[0], len(x.Data) / x.Shape[0]}, Data: x.Data}, nil
}

func reshape(_ *onnx.Node, in []*Tensor) (*Tensor, error) {
	x := in[0]
	shape, known, open := make([]int, len(in[1].Ints)), 1, -1
	for i, d := range in[1].Ints {
		if shape[i] = int(d); d == -1 {
			open = i
			continue
		}
		known *= int(d)
	}
	if open >= 0 && known > 0 {
		shape[open] = len(x.Data) / known
		known *= shape[open]
	}
	if known != len(x.Data) {
		return nil, fmt.Errorf("%v as %v", x.Shape, in[1].Ints)
	}
	return &Tensor{Shape: shape, Data: x.Data}, nil
}
