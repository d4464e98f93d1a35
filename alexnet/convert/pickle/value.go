package pickle

import (
	"errors"
	"fmt"
	"math/big"

	"duet/internal/invalid"
)

// node is what every container has.
type node struct {
	depth int32 // of the containers in it: 0 where there is none
	// closed is set when the container is put into another, or taken from the memo. From then on it does not change,
	// so that it cannot come to contain itself, and depth stays right.
	closed bool
}

// List is Python's list.
type List struct {
	Items []any
	node
}

// Tuple is Python's tuple.
type Tuple struct {
	Items []any
	node
}

// Entry is a key of a dict with its value.
type Entry struct{ Key, Value any }

// Dict is Python's dict or collections.OrderedDict. Its keys are distinct as far as they are str, int, bool or None.
type Dict struct {
	Entries []Entry
	index   map[any]int // of the keys above, in Entries
	node
	attributes bool // an OrderedDict, which may be given a state
}

// Global is a function or class by name.
type Global struct {
	Name string // with its module, as in "torch.FloatStorage"
	call Func
}

var errFrozen = errors.New("changes a value that stands in another one already, want no cycles")

// Get gives the value of a key that is a string, an int64, a bool or nil.
func (d *Dict) Get(key any) (any, bool) {
	i, ok := d.index[key]
	if !ok {
		return nil, false
	}
	return d.Entries[i].Value, true
}

// set gives a key its value, in its former place if it has one.
func (d *Dict) set(key, value any) error {
	switch key.(type) {
	case *List, *Dict:
		return fmt.Errorf("%s as a key, want a value that does not change", Kind(key))
	}
	if err := d.adopt(key); err != nil {
		return err
	}
	if err := d.adopt(value); err != nil {
		return err
	}
	switch key.(type) {
	case string, int64, bool, nil:
		if i, ok := d.index[key]; ok {
			d.Entries[i].Value = value
			return nil
		}
		if d.index == nil {
			d.index = map[any]int{}
		}
		d.index[key] = len(d.Entries)
	}
	d.Entries = append(d.Entries, Entry{key, value})
	return nil
}

// nodeOf is the container's part of a value; nil if it is none.
func nodeOf(v any) *node {
	switch c := v.(type) {
	case *List:
		return &c.node
	case *Tuple:
		return &c.node
	case *Dict:
		return &c.node
	}
	return nil
}

// adopt is to be called with every value that a container is given.
func (n *node) adopt(v any) error {
	if n.closed {
		return errFrozen
	}
	child := nodeOf(v)
	switch {
	case child == nil:
		return nil
	case child == n:
		return errors.New("puts a value into itself, want no cycles")
	case child.depth+1 >= maxDepth:
		return fmt.Errorf("containers nested deeper than %d levels, want fewer", maxDepth)
	}
	child.closed = true
	n.depth = max(n.depth, child.depth+1)
	return nil
}

// tuple makes a tuple of values, which it keeps.
func tuple(items []any) (*Tuple, error) {
	t := &Tuple{Items: items}
	for _, v := range items {
		if err := t.adopt(v); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Kind says in words for an error what a value is.
func Kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{false: "False", true: "True"}[v]
	case int64:
		return fmt.Sprintf("the int %d", v)
	case *big.Int:
		return fmt.Sprintf("an int of %d bits", v.BitLen())
	case float64:
		return fmt.Sprintf("the float %g", v)
	case string:
		return fmt.Sprintf("the str \"%s\"", invalid.Short(v))
	case []byte:
		return fmt.Sprintf("%d bytes", len(v))
	case *List:
		return fmt.Sprintf("a list of %d", len(v.Items))
	case *Tuple:
		return fmt.Sprintf("a tuple of %d", len(v.Items))
	case *Dict:
		return fmt.Sprintf("a dict of %d", len(v.Entries))
	case *Global:
		return "the global " + invalid.Short(v.Name)
	case interface{ Kind() string }:
		return v.Kind()
	}
	return fmt.Sprintf("a %T", v)
}
