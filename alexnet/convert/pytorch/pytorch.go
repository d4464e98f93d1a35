// Package pytorch reads the weights that torch.save has written (.pth, .pt), without running anything of the file.
//
// Two formats are told apart by their content. Since PyTorch 1.6 it is a zip archive, whose members lie in one folder
// of any name:
//
//	data.pkl     a pickle in which a storage, an array of numbers, is named by its key
//	data/KEY     the numbers of a storage
//	byteorder    "little" or "big"; without it they are little endian
//
// Before, it is a stream: three pickles (a magic number, the version 1001, the sizes of C's types), the pickle of the
// values, a pickle of a list of the storages' keys, and for each of them 8 bytes with the number of its elements, and
// the elements; all little endian.
//
// A tensor is a view of a storage: offset, sizes and strides in elements.
//
// Source: PyTorch's torch/serialization.py and torch/_utils.py, and tests against PyTorch 2.15.
package pytorch

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"duet/alexnet/convert/foreign"
	"duet/alexnet/convert/pickle"
	"duet/engine/checkpoint"
	"duet/internal/invalid"
)

// wanted is what the errors say of files of another kind.
const wanted = "weights that torch.save has written"

// howToSave is what the errors say of files that have more than weights.
const howToSave = "want the weights alone, as torch.save(model.state_dict(), path) writes them"

// Read gives the tensors of a file in the order of its dict, as float32. It takes
//
//   - a dict of tensors alone, as torch.save(model.state_dict(), path) writes it, or
//   - one that has such a dict as its "state_dict", "model", "model_state_dict" or "net", the first that is there.
//
// Names stay as they are; only the prefix "module." of DataParallel is dropped, where all names have it. Numbers of
// other types, such as the counters of batch normalisation, become float32 too. Tensors that share their storage get
// each their own memory, up to what package foreign allows. A whole module, as torch.save(model, path) writes it, is
// code and refused.
func Read(path string) ([]checkpoint.Tensor, error) {
	f, err := foreign.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tensors, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tensors, nil
}

func read(f *foreign.File) ([]checkpoint.Tensor, error) {
	head, err := f.Head(64)
	if err != nil {
		return nil, err
	}
	var s *storages
	var top any
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		s, top, err = readZip(f)
	case isMagic(head):
		s, top, err = readStream(f)
	default:
		return nil, foreign.NotThis(head, wanted)
	}
	var unknown *pickle.GlobalError
	if errors.As(err, &unknown) {
		return nil, fmt.Errorf("%w; %s", err, howToSave)
	}
	if err != nil {
		return nil, err
	}
	dict, where, err := stateDict(top)
	if err != nil {
		return nil, err
	}
	return deliver(f, s, dict, where)
}

// isMagic tells whether a file begins with a pickle of the magic number of the stream.
func isMagic(head []byte) bool {
	v, err := pickle.Load(bytes.NewReader(head), pickle.Options{})
	n, ok := v.(*big.Int)
	magic, _ := new(big.Int).SetString("1950a86a20f9469cfc6c", 16)
	return err == nil && ok && n.Cmp(magic) == 0
}

// stateDict finds the dict of tensors, and says where it is.
func stateDict(top any) (dict *pickle.Dict, where string, err error) {
	d, ok := top.(*pickle.Dict)
	if !ok {
		return nil, "", fmt.Errorf("the file's value is %s, want a dict of tensors", pickle.Kind(top))
	}
	if len(d.Entries) == 0 {
		return nil, "", errors.New("the file's value is an empty dict, want a dict of tensors")
	}
	var other string // what is not a tensor
	for _, e := range d.Entries {
		if _, ok := e.Value.(*tensor); !ok {
			other = fmt.Sprintf("%s is %s", keyName(e.Key), pickle.Kind(e.Value))
			break
		}
	}
	if other == "" {
		return d, "", nil
	}
	for _, key := range []string{"state_dict", "model", "model_state_dict", "net"} {
		v, _ := d.Get(key)
		if inner, ok := v.(*pickle.Dict); ok {
			return inner, key + ": ", nil
		}
	}
	return nil, "", fmt.Errorf("%s, want a dict of tensors, or one under \"state_dict\", \"model\", \"model_state_dict\" "+
		"or \"net\"", other)
}

// keyName is a dict's key in an error.
func keyName(key any) string {
	if s, ok := key.(string); ok {
		return invalid.Short(s)
	}
	return pickle.Kind(key)
}

// deliver gives the tensors of a dict: first all are checked, and then read.
func deliver(f *foreign.File, s *storages, dict *pickle.Dict, where string) ([]checkpoint.Tensor, error) {
	const parallel = "module."
	strip := len(dict.Entries) > 0
	for _, e := range dict.Entries {
		name, ok := e.Key.(string)
		if !ok {
			return nil, fmt.Errorf("%s%s as a name, want a str", where, pickle.Kind(e.Key))
		}
		strip = strip && strings.HasPrefix(name, parallel)
	}
	out := make([]checkpoint.Tensor, len(dict.Entries))
	plans := make([]*planned, len(dict.Entries))
	for i, e := range dict.Entries {
		name := e.Key.(string)
		x, ok := e.Value.(*tensor)
		if !ok {
			return nil, fmt.Errorf("%s%s is %s, want a tensor", where, invalid.Short(name), pickle.Kind(e.Value))
		}
		p, err := s.plan(f, name, x)
		if err != nil {
			return nil, fmt.Errorf("%s%s: %w", where, invalid.Short(name), err)
		}
		plans[i] = p
		if strip {
			name = name[len(parallel):]
		}
		out[i] = checkpoint.Tensor{Name: name, Shape: p.shape}
	}
	for i, p := range plans {
		data, err := s.read(p)
		if err != nil {
			return nil, fmt.Errorf("%s%s: %w", where, invalid.Short(out[i].Name), err)
		}
		out[i].Data = data
	}
	return out, nil
}
