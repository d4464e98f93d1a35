//go:build gpu

package cuda

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"testing"

	"duet/engine/backend"
	"duet/engine/backend/conformance"
	"duet/engine/op"
	"duet/kernels"
)

// products are the operations that have several candidates.
var products = []string{"conv2d", "conv2d_grad_input", "conv2d_grad_weight", "linear", "linear_grad_input",
	"linear_grad_weight"}

// TestCandidates runs the cases of convolutions and linear layers with every kernel that could do them, whichever
// would be chosen, and checks that the suite launches every entry of the PTX.
func TestCandidates(t *testing.T) {
	var others []string
	for name := range table {
		if !slices.Contains(products, name) {
			others = append(others, name)
		}
	}
	launched := map[string]bool{}
	suites, ran := 0, 0
	suite := func(name string, o conformance.Options, pick func(string, []candidate) candidate) {
		suites++
		t.Run(name, func(t *testing.T) {
			ran++
			open := opener(t, backend.Options{Precision: o.Precision})
			o.Prepared = func(k backend.Kernel) {
				for _, s := range k.(*kernel).steps {
					if s.kind == stepLaunch {
						launched[s.name] = true
					}
				}
			}
			conformance.Run(t, func(t testing.TB) backend.Device {
				d := open(t)
				d.(*device).choices.pick = pick
				return d
			}, o)
		})
	}
	for _, precision := range precisions {
		suite(precision+"/others", conformance.Options{Precision: precision, Slow: true, Only: others}, least)
		for _, kind := range []string{"simt", "tensor"} {
			for n := range mostTiles(kind) {
				if kind == "tensor" && precision == "fp32" {
					continue
				}
				suite(fmt.Sprintf("%s/%s %d", precision, kind, n),
					conformance.Options{Precision: precision, Slow: kind == "simt" || n < 2, Only: havingTile(kind, n)},
					func(work string, candidates []candidate) candidate { return pickTile(work, candidates, kind, n) })
			}
		}
	}
	if ran < suites { // the rest is left out by -run
		return
	}
	modules, err := kernels.Modules()
	if err != nil {
		t.Fatal(err)
	}
	capability := opened(t, backend.Options{}).capability
	for _, m := range modules {
		needs, err := capabilityOf(m.Info.Target)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range m.Info.Entries {
			if needs <= capability && !launched[e.Name] {
				t.Errorf("%s of %s.ptx is launched by no case", e.Name, m.Name)
			}
		}
	}
}

// mostTiles is the number of tiles that a product has at most of a kind.
func mostTiles(kind string) int {
	if kind == "simt" {
		return len(simtTiles)
	}
	most := 0
	for _, tiles := range tensorTiles {
		most = max(most, len(tiles))
	}
	return most
}

// havingTile are the products that have an n-th tile of a kind: others would only come round again.
func havingTile(kind string, n int) (operations []string) {
	for _, name := range products {
		tiles := simtTiles
		if kind == "tensor" {
			stem := strings.TrimSuffix(name, "_relu")
			if tensorTiles[stem] == nil {
				stem += "_forward"
			}
			tiles = tensorTiles[stem]
		}
		if n < len(tiles) {
			operations = append(operations, name)
		}
	}
	return operations
}

// pickTile is the candidate of the n-th tile of a kind, counted round, and among its numbers of parts one by the work's
// name, so that all come up; where the device has none of the kind, the one of the least count.
func pickTile(work string, candidates []candidate, kind string, n int) candidate {
	var tiles [][]candidate // of the kind; each with its numbers of parts
	for _, c := range candidates {
		t := c.(tiled)
		if !strings.HasPrefix(t.String(), kind) {
			continue
		}
		if t.splits == 1 {
			tiles = append(tiles, nil)
		}
		tiles[len(tiles)-1] = append(tiles[len(tiles)-1], c)
	}
	if len(tiles) == 0 {
		return least(work, candidates)
	}
	h := fnv.New32a()
	h.Write([]byte(work))
	found := tiles[n%len(tiles)]
	return found[int(h.Sum32()%uint32(len(found)))]
}

