//go:build gpu

package cuda

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"duet/engine/backend"
	"duet/engine/op"
	"duet/kernels"
)

// TestAgreed: PTX whose numbers are others than its launches' is refused, each number wherever it is.
func TestAgreed(t *testing.T) {
	all, err := kernels.Modules()
	if err != nil {
		t.Fatal(err)
	}
	if err := agree(all); err != nil {
		t.Fatal(err)
	}
	for name := range agreed {
		changed := 0
		for i, m := range all {
			is, has := m.Info.Constants["agreed_"+name]
			if !has {
				continue
			}
			changed++
			others := slices.Clone(all)
			others[i].Info.Constants = map[string]int{"agreed_" + name: is + 1}
			if err := agree(others); err == nil || !strings.Contains(err.Error(), m.Name+".ptx") ||
				!strings.Contains(err.Error(), name) {
				t.Errorf("%s in %s.ptx is another number: %v", name, m.Name, err)
			}
		}
		if changed == 0 {
			t.Errorf("no PTX has %s", name)
		}
	}
	others := slices.Clone(all)
	others[0].Info.Constants = map[string]int{"agreed_nothing": 1}
	if err := agree(others); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("a number that no launch knows: %v", err)
	}
	if err := agree(nil); err == nil || !strings.Contains(err.Error(), "no PTX says") {
		t.Errorf("older PTX: %v", err)
	}
}

// TestWholeBlocks: kernels that are written for a number of threads are launched with it.
func TestWholeBlocks(t *testing.T) {
	d := opener(t, backend.Options{})(t)
	defer d.Close()
	layout := func(shape ...int) backend.Layout {
		l, err := d.Place(op.Floats(shape...), nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	k, err := d.Prepare(backend.Request{Op: op.Softmax{}, InTypes: []op.Type{op.Floats(3, 7)},
		In: []backend.Layout{layout(3, 7)}, OutTypes: []op.Type{op.Floats(3, 7)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range k.(*kernel).steps {
		if most := s.function.entry.MaxThreads; most == 0 || s.block != [3]uint32{uint32(most), 1, 1} {
			t.Errorf("%s is launched with blocks of %v, and is for %d", s.name, s.block, most)
		}
	}
}

// TestWithoutGraphs: launches that cannot be captured are enqueued one by one, and the log hears of it once.
func TestWithoutGraphs(t *testing.T) {
	var said []string
	d, err := backend.Open(devices(t)[0], backend.Options{Log: func(line string) { said = append(said, line) }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	broken := backend.Command{Kind: backend.Launch, Label: "broken", Kernel: newBroken(t, d)}
	for range 2 {
		p, err := d.Load([]backend.Command{broken, broken}, backend.LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], d.Name()+": without CUDA graphs: broken to broken") {
		t.Errorf("said %q", said)
	}
}

// TestStopMeasuring: measurements ask before each run whether to go on.
func TestStopMeasuring(t *testing.T) {
	enough, asked := errors.New("enough"), 0
	d, err := backend.Open(devices(t)[0], backend.Options{Tune: true, Stop: func() error {
		if asked++; asked > 3 {
			return enough
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	x, w := op.Floats(4, 30), op.Floats(5, 30)
	r := backend.Request{Op: op.Linear{}, InTypes: []op.Type{x, w, op.Floats(5)}, OutTypes: []op.Type{op.Floats(4, 5)}}
	for _, in := range r.InTypes {
		l, err := d.Place(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.In = append(r.In, l)
	}
	if _, err := d.Prepare(r); !errors.Is(err, enough) || asked != 4 {
		t.Errorf("after %d questions: %v", asked, err)
	}
}
