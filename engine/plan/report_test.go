package plan_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"duet/configs"
	"duet/engine/backend"
	"duet/engine/model"
	"duet/engine/op"
	"duet/engine/plan"
)

// TestNoAllocation: a run costs no memory of the host, on one device and on two.
func TestNoAllocation(t *testing.T) {
	for _, names := range [][]string{{"reference:0"}, {"reference:0", "reference:1"}} {
		p, _, _ := build(t, network(), names...)
		feed(t, p, 0)
		// of some tries: what a run allocates is in all of them, the runtime's own background work in one or two
		least := math.Inf(1)
		for try := 0; try < 5 && least >= 1; try++ {
			least = min(least, testing.AllocsPerRun(5, func() {
				p.Run()
				if err := p.Sync(); err != nil {
					t.Fatal(err)
				}
			}))
		}
		if least >= 1 {
			t.Errorf("%v: %v allocations a run", names, least)
		}
	}
}

// live is when a tensor of the arena is written first and read last.
type live struct {
	plan.Tensor
	device      string
	first, last int
}

// lives are the tensors in the arenas.
func lives(r plan.Report) []*live {
	var all []*live
	written := map[string]*live{} // by step and output: names are not unique
	for _, s := range r.Steps {
		for i, o := range s.Out {
			if o.Offset >= 0 {
				l := &live{o, s.Device, s.Index, s.Index}
				all = append(all, l)
				written[fmt.Sprint(s.Index, o.Name, i)] = l
			}
		}
	}
	for _, s := range r.Steps {
		for _, in := range s.In {
			for i := range 2 {
				if l := written[fmt.Sprint(in.Writer, in.Name, i)]; l != nil && in.Writer >= 0 {
					l.last = max(l.last, s.Index)
				}
			}
		}
	}
	return all
}

// TestMemory: tensors that live at the same time share no bytes, and others do.
func TestMemory(t *testing.T) {
	for _, names := range [][]string{{"reference:0"}, {"reference:0", "reference:1"}} {
		p, _, _ := build(t, network(), names...)
		r := p.Report()
		all := lives(r)
		if len(all) < 30 {
			t.Fatalf("%v: only %d tensors in the arenas", names, len(all))
		}
		for i, a := range all {
			if a.Offset%backend.Alignment != 0 {
				t.Errorf("%s at %d", a.Name, a.Offset)
			}
			for _, b := range all[:i] {
				apart := a.device != b.device || a.Offset >= b.Offset+b.Bytes || b.Offset >= a.Offset+a.Bytes
				// in place: a is written by the last step that reads b
				if !apart && a.first <= b.last && b.first <= a.last && !(a.first == b.last && a.Offset == b.Offset) {
					t.Errorf("%v: %s [%d, %d] of steps %d to %d and %s [%d, %d] of steps %d to %d", names, a.Name, a.Offset,
						a.Bytes, a.first, a.last, b.Name, b.Offset, b.Bytes, b.first, b.last)
				}
			}
		}
		for _, d := range r.Devices {
			var end int64
			for _, a := range all {
				if a.device == d.Name {
					end = max(end, a.Offset+a.Bytes)
				}
			}
			if d.Arena < end || d.Arena >= d.Unshared*3/4 || d.Bytes != d.Arena+d.State+d.Other {
				t.Errorf("%+v, tensors up to %d: want an arena that holds them and is well below that without reuse", d, end)
			}
		}
	}
}

// TestReportOfSmallNetwork compares what a plan says of itself with the network.
func TestReportOfSmallNetwork(t *testing.T) {
	p, _, g := build(t, network(), "reference:0", "reference:1")
	r := p.Report()
	// weights and biases: conv1 5x5x3 to 6, conv2 3x3x3 to 8 in two groups, conv3 3x3x8 to 10, fc4 10 maps of 1x1, fc5
	want := (75+1)*6 + (9*3+1)*8 + (9*8+1)*10 + (10+1)*16 + (16+1)*classes
	if r.Parameters != want || g.ParameterCount() != want {
		t.Errorf("%d parameters, the graph has %d, want %d", r.Parameters, g.ParameterCount(), want)
	}
	if got := exchanges(r); !slices.Equal(got, []string{"conv3", "fc4", "fc5"}) {
		t.Errorf("exchanges at %v", got)
	}
	for i, s := range r.Steps {
		if s.Index != i || len(s.Out) == 0 || s.Kernel == "" {
			t.Errorf("step %d is %+v", i, s)
		}
		for _, in := range s.In {
			if in.Writer >= i {
				t.Errorf("step %d reads %s of step %d", i, in.Name, in.Writer)
			}
		}
		for _, w := range s.Waits {
			if other := r.Steps[w]; w >= i || other.Device == s.Device && (other.Op == "send") == (s.Op == "send") {
				t.Errorf("step %d on %s waits for step %d on %s", i, s.Device, w, r.Steps[w].Device)
			}
		}
	}
	for name, write := range map[string]func(io.Writer) error{"small.txt": r.WriteText, "small.dot": r.WriteDot} {
		var said bytes.Buffer
		if err := write(&said); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", name), said.Bytes())
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back plan.Report
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, r) {
		t.Errorf("the JSON reads as another report (%v)", err)
	}
}