// opened is a device for the length of a test.
func opened(t testing.TB, o backend.Options) *device {
	t.Helper()
	d, err := backend.Open(devices(t)[0], o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d.(*device)
}

// linearRequest is a linear layer's forward pass on a device.
func linearRequest(t testing.TB, d backend.Device, batch, inputs, features int) backend.Request {
	t.Helper()
	o := op.Linear{}
	in := []op.Type{op.Floats(batch, inputs), op.Floats(features, inputs), op.Floats(features)}
	r := backend.Request{Op: o, InTypes: in, OutTypes: []op.Type{op.Floats(batch, features)}}
	for i, typ := range in {
		l, err := d.Place(typ, []backend.Use{{Op: o, Arg: i, In: in}})
		if err != nil {
			t.Fatal(err)
		}
		r.In = append(r.In, l)
	}
	return r
}

// TestTune: every work is measured once, told once by each device that does it, and chosen alike on a second one.
func TestTune(t *testing.T) {
	told := make([][]backend.Measurement, 2)
	var opens []*device
	for i := range told {
		opens = append(opens, opened(t, backend.Options{Precision: "bf16", Tune: true,
			Measured: func(m backend.Measurement) { told[i] = append(told[i], m) }}))
	}
	for _, d := range []*device{opens[0], opens[0], opens[1]} {
		for _, features := range []int{24, 40} {
			if _, err := d.Prepare(linearRequest(t, d, 33, 1040, features)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, work := range []string{"linear 33x1040 to 24 bf16", "linear 33x1040 to 40 bf16"} {
		if len(told[0]) != 2 || !strings.Contains(told[0][i].Line, work) || !strings.Contains(told[0][i].Line, "_64") ||
			told[0][i].Took <= 0 {
			t.Fatalf("told %v, want one line with the times for each work", told[0])
		}
	}
	if !slices.Equal(told[0], told[1]) {
		t.Errorf("told %v of the second device, want what was measured on the first one, %v", told[1], told[0])
	}
	if pins := opens[0].Choices(); len(pins) != 2 || !slices.Equal(pins, opens[1].Choices()) {
		t.Errorf("choices %v and %v, want the same two", pins, opens[1].Choices())
	}
}

// TestPins: a pinned kernel is taken and not measured; one that the device does not have is an error that names those
// it has; work that does not occur does not matter.
func TestPins(t *testing.T) {
	const work = "linear 33x1040 to 56 bf16"
	for _, use := range []string{"simt_128", "simt_64", "tensor_64x64x64", "cublaslt"} {
		d := opened(t, backend.Options{Precision: "bf16", Tune: true,
			Kernels:  []backend.Pin{{Work: work, Use: use}, {Work: "another", Use: "thing"}},
			Measured: func(m backend.Measurement) { t.Errorf("measured %s", m.Line) }})
		k, err := d.Prepare(linearRequest(t, d, 33, 1040, 56))
		if use == "cublaslt" || use == "tensor_64x64x64" && d.capability < 80 {
			if err == nil || !strings.Contains(err.Error(), work) || !strings.Contains(err.Error(), "simt_128") {
				t.Errorf("%s: %v, want an error that names the work and the kernels", use, err)
			}
			var said []string
			d := opened(t, backend.Options{Precision: "bf16", Wishes: true, Kernels: []backend.Pin{{Work: work, Use: use}},
				Log: func(line string) { said = append(said, line) }})
			if _, err := d.Prepare(linearRequest(t, d, 33, 1040, 56)); err != nil || len(said) != 1 ||
				!strings.Contains(said[0], use) || len(d.Choices()) != 0 {
				t.Errorf("%s, wished: %v, said %q, choices %v; want another kernel, and a line", use, err, said, d.Choices())
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimPrefix(use, "simt_"); !strings.Contains(k.String(), "linear_forward_"+want) {
			t.Errorf("%s: kernel is %v", use, k)
		}
		if pins := d.Choices(); len(pins) != 1 || pins[0] != (backend.Pin{Work: work, Use: use}) {
			t.Errorf("%s: choices are %v", use, pins)
		}
	}
}

// TestCount: what the count chooses, of sizes whose answer is plain.
func TestCount(t *testing.T) {
	gpu := map[int]*device{}
	for capability, l := range map[int]limits{
		70: {units: 80, sharedInAll: 96 << 10, shared: 96 << 10},
		80: {units: 108, sharedInAll: 164 << 10, shared: 163 << 10},
		86: {units: 84, sharedInAll: 100 << 10, shared: 99 << 10},
		90: {units: 132, sharedInAll: 228 << 10, shared: 227 << 10},
	} {
		gpu[capability] = &device{capability: capability, limits: l, activations: bfloat16}
	}
	gradient := product{stem: "conv2d_grad_weight", m: 128, n: 1200, k: 93312, copies: 2, split: true}
	for _, c := range []struct {
		p          product
		capability int
		want       string
	}{
		{product{stem: "conv2d_forward", m: 93312, n: 128, k: 1200, copies: 1}, 70, "simt_128"},
		{product{stem: "conv2d_forward", m: 387200, n: 96, k: 432, copies: 1}, 90, "tensor_128x96x64"},
		{product{stem: "conv2d_forward", m: 387200, n: 48, k: 432, copies: 1}, 90, "tensor_128x48x64"},
		{product{stem: "conv2d_forward", m: 21632, n: 384, k: 2304, copies: 1}, 90, "tensor_128x128x64"},
		{product{stem: "conv2d_grad_input", m: 93312, n: 48, k: 3200, copies: 2}, 80, "tensor_128x48x64"},
		{product{stem: "conv2d_forward", m: 64, n: 64, k: 64, copies: 1}, 80, "tensor_64x64x64"},
		{product{stem: "conv2d_forward", m: 64, n: 10, k: 64, copies: 1}, 70, "simt_64"},
		{gradient, 90, "tensor_128x128x64/13"},
	} {
		b := &builder{d: gpu[c.capability]}
		all := b.candidates(c.p, simtTiles, nil)
		if b.d.tensors() {
			all = append(all, b.candidates(c.p, tensorTiles[c.p.stem], nil)...)
		}
		if got := least("", all); got.String() != c.want {
			t.Errorf("%+v on %d: %v, want %s", c.p, c.capability, got, c.want)
		}
	}
}
