// Package caffe reads what Caffe has trained: the weights in a .caffemodel, of layers as they are written since 2014 or
// as before, and the mean image in a .binaryproto.
//
// Both are messages of caffe.proto: NetParameter and BlobProto. A file is recognised by what is in it. Channels stay in
// the order in which the file has them: BGR, in all that was trained with Caffe's own tools.
package caffe

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"duet/engine/checkpoint"
	"duet/internal/wire"
)

// The messages of caffe.proto, as far as they are read here: the numbers of their fields.
const (
	netName, netOldLayers, netLayer                = 1, 2, 100
	layerName, layerType, layerBlobs, layerInner   = 1, 2, 7, 117
	oldOlder, oldName, oldType, oldBlobs, oldInner = 1, 4, 5, 6, 17
	innerTranspose                                 = 6
)

// netFields are what a NetParameter may have: also input 3, input_dim 4, force_backward 5, state 6, debug_info 7 and
// input_shape 8.
var netFields = wire.Kinds{netName: {wire.Bytes}, netOldLayers: {wire.Bytes}, 3: {wire.Bytes},
	4: {wire.Varint, wire.Bytes}, 5: {wire.Varint}, 6: {wire.Bytes}, 7: {wire.Varint}, 8: {wire.Bytes},
	netLayer: {wire.Bytes}}

// Net is a network's weights.
type Net struct {
	Name   string
	Layers []Layer // in the order of the file, those without weights too
}

// Layer is one layer of a network.
type Layer struct {
	Name string
	Type string // as newer files have it, such as "Convolution"

	// Blobs are what the layer has learned, named after it: conv1.weight and conv1.bias of a layer of type Convolution,
	// Deconvolution or InnerProduct, conv1.0, conv1.1 and so on of others. A convolution's weight is
	// [out, in/group, height, width], an inner product's [out, in], their biases are [out].
	Blobs []checkpoint.Tensor
}

// Tensors are the blobs of all layers, in their order.
func (n *Net) Tensors() []checkpoint.Tensor {
	var all []checkpoint.Tensor
	for _, l := range n.Layers {
		all = append(all, l.Blobs...)
	}
	return all
}

// Is says whether a file that begins with head may be a caffemodel. 4096 bytes suffice.
func Is(head []byte) bool {
	return netFields.Fit(head, netName, netOldLayers, netLayer)
}

// Read reads a caffemodel. The error names the file and is one line.
func Read(path string) (*Net, error) {
	b, err := wire.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("caffe: %w", err)
	}
	n, err := readNet(wire.New(b))
	switch {
	case err == nil:
		return n, nil
	case IsMean(b):
		err = errors.New("not a caffemodel but a blob, such as a mean's .binaryproto")
	default:
		err = orForeign(err, "a caffemodel", b, Is(b))
	}
	return nil, fmt.Errorf("caffe: %s: %w", path, err)
}

// prototxt finds a layer in a network's text.
var prototxt = regexp.MustCompile(`(?m)^\s*layers?\s*:?\s*\{`)

// orForeign says in the place of err what a file is that is not what it was taken for, if that is known. A similar one
// begins like what it was taken for.
func orForeign(err error, what string, file []byte, similar bool) error {
	looks := checkpoint.Looks(file)
	switch {
	case bytes.HasPrefix(file, []byte("\x89HDF\r\n\x1a\n")):
		looks = "an HDF5 file: want the network as Caffe saves it with snapshot_format: BINARYPROTO"
	case looks == "a text" && prototxt.Match(file):
		looks = "a prototxt, which has the network without its weights: want the .caffemodel"
	case looks == "" && similar:
		return err
	case looks == "":
		return fmt.Errorf("not %s: %w", what, err)
	}
	return fmt.Errorf("not %s but %s", what, looks)
}

func readNet(m wire.Message) (*Net, error) {
	n := &Net{}
	read := map[int]int{}
	err := m.Each(func(f wire.Field) (err error) {
		switch f.Number {
		case netName:
			n.Name, err = f.Text()
		case netLayer, netOldLayers:
			numbers := &numbers
			if f.Number == netOldLayers {
				numbers = &oldNumbers
			}
			var l Layer
			if l, err = readLayer(f, numbers); err != nil {
				return fmt.Errorf("layer %d %s: %w", len(n.Layers), wire.Quote(l.Name), err)
			}
			n.Layers = append(n.Layers, l)
			read[f.Number]++
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if read[netLayer] > 0 && read[netOldLayers] > 0 {
		return nil, fmt.Errorf("%d layers of the old form and %d of the new one, of which Caffe takes either",
			read[netOldLayers], read[netLayer])
	}
	return n, check(n)
}

// check refuses a network without weights, and weights with the same names.
func check(n *Net) error {
	seen := map[string]bool{}
	for _, l := range n.Layers {
		for _, b := range l.Blobs {
			if seen[b.Name] {
				return fmt.Errorf("blob %s is there twice", wire.Quote(b.Name))
			}
			seen[b.Name] = true
		}
	}
	if len(seen) == 0 {
		return fmt.Errorf("a network of %d layers without weights", len(n.Layers))
	}
	return nil
}

// fields are the numbers of a layer's fields in one of the two forms.
type fields struct{ name, typ, blobs, inner, older int }

var (
	numbers    = fields{layerName, layerType, layerBlobs, layerInner, -1}
	oldNumbers = fields{oldName, oldType, oldBlobs, oldInner, oldOlder}
)

// readLayer gives the name also with an error.
func readLayer(f wire.Field, numbers *fields) (l Layer, err error) {
	var blobs []blob
	transposed := false
	err = f.Each(func(f wire.Field) (err error) {
		switch f.Number {
		case numbers.name:
			l.Name, err = f.Text()
		case numbers.typ:
			l.Type, err = readType(f, numbers)
		case numbers.blobs:
			var b blob
			if b, err = readBlob(f); err != nil {
				return fmt.Errorf("blob %d: %w", len(blobs), err)
			}
			blobs = append(blobs, b)
		case numbers.inner:
			err = f.Each(func(f wire.Field) error {
				if f.Number != innerTranspose {
					return nil
				}
				x, err := f.Int()
				transposed = x != 0
				return err
			})
		case numbers.older:
			err = errors.New("written before 2013: want it through Caffe's upgrade_net_proto_binary")
		}
		return err
	})
	if err != nil {
		return l, err
	}
	if transposed && len(blobs) > 0 {
		return l, errors.New("transpose in inner_product_param is not read")
	}
	for i, b := range blobs {
		t, err := b.tensor(&l, i)
		if err != nil {
			return l, fmt.Errorf("blob %d: %w", i, err)
		}
		l.Blobs = append(l.Blobs, t)
	}
	return l, nil
}

// readType gives a type's newer name; of an old number that caffe.proto does not have, the number.
func readType(f wire.Field, numbers *fields) (string, error) {
	if numbers.typ == layerType {
		return f.Text()
	}
	x, err := f.Int()
	if name, ok := types[x]; ok {
		return name, err
	}
	return strconv.FormatInt(x, 10), err
}
