package pytorch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"duet/alexnet/convert/element"
	"duet/alexnet/convert/pickle"
)

// inert is a value of a class that checkpoints have beside their weights; nothing of it is kept.
type inert string

func (v inert) Kind() string { return "a value of " + string(v) }

// SetState drops what the class would have kept.
func (v inert) SetState(any) error { return nil }

// inerts are those classes: what training scripts keep of their options and results.
var inerts = []string{"torch.Size", "torch.device", "argparse.Namespace", "builtins.set", "__builtin__.set",
	"pathlib.PosixPath", "pathlib.WindowsPath", "pathlib._local.PosixPath", "pathlib._local.WindowsPath",
	"numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
	"numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "numpy.ndarray"}

// factories are functions that a defaultdict names as what it has for other keys.
var factories = []string{"dict", "list", "int", "float", "str"}

// globals are what a file of tensors may name.
func globals() map[string]pickle.Func {
	all := map[string]pickle.Func{
		"torch._utils._rebuild_tensor":               rebuild(4, false),
		"torch._utils._rebuild_tensor_v2":            rebuild(6, false),
		"torch._utils._rebuild_tensor_v3":            rebuild(7, true),
		"torch._utils._rebuild_parameter":            parameter,
		"torch._utils._rebuild_parameter_with_state": parameter,
		"torch.storage.UntypedStorage":               nil,
	}
	for name, t := range types {
		all["torch."+name+"Storage"] = nil
		all["torch."+t.dtype] = nil
	}
	for _, name := range factories {
		all["builtins."+name] = nil
		all["__builtin__."+name] = nil
	}
	for _, name := range inerts {
		all[name] = func([]any) (any, error) { return inert(name), nil }
	}
	return all
}

// rebuild makes a tensor of (storage, offset, sizes, strides, requires_grad, hooks, type): at least so many of them,
// with the type or without. More arguments, such as those of newer versions, do not change the numbers.
func rebuild(least int, typed bool) pickle.Func {
	return func(args []any) (any, error) {
		if len(args) < least {
			return nil, fmt.Errorf("%d arguments, want at least %d", len(args), least)
		}
		s, ok := args[0].(*storage)
		if !ok {
			return nil, fmt.Errorf("%s, want a storage", pickle.Kind(args[0]))
		}
		offset, ok := args[1].(int64)
		if !ok {
			return nil, fmt.Errorf("%s as the offset, want an int", pickle.Kind(args[1]))
		}
		sizes, ok := args[2].(*pickle.Tuple)
		strides, also := args[3].(*pickle.Tuple)
		if !ok || !also || len(sizes.Items) > element.MaxDims || len(strides.Items) != len(sizes.Items) {
			return nil, fmt.Errorf("%s as sizes and %s as strides, want two tuples of as many ints, at most %d",
				pickle.Kind(args[2]), pickle.Kind(args[3]), element.MaxDims)
		}
		x := &tensor{storage: s, typeName: s.typeName, offset: offset, sizes: sizes, strides: strides}
		if typed {
			var err error
			if x.typeName, err = dtype(args[6]); err != nil {
				return nil, err
			}
		}
		if x.typeName == "" {
			return nil, errors.New("a storage of bytes without a type, want one such as torch.FloatStorage")
		}
		return x, nil
	}
}

// parameter is a tensor that is trained: (tensor, requires_grad, hooks, state).
func parameter(args []any) (any, error) {
	if len(args) < 3 {
		return nil, fmt.Errorf("%d arguments, want at least 3", len(args))
	}
	x, ok := args[0].(*tensor)
	if !ok {
		return nil, fmt.Errorf("%s, want a tensor", pickle.Kind(args[0]))
	}
	return x, nil
}

// dtype gives the name in types of a global such as torch.float32.
func dtype(v any) (string, error) {
	if g, ok := v.(*pickle.Global); ok {
		for name, t := range types {
			if g.Name == "torch."+t.dtype {
				return name, nil
			}
		}
	}
	return "", fmt.Errorf("%s as the type, want one such as torch.float32", pickle.Kind(v))
}

// integers are the values of a tuple.
func integers(t *pickle.Tuple) ([]int64, error) {
	out := make([]int64, len(t.Items))
	for i, v := range t.Items {
		n, ok := v.(int64)
		if !ok {
			return nil, fmt.Errorf("%s, want an int", pickle.Kind(v))
		}
		out[i] = n
	}
	return out, nil
}

// storageID takes a storage's persistent id apart: ("storage", class, key, device, elements), and in the stream's a
// sixth part, which is None or a view of the storage.
func (s *storages) storageID(id any, parts ...int) (*storage, any, error) {
	t, ok := id.(*pickle.Tuple)
	if ok && len(t.Items) > 0 && t.Items[0] == any("module") {
		return nil, nil, fmt.Errorf("a whole module; %s", howToSave)
	}
	if !ok || !slices.Contains(parts, len(t.Items)) || t.Items[0] != any("storage") {
		return nil, nil, fmt.Errorf("%s as an id, want a tuple of %d, the first \"storage\"", pickle.Kind(id), parts[0])
	}
	class, ok := t.Items[1].(*pickle.Global)
	if !ok {
		return nil, nil, fmt.Errorf("%s as a storage's class, want one such as torch.FloatStorage", pickle.Kind(t.Items[1]))
	}
	name := ""
	if class.Name != "torch.storage.UntypedStorage" {
		name = strings.TrimSuffix(strings.TrimPrefix(class.Name, "torch."), "Storage")
		if _, known := types[name]; !known {
			return nil, nil, fmt.Errorf("%s as a storage's class, want one such as torch.FloatStorage", class.Name)
		}
	}
	key, ok := t.Items[2].(string)
	elements, also := t.Items[4].(int64)
	if !ok || !also {
		return nil, nil, fmt.Errorf("%s and %s, want the str of a key and a number of elements",
			pickle.Kind(t.Items[2]), pickle.Kind(t.Items[4]))
	}
	found, err := s.add(key, name, elements)
	if err != nil || len(t.Items) == 5 {
		return found, nil, err
	}
	return found, t.Items[5], nil
}