var update = flag.Bool("update", false, "write what is compared with into testdata, to be read before it is believed")

// golden compares with a file.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs: go test -update writes it anew, git diff shows what changed; now it is\n%s", path, got)
	}
}

// TestProfile: every step's own time, not that of a command that orders devices.
func TestProfile(t *testing.T) {
	s := newSmall(newFake("fake:0", 1), newFake("fake:1", 2))
	from := s.leaf
	for i, layer := range []string{"a", "bcd", "efghi", "jk"} {
		place := op.Place{Device: i % 2, Layer: layer}
		if i > 0 {
			from = apply(t, op.Send{From: 1 - place.Device}, place.Device, from)
		}
		var err error
		if from, err = op.Apply(mix{ID: i, Inputs: 1, Bytes: 10}, place, from); err != nil {
			t.Fatal(err)
		}
	}
	s.output("y", from)
	p, state := s.compile(t)
	defer s.close(t, p, state)
	for range 2 {
		times, waited, err := p.Profile()
		if err != nil {
			t.Fatal(err)
		}
		for i, step := range p.Report().Steps {
			if want := time.Duration(len(step.Layer + "." + step.Op)); times[i] != want {
				t.Errorf("step %d, %s of %s, took %v, want %v", i, step.Op, step.Layer, times[i], want)
			}
		}
		for d, w := range waited { // fakes take as long as their commands' labels
			if len(waited) != 2 || w == 0 {
				t.Errorf("device %d waited for %v, of %d devices", d, w, len(waited))
			}
		}
	}
}

func exchanges(r plan.Report) (layers []string) {
	for _, e := range r.Exchanges {
		layers = append(layers, e.Layer)
	}
	return layers
}

// TestOneDeviceExchangesNothing: and its JSON has an empty list, not null.
func TestOneDeviceExchangesNothing(t *testing.T) {
	p, _, _ := build(t, network(), "reference:0")
	r := p.Report()
	data, err := json.Marshal(r)
	if err != nil || len(r.Exchanges) != 0 || !bytes.Contains(data, []byte(`"exchanges":[]`)) {
		t.Errorf("exchanges %v, %v", r.Exchanges, err)
	}
	for _, s := range r.Steps {
		if len(s.Waits) > 0 {
			t.Errorf("step %d waits for %v", s.Index, s.Waits)
		}
	}
}

// TestAlexNet: the network of the paper on two devices, one image a step.
func TestAlexNet(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a gigabyte")
	}
	c, err := configs.Load("alexnet", []string{"train.batch=1"})
	if err != nil {
		t.Fatal(err)
	}
	c.Devices.Towers = []string{"reference:0", "reference:1"}
	m, err := model.New(context.Background(), c.Setup(), model.RandomInput(c.Data, 1000), model.ForBench, model.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r := m.Training().Report()
	if r.Parameters != 60_965_224 {
		t.Errorf("%d parameters, want 60965224", r.Parameters)
	}
	const half = 4 // bytes a number
	want := []plan.Exchange{
		{Layer: "conv3", Forward: 2 * 128 * 13 * 13 * half, Backward: 2 * 128 * 13 * 13 * half}, // pool2's maps, both ways
		{Layer: "fc6", Forward: 2 * 128 * 6 * 6 * half, Backward: 2 * 128 * 6 * 6 * half},       // pool5's maps
		{Layer: "fc7", Forward: 2 * 2048 * half, Backward: 2 * 2048 * half},
		{Layer: "fc8", Forward: 2048 * half, Backward: 2048 * half}, // to the first tower alone
	}
	got := slices.Clone(r.Exchanges)
	slices.SortFunc(got, func(a, b plan.Exchange) int { return strings.Compare(a.Layer, b.Layer) })
	if !slices.Equal(got, want) {
		t.Errorf("exchanges %+v\nwant      %+v", got, want)
	}
	// Weights and velocities: the towers share conv1 to fc7 evenly, fc8 is on the first device.
	const fc8 = (4096 + 1) * 1000
	state := []int64{((60_965_224-fc8)/2 + fc8) * 2 * 4, (60_965_224 - fc8) / 2 * 2 * 4}
	for i, d := range r.Devices {
		if d.State != state[i] {
			t.Errorf("%s: state of %d bytes, want %d", d.Name, d.State, state[i])
		}
	}
}
