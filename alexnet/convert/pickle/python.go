package pickle

import "fmt"

// python are the globals of Python itself that PyTorch's and NumPy's pickles name.
var python = map[string]func(m *machine, args []any) (any, error){
	"collections.OrderedDict": orderedDict,
	"collections.defaultdict": defaultDict,
	"_codecs.encode":          encode,
	"builtins.bytes":          noBytes,
	"__builtin__.bytes":       noBytes,
	"builtins.bytearray":      noBytes,
	"__builtin__.bytearray":   noBytes,
}

// freeCopies are bytes that may be copied without more of a pickle.
const freeCopies = 4096

// spend is called before n bytes of the pickle are copied: the memo could have the same ones copied over and over.
func (m *machine) spend(n int) error {
	m.copied += int64(n)
	if limit := m.in.at + freeCopies; m.copied > limit {
		return fmt.Errorf("%d bytes copied by now, want at most the %d of the pickle up to here", m.copied, limit)
	}
	return nil
}

// orderedDict makes an empty one, or one of a list of pairs, as Python 2 writes it.
func orderedDict(m *machine, args []any) (any, error) {
	d := &Dict{attributes: true}
	if len(args) == 0 {
		return d, nil
	}
	l, ok := args[0].(*List)
	if !ok || len(args) > 1 {
		return nil, fmt.Errorf("%s and %d more arguments, want none at all or a list", Kind(args[0]), len(args)-1)
	}
	if err := m.spend(4 * len(l.Items)); err != nil { // a pair has at least as many
		return nil, err
	}
	for _, v := range l.Items {
		var pair []any
		switch v := v.(type) {
		case *List:
			pair = v.Items
		case *Tuple:
			pair = v.Items
		}
		if len(pair) != 2 {
			return nil, fmt.Errorf("%s in the list, want pairs of a key and a value", Kind(v))
		}
		if err := d.set(pair[0], pair[1]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// defaultDict makes an empty dict; what it would have for other keys is dropped.
func defaultDict(*machine, []any) (any, error) { return &Dict{}, nil }

// encode is how protocols before 3 have bytes: as characters of Latin-1.
func encode(m *machine, args []any) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("%d arguments, want a str and \"latin1\"", len(args))
	}
	s, ok := args[0].(string)
	if code, also := args[1].(string); !ok || !also || code != "latin1" {
		return nil, fmt.Errorf("%s and %s, want a str and \"latin1\"", Kind(args[0]), Kind(args[1]))
	}
	if err := m.spend(len(s)); err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return nil, fmt.Errorf("the character %q, want those of Latin-1", r)
		}
		b = append(b, byte(r))
	}
	return b, nil
}

// noBytes is how they have no bytes, and a bytearray of bytes.
func noBytes(m *machine, args []any) (any, error) {
	switch {
	case len(args) == 0:
		return []byte{}, nil
	case len(args) == 1:
		if b, ok := args[0].([]byte); ok {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%s and %d more arguments, want none at all or bytes", Kind(args[0]), len(args)-1)
}
