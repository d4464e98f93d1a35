package pickle_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"duet/alexnet/convert/pickle"
	. "duet/alexnet/convert/pickle/compose"
)

// FuzzPickle feeds arbitrary bytes. They must not crash the reader, nor take memory that their number does not justify;
// what comes out must be finite, and shallow enough for a recursion.
func FuzzPickle(f *testing.F) {
	for protocol := range 6 {
		file, err := os.ReadFile(fmt.Sprintf("testdata/values.%d.pickle", protocol))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Add([]byte(Pickle(Build(Call(Global("m", "f"), List(Int(1))), Ints(1, 2)))))
	f.Add([]byte(Pickle(Tuple(Put("]", 0), Get(0), Persistent(Str("key"))))))
	f.Add([]byte("]q\x00" + strings.Repeat("h\x00h\x00\x86q\x00", 20) + "."))
	options := pickle.Options{
		Globals: map[string]pickle.Func{"m.v": nil, "m.f": func(args []any) (any, error) {
			if len(args) == 0 {
				return nil, errors.New("no arguments")
			}
			return args[0], nil
		}, "m.state": func([]any) (any, error) { return stateful{}, nil }},
		Persistent: func(id any) (any, error) { return pickle.Kind(id), nil },
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		var v any
		var err error
		used := allocated(func() { v, err = pickle.Load(bytes.NewReader(file), options) })
		if limit := uint64(memoryPerByte*len(file) + 1<<20); used > limit {
			t.Errorf("%d bytes allocated for %d, want at most %d", used, len(file), limit)
		}
		w, end, errAt := pickle.LoadAt(bytes.NewReader(file), 0, int64(len(file)), options)
		if err == nil && (errAt != nil || end > int64(len(file))) {
			t.Errorf("LoadAt ends at byte %d of %d with %v, Load has no error", end, len(file), errAt)
		}
		if errAt != nil {
			oneLine(t, errAt)
		}
		if err != nil {
			oneLine(t, err)
			return
		}
		if a, b := walk(t, v), walk(t, w); a != b {
			t.Errorf("Load gives %d containers, LoadAt %d", a, b)
		}
	})
}

type stateful struct{}

func (stateful) SetState(any) error { return nil }

// walk visits every container once, counts them, and fails in a cycle or too deep.
func walk(t *testing.T, v any) int {
	done := map[any]bool{} // false: being visited
	var visit func(v any, depth int)
	visit = func(v any, depth int) {
		var items []any
		switch c := v.(type) {
		case *pickle.List:
			items = c.Items
		case *pickle.Tuple:
			items = c.Items
		case *pickle.Dict:
			for _, e := range c.Entries {
				items = append(items, e.Key, e.Value)
			}
		default:
			return
		}
		complete, met := done[v]
		if depth > 100 || met && !complete {
			t.Fatalf("a cycle, or %d containers in each other", depth)
		}
		if met {
			return
		}
		done[v] = false
		for _, item := range items {
			visit(item, depth+1)
		}
		done[v] = true
	}
	visit(v, 1)
	return len(done)
}
