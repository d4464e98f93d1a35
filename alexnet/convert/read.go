// Package convert reads the weights of other programs into the shapes of a network of duet.
//
// The formats have packages of their own below this one, each of which gives tensors by name. Here they become layers,
// and find their places.
package convert

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"duet/alexnet/convert/caffe"
	"duet/alexnet/convert/foreign"
	"duet/alexnet/convert/numpy"
	"duet/alexnet/convert/onnx"
	"duet/alexnet/convert/pytorch"
	"duet/engine/checkpoint"
)

// Read reads a file of weights, which it knows by its content.
func Read(path string) (*Source, error) {
	head, err := headOf(path)
	if err != nil {
		return nil, err
	}
	switch {
	case isSafetensors(head):
		tensors, err := checkpoint.LoadTensors(path)
		if err != nil {
			return nil, err
		}
		s := group("safetensors", tensors)
		s.order()
		return s, nil
	case caffe.Is(head):
		return readCaffe(path)
	case onnx.Is(head):
		return readONNX(path)
	}
	format, tensors, err := pickled(path)
	if errors.Is(err, foreign.ErrUnknown) {
		if what := checkpoint.Looks(head); what != "" {
			return nil, fmt.Errorf("%s is %s, want weights of PyTorch, Caffe, ONNX, NumPy or in safetensors", path, what)
		}
		return nil, fmt.Errorf("%s: want weights of PyTorch, Caffe, ONNX, NumPy or in safetensors: %w", path, err)
	}
	if err != nil {
		return nil, err
	}
	s := group(format, tensors)
	if format == torchFormat {
		s.Layout = OIHW
	}
	return s, nil
}

const torchFormat = "PyTorch"

// pickled reads tensors of PyTorch or NumPy. What is neither is a foreign.ErrUnknown.
func pickled(path string) (format string, tensors []checkpoint.Tensor, err error) {
	tensors, err = pytorch.Read(path)
	if err == nil || !errors.Is(err, foreign.ErrUnknown) {
		return torchFormat, tensors, err
	}
	other, numpyErr := numpy.Read(path)
	if numpyErr == nil || !errors.Is(numpyErr, foreign.ErrUnknown) {
		return "NumPy", other, numpyErr
	}
	return "", nil, err
}

// ReadTensors reads arrays by name, of NumPy, PyTorch or in safetensors.
func ReadTensors(path string) ([]checkpoint.Tensor, error) {
	head, err := headOf(path)
	if err != nil {
		return nil, err
	}
	if isSafetensors(head) {
		return checkpoint.LoadTensors(path)
	}
	_, tensors, err := pickled(path)
	return tensors, err
}

// isSafetensors tells by a file's first bytes: the length of the header is before it.
func isSafetensors(head []byte) bool { return len(head) > 8 && head[8] == '{' }

// headOf are the first bytes of a file.
func headOf(path string) ([]byte, error) {
	f, err := foreign.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Head(4096)
}

// order brings layers, of a format that does not keep their order, into that of their names, whose numbers count as
// such, convolutions first.
func (s *Source) order() {
	slices.SortStableFunc(s.Layers, func(a, b Layer) int {
		return cmp.Or(len(b.Weight.Shape)-len(a.Weight.Shape), inOrder(a.Name, b.Name))
	})
}

// inOrder compares names as people order them: features.3 before features.10.
func inOrder(a, b string) int {
	for a != "" && b != "" {
		m, n := digits(a), digits(b)
		if m > 0 && n > 0 {
			x, y := strings.TrimLeft(a[:m], "0"), strings.TrimLeft(b[:n], "0")
			if c := cmp.Or(len(x)-len(y), strings.Compare(x, y)); c != 0 {
				return c
			}
			a, b = a[m:], b[n:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

// digits is how many a text begins with.
func digits(text string) int { return len(text) - len(strings.TrimLeft(text, "0123456789")) }

// weightNames end the names of weights, and biasNames those of their biases.
var (
	weightNames = []string{"weight", "weights", "kernel", "w", "W"}
	biasNames   = []string{"bias", "biases", "b", "B"}
)

// group makes layers of tensors by their names: NAME.weight and NAME.bias, NAME/kernel and NAME/bias, and so on. What
// belongs to no weight of two or four axes is the rest.
func group(format string, tensors []checkpoint.Tensor) *Source {
	s := &Source{Format: format}
	at := map[string]int{}
	for _, t := range tensors {
		if name, is := stem(t.Name, weightNames); is && (len(t.Shape) == 2 || len(t.Shape) == 4) {
			at[name] = len(s.Layers)
			s.Layers = append(s.Layers, Layer{Name: name, Weight: t})
		}
	}
	for _, t := range tensors {
		if name, is := stem(t.Name, weightNames); is {
			if i, ok := at[name]; ok && s.Layers[i].Weight.Name == t.Name {
				continue
			}
		}
		if name, is := stem(t.Name, biasNames); is {
			if i, ok := at[name]; ok && s.Layers[i].Bias == nil {
				s.Layers[i].Bias = &t
				continue
			}
		}
		s.Rest = append(s.Rest, t)
	}
	return s
}

// stem is a name without its last part, where that is one of the ends.
func stem(name string, ends []string) (string, bool) {
	cut := strings.LastIndexAny(name, "./")
	last, _, _ := strings.Cut(name[cut+1:], ":") // TensorFlow's kernel:0
	for _, end := range ends {
		if last == end {
			return name[:max(cut, 0)], true
		}
	}
	return "", false
}

func readCaffe(path string) (*Source, error) {
	net, err := caffe.Read(path)
	if err != nil {
		return nil, err
	}
	s := &Source{Format: "Caffe", Layout: OIHW, BGR: true}
	for _, l := range net.Layers {
		of := Layer{Name: l.Name}
		for i, blob := range l.Blobs {
			switch {
			case i == 0 && (len(blob.Shape) == 2 || len(blob.Shape) == 4):
				of.Weight = blob
			case i == 1 && of.Weight.Data != nil:
				of.Bias = &blob
			default:
				s.Rest = append(s.Rest, blob)
			}
		}
		if of.Weight.Data != nil {
			s.Layers = append(s.Layers, of)
		}
	}
	return s, nil
}

// ReadMean reads a mean of Caffe's, a binaryproto, or of NumPy's, an .npy, [3, height, width] or [3].
func ReadMean(path string) (checkpoint.Tensor, error) {
	head, err := headOf(path)
	if err != nil {
		return checkpoint.Tensor{}, err
	}
	if caffe.IsMean(head) {
		return caffe.ReadMean(path)
	}
	tensors, err := numpy.Read(path)
	if err != nil {
		return checkpoint.Tensor{}, fmt.Errorf("%w: want a mean, a binaryproto of Caffe or an .npy", err)
	}
	if len(tensors) != 1 {
		return checkpoint.Tensor{}, fmt.Errorf("%s: %d arrays, want a mean, one", path, len(tensors))
	}
	return tensors[0], nil
}
