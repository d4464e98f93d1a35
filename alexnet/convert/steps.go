package convert

import (
	"fmt"
	"math"
	"slices"

	"duet/alexnet/convert/onnx"
	"duet/internal/wire"
)

// A step is one operation of a file's network, as its nodes say.
type step struct {
	kind  string // one of those below, or ? and the operator of ONNX that is none of them
	who   string // node "conv1_1" (Conv)
	layer int    // of Source.Layers; -1 where it has no weights

	window                // of convolutions and poolings
	groups            int // of a convolution
	size              int // of a normalisation, in maps
	alpha, beta, bias float32
	maps              int     // that a normalisation stays within; 0: all
	factor            float64 // of a scale
	wrong             string  // what of the node is none of these
}

// What steps there are.
const (
	isConv    = "conv"
	isLinear  = "linear"
	isReLU    = "relu"
	isTanh    = "tanh"
	isLRN     = "lrn"
	isMaxPool = "maxpool"
	isAvgPool = "avgpool"
	isScale   = "scale"
)

// A window is how a convolution or a pooling goes over its input, along each axis.
type window struct {
	kernel, strides, dilations [2]int
	before, after              [2]int // pads
	auto                       string // auto_pad: sameUpper or sameLower, which depend on the input; else ""
	ceil                       bool
	counts                     bool     // an average counts its pads
	pad                        *padding // of a node before this one
}

// A padding is what a node adds around maps, of zeros.
type padding struct {
	who           string
	before, after [2]int
}

// span is how far a window reaches along an axis.
func (w *window) span(axis int) int { return (w.kernel[axis]-1)*w.dilations[axis] + 1 }

// padded has the pads for an input, those of auto_pad being computed.
func (w *window) padded(input [2]int) window {
	p := *w
	for i, n := range input {
		if w.pad != nil {
			n += w.pad.before[i] + w.pad.after[i]
		}
		total := max((ceilDiv(n, w.strides[i])-1)*w.strides[i]+w.span(i)-n, 0)
		switch w.auto {
		case sameUpper:
			p.before[i], p.after[i] = total/2, total-total/2
		case sameLower:
			p.before[i], p.after[i] = total-total/2, total/2
		}
		if w.pad != nil {
			p.before[i], p.after[i] = p.before[i]+w.pad.before[i], p.after[i]+w.pad.after[i]
		}
	}
	return p
}

// outputs are how many places a padded window has in an input: none where it is larger.
func (w *window) outputs(input [2]int) (out [2]int) {
	for i, n := range input {
		room := n + w.before[i] + w.after[i] - w.span(i)
		if room < 0 {
			continue
		}
		if out[i] = room/w.strides[i] + 1; !w.ceil {
			continue
		}
		if out[i] = ceilDiv(room, w.strides[i]) + 1; (out[i]-1)*w.strides[i] >= n+w.before[i] {
			out[i]-- // the last one begins inside the input
		}
	}
	return out
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// What auto_pad may say beside NOTSET and VALID.
const (
	sameUpper = "SAME_UPPER"
	sameLower = "SAME_LOWER"
)

// mostSide bounds what a file says of a window, so that sums of it are no matter.
const mostSide = 1 << 16

// list is a node's attribute of count numbers, each of at least low; where there is none, low as often.
func (s *step) list(n *onnx.Node, name string, count, low int) []int {
	out := slices.Repeat([]int{low}, count)
	switch given := n.Attribute(name).(type) {
	case nil:
	case []int64:
		if len(given) == count && slices.Min(given) >= int64(low) && slices.Max(given) <= mostSide {
			for i, x := range given {
				out[i] = int(x)
			}
			return out
		}
		s.wrong = fmt.Sprintf("%s %v, want %d numbers of at least %d", name, given[:min(len(given), 8)], count, low)
	default:
		s.wrong = fmt.Sprintf("%s that is no list of integers", name)
	}
	return out
}

// number is an attribute of a type, or what it is where there is none.
func number[T any](n *onnx.Node, name string, otherwise T) T {
	if x, is := n.Attribute(name).(T); is {
		return x
	}
	return otherwise
}

// windowed reads the attributes of a convolution or a pooling; kernel is that of the weights, nil of a pooling.
func (s *step) windowed(n *onnx.Node, kernel []int) {
	if kernel == nil || n.Attribute("kernel_shape") != nil {
		if said := s.list(n, "kernel_shape", 2, 1); kernel != nil && !slices.Equal(said, kernel) {
			s.wrong = fmt.Sprintf("kernel_shape %v and weights of %v", said, kernel)
		} else {
			kernel = said
		}
	}
	s.kernel = [2]int(kernel)
	s.strides, s.dilations = [2]int(s.list(n, "strides", 2, 1)), [2]int(s.list(n, "dilations", 2, 1))
	pads := s.list(n, "pads", 4, 0)
	switch auto := number(n, "auto_pad", "NOTSET"); auto {
	case "NOTSET", "":
		s.before, s.after = [2]int(pads[:2]), [2]int(pads[2:])
	case sameUpper, sameLower:
		s.auto = auto
	case "VALID":
	default:
		s.wrong = "auto_pad " + wire.Quote(auto)
	}
	s.ceil = n.Op != "Conv" && number(n, "ceil_mode", int64(0)) != 0
	s.counts = number(n, "count_include_pad", int64(0)) != 0
	s.groups = int(min(max(number(n, "group", int64(1)), 0), math.MaxInt32))
}

// normalising reads the attributes of a normalisation.
func (s *step) normalising(n *onnx.Node) {
	s.size = int(min(max(number(n, "size", int64(0)), 0), math.MaxInt32))
	if s.size == 0 {
		s.wrong = "no size of at least 1"
	}
	s.alpha, s.beta, s.bias = number(n, "alpha", float32(1e-4)), number(n, "beta", float32(0.75)),
		number(n, "bias", float32(1))
}
