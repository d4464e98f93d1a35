package pickle

import (
	"errors"
	"fmt"
)

// machine is a pickle's machine.
type machine struct {
	in      *input
	options Options
	stack   []any
	marks   []int // heights of the stack at which a MARK lies
	// The memo: what stands at 0, 1, 2, ..., as picklers number it, and the rest.
	dense   []any
	sparse  map[uint64]any
	frame   frames
	copied  int64 // bytes that python's functions took for copies
	stopped bool
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// floor is the height of the stack above the last mark.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

// pop takes values from the stack, the deepest first. The result is valid until the next push.
func (m *machine) pop(n int) ([]any, error) {
	if have := len(m.stack) - m.floor(); have < n {
		return nil, fmt.Errorf("%d values on the stack, want %d", have, n)
	}
	top := len(m.stack) - n
	values := m.stack[top:]
	m.stack = m.stack[:top]
	return values, nil
}

// popMark takes all above the last mark, and the mark.
func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, errors.New("no mark on the stack, want one")
	}
	values, err := m.pop(len(m.stack) - m.floor())
	m.marks = m.marks[:len(m.marks)-1]
	return values, err
}

// top is the uppermost value.
func (m *machine) top() (any, error) {
	if len(m.stack) == m.floor() {
		return nil, errors.New("no value on the stack, want one")
	}
	return m.stack[len(m.stack)-1], nil
}

// put remembers the uppermost value.
func (m *machine) put(i uint64) error {
	v, err := m.top()
	switch {
	case err != nil:
		return err
	case i < uint64(len(m.dense)):
		m.dense[i] = v
	case i == uint64(len(m.dense)):
		m.dense = append(m.dense, v)
	default:
		if m.sparse == nil {
			m.sparse = map[uint64]any{}
		}
		m.sparse[i] = v
	}
	return nil
}

// get pushes what was remembered. A container that is fetched is complete: picklers go back to an incomplete one only
// in a cycle.
func (m *machine) get(i uint64) error {
	v, ok := m.sparse[i]
	if i < uint64(len(m.dense)) {
		v, ok = m.dense[i], true
	}
	if !ok {
		return fmt.Errorf("nothing was remembered under %d, want one of %d that were", i, len(m.dense)+len(m.sparse))
	}
	if n := nodeOf(v); n != nil {
		n.closed = true
	}
	m.push(v)
	return nil
}

// memoize remembers the uppermost value under the next number.
func (m *machine) memoize() error { return m.put(uint64(len(m.dense) + len(m.sparse))) }

// pushTuple makes a tuple of values that were on the stack.
func (m *machine) pushTuple(values []any, err error) error {
	if err != nil {
		return err
	}
	t, err := tuple(append([]any(nil), values...))
	if err != nil {
		return err
	}
	m.push(t)
	return nil
}

// extend gives the uppermost value, a list, more items. They may still lie on the stack.
func (m *machine) extend(items []any, err error) error {
	if err != nil {
		return err
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	l, ok := v.(*List)
	if !ok {
		return fmt.Errorf("%s gets items, want a list", Kind(v))
	}
	for _, v := range items {
		if err := l.adopt(v); err != nil {
			return err
		}
	}
	l.Items = append(l.Items, items...)
	return nil
}

// update gives the uppermost value, a dict, more keys and values, which take turns.
func (m *machine) update(pairs []any, err error) error {
	if err != nil {
		return err
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	d, ok := v.(*Dict)
	if !ok {
		return fmt.Errorf("%s gets keys and values, want a dict", Kind(v))
	}
	if len(pairs)%2 != 0 {
		return fmt.Errorf("%d keys and values, want an even number", len(pairs))
	}
	for i := 0; i < len(pairs); i += 2 {
		if err := d.set(pairs[i], pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// global pushes a global, if it is allowed.
func (m *machine) global(module, name string) error {
	full := module + "." + name
	call, ok := m.options.Globals[full]
	if own := python[full]; !ok && own != nil {
		call, ok = func(args []any) (any, error) { return own(m, args) }, true
	}
	if !ok {
		return &GlobalError{full}
	}
	m.push(&Global{full, call})
	return nil
}

// stackGlobal is global with the two names from the stack.
func (m *machine) stackGlobal() error {
	names, err := m.pop(2)
	if err != nil {
		return err
	}
	module, ok := names[0].(string)
	name, also := names[1].(string)
	if !ok || !also || len(module) > maxName || len(name) > maxName {
		return fmt.Errorf("%s and %s, want the names of a module and a global", Kind(names[0]), Kind(names[1]))
	}
	return m.global(module, name)
}

// call replaces a global and its arguments by what it gives.
func (m *machine) call() error {
	values, err := m.pop(2)
	if err != nil {
		return err
	}
	g, ok := values[0].(*Global)
	if !ok {
		return fmt.Errorf("%s is called, want a global", Kind(values[0]))
	}
	args, ok := values[1].(*Tuple)
	if !ok {
		return fmt.Errorf("%s called with %s, want a tuple", g.Name, Kind(values[1]))
	}
	if g.call == nil {
		return fmt.Errorf("%s is called, want it as a value alone", g.Name)
	}
	v, err := g.call(args.Items)
	if err != nil {
		return fmt.Errorf("%s: %w", g.Name, err)
	}
	m.push(v)
	return nil
}

// callKeywords is call with a dict of keywords, of which there may be none.
func (m *machine) callKeywords() error {
	words, err := m.pop(1)
	if err != nil {
		return err
	}
	if d, ok := words[0].(*Dict); !ok || len(d.Entries) > 0 {
		return fmt.Errorf("%s as keywords, want an empty dict", Kind(words[0]))
	}
	return m.call()
}

// build gives the value below the uppermost one that as its state.
func (m *machine) build() error {
	values, err := m.pop(1)
	if err != nil {
		return err
	}
	state := values[0]
	v, err := m.top()
	if err != nil {
		return err
	}
	if n := nodeOf(state); n != nil {
		n.closed = true
	}
	switch v := v.(type) {
	case State:
		return v.SetState(state)
	case *Dict:
		if v.attributes { // PyTorch's _metadata: the versions of the modules
			return nil
		}
	}
	return fmt.Errorf("%s gets a state, want a value that has one", Kind(v))
}

// persistent pushes what the caller has under an id.
func (m *machine) persistent(id any) error {
	if m.options.Persistent == nil {
		return fmt.Errorf("a value that is kept elsewhere under %s, want all values in the pickle", Kind(id))
	}
	v, err := m.options.Persistent(id)
	if err != nil {
		return err
	}
	m.push(v)
	return nil
}

// stop ends the pickle.
func (m *machine) stop() error {
	if len(m.stack) != 1 || len(m.marks) != 0 {
		return fmt.Errorf("%d values and %d marks on the stack, want one value", len(m.stack), len(m.marks))
	}
	if m.frame.end > m.in.at {
		return fmt.Errorf("%d bytes before the end of its frame, want it at the end", m.frame.end-m.in.at)
	}
	m.stopped = true
	return nil
}
