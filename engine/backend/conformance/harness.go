package conformance

import (
	"slices"
	"testing"

	"duet/engine/backend"
	"duet/engine/op"
)

// mode is how a network is run.
type mode struct {
	companions bool
	inPlace    bool // outputs take the memory of inputs wherever a kernel allows
}

// runner is a network loaded on a device.
type runner struct {
	s           *suite
	d           backend.Device
	n           *network
	layouts     []backend.Layout
	buffers     []backend.Buffer
	places      []int // the value whose memory each value has
	overwritten map[id]bool
	shared      int // outputs in place, updates aside
	memories    []backend.Memory
	garbage     []backend.Buffer // scratch and guards
	guards      []backend.Buffer
	program     backend.Program
}

// guard is how many bytes after every buffer must stay as they are.
const guard = backend.Alignment

const garbageByte, guardByte = 0xff, 0xa5 // the first makes NaN of every kind of float

// load places, prepares, allocates and loads a network, as a plan would.
func (s *suite) load(t testing.TB, d backend.Device, n *network, m mode) *runner {
	t.Helper()
	r := &runner{
		s: s, d: d, n: n, layouts: make([]backend.Layout, len(n.values)), buffers: make([]backend.Buffer, len(n.values)),
		places: make([]int, len(n.values)), overwritten: map[id]bool{},
	}
	for v := range n.values {
		r.places[v] = v
	}
	r.placeLeaves(t)
	var commands []backend.Command
	for i, st := range n.steps {
		k := r.prepare(t, st)
		for q, v := range st.out {
			r.layouts[v] = k.Out()[q]
		}
		r.share(i, st, k, m.inPlace)
		commands = append(commands, backend.Command{Kind: backend.Launch, Label: st.op.Name(), Kernel: k})
	}
	for v, l := range r.layouts {
		if l != nil && r.places[v] == v {
			r.buffers[v] = r.alloc(t, l.Bytes())
		}
	}
	for v, l := range r.layouts {
		if l != nil {
			r.buffers[v] = r.buffers[r.root(v)]
			r.buffers[v].Bytes = l.Bytes()
		}
	}
	for i, st := range n.steps {
		c := &commands[i]
		c.In, c.Out = r.of(st.in), r.of(st.out)
		if bytes := c.Kernel.Scratch(); bytes > 0 {
			c.Scratch = r.alloc(t, bytes)
			r.garbage = append(r.garbage, c.Scratch)
		}
	}
	var err error
	if r.program, err = d.Load(commands, backend.LoadOptions{}); err != nil {
		t.Fatalf("load: %v", err)
	}
	return r
}

func (r *runner) placeLeaves(t testing.TB) {
	t.Helper()
	for v, leaf := range r.n.values {
		if leaf.data == nil {
			continue
		}
		uses := r.uses(v)
		if len(uses) == 0 {
			continue
		}
		l, err := r.d.Place(leaf.typ, uses)
		if err != nil {
			t.Fatalf("place %s %v: %v", leaf.name, leaf.typ, err)
		}
		r.layouts[v] = l
	}
}

// uses are where a value is read.
func (r *runner) uses(v id) (all []backend.Use) {
	for _, st := range r.n.steps {
		for arg, in := range st.in {
			if in != v {
				continue
			}
			u := backend.Use{Op: st.op, Arg: arg, In: r.n.types(st.in)}
			for _, other := range st.in {
				u.Layouts = append(u.Layouts, r.layouts[other])
			}
			all = append(all, u)
		}
	}
	return all
}

func (r *runner) prepare(t testing.TB, st step) backend.Kernel {
	t.Helper()
	request := backend.Request{Op: st.op, Companion: st.companion, InTypes: r.n.types(st.in), OutTypes: r.n.types(st.out),
		Readers: r.uses(st.out[0])}
	for _, v := range st.in {
		request.In = append(request.In, r.layouts[v])
	}
	k, err := r.d.Prepare(request)
	if err != nil {
		t.Fatalf("prepare %s: %v", describe(r.n, st), err)
	}
	if r.s.Prepared != nil {
		r.s.Prepared(k)
	}
	if len(k.Out()) != len(st.out) {
		t.Fatalf("prepare %s: %d outputs, want %d", describe(r.n, st), len(k.Out()), len(st.out))
	}
	return k
}

// share puts outputs into the memory of inputs: of those that they update always, else where the kernel and the network
// allow.
func (r *runner) share(i int, st step, k backend.Kernel, inPlace bool) {
	updated := op.Updates(st.op)
	for q, arg := range updated {
		r.places[st.out[q]] = st.in[arg]
		r.overwritten[st.in[arg]] = true
	}
	arg := k.InPlace()
	if !inPlace || len(updated) > 0 || arg < 0 || r.n.lastUse(st.in[arg]) > i {
		return
	}
	in := st.in[arg]
	for _, other := range slices.Delete(slices.Clone(st.in), arg, arg+1) {
		if other == in {
			return // the same value twice
		}
	}
	r.places[st.out[0]] = in
	r.overwritten[in] = true
	r.shared++
}

func (r *runner) root(v id) id {
	for r.places[v] != v {
		v = r.places[v]
	}
	return v
}

func (r *runner) of(ids []id) []backend.Buffer {
	bs := make([]backend.Buffer, len(ids))
	for i, v := range ids {
		bs[i] = r.buffers[v]
	}
	return bs
}

// alloc reserves a buffer, not at the start of its memory, with a guard behind it.
func (r *runner) alloc(t testing.TB, bytes int64) backend.Buffer {
	t.Helper()
	room := (bytes + backend.Alignment - 1) / backend.Alignment * backend.Alignment
	m, err := r.d.Alloc(backend.Alignment + room + guard)
	if err != nil {
		t.Fatalf("alloc: %v", err)
	}
	r.memories = append(r.memories, m)
	r.guards = append(r.guards, backend.Buffer{Memory: m, Offset: backend.Alignment + room, Bytes: guard})
	return backend.Buffer{Memory: m, Offset: backend.Alignment, Bytes: bytes}
}

// run fills outputs and scratch with garbage, uploads the leaves, runs once, checks the guards and downloads all values
// that are still there, as op.Array's slices of float64 or of integers.
func (r *runner) run(t testing.TB) []any {
	t.Helper()
	for v, l := range r.layouts {
		if l != nil && r.n.values[v].data == nil && r.places[v] == v {
			r.fill(t, r.buffers[v], garbageByte)
		}
	}
	for _, b := range r.garbage {
		r.fill(t, b, garbageByte)
	}
	for _, b := range r.guards {
		r.fill(t, b, guardByte)
	}
	for v, l := range r.layouts {
		if data := r.n.values[v].data; l != nil && data != nil {
			if err := backend.Write(r.d, r.buffers[v], l, hostArray(data)); err != nil {
				t.Fatalf("upload %s: %v", r.n.values[v].name, err)
			}
		}
	}
	r.program.Start()
	if err := r.d.Sync(); err != nil {
		t.Fatalf("sync: %v", err)
	}
	for _, b := range r.guards {
		for _, v := range r.bytes(t, b) {
			if v != guardByte {
				t.Fatalf("a kernel wrote beyond its buffer")
			}
		}
	}
	got := make([]any, len(r.n.values))
	for v, l := range r.layouts {
		if l != nil && !r.overwritten[v] && !r.opaque(v) {
			got[v] = r.download(t, v)
		}
	}
	return got
}

func (r *runner) opaque(v id) bool {
	if !r.n.values[v].companion {
		return false
	}
	for _, st := range r.n.steps {
		if st.companion != nil && st.out[len(st.out)-1] == v {
			return slices.Contains(r.s.Opaque, st.companion.Name())
		}
	}
	return false
}

func (r *runner) download(t testing.TB, v id) any {
	t.Helper()
	typ := r.n.values[v].typ
	host := hostArray(zeroed(typ))
	if _, isReal := host.([]float32); isReal && r.s.Precision == "fp64" {
		host = make([]float64, typ.Len())
	}
	if err := r.d.Download(host, r.buffers[v], r.layouts[v]); err != nil {
		t.Fatalf("download %s: %v", r.n.values[v].name, err)
	}
	if f, ok := host.([]float32); ok {
		return float64s(f)
	}
	return host
}

// fill writes one byte all over a buffer.
func (r *runner) fill(t testing.TB, b backend.Buffer, value byte) {
	t.Helper()
	if b.Bytes == 0 {
		return
	}
	data := make([]uint8, b.Bytes)
	for i := range data {
		data[i] = value
	}
	if err := backend.Write(r.d, b, r.plainBytes(t, b.Bytes), data); err != nil {
		t.Fatalf("fill %d bytes: %v", b.Bytes, err)
	}
}

func (r *runner) bytes(t testing.TB, b backend.Buffer) []uint8 {
	t.Helper()
	data := make([]uint8, b.Bytes)
	if err := r.d.Download(data, b, r.plainBytes(t, b.Bytes)); err != nil {
		t.Fatalf("download %d bytes: %v", b.Bytes, err)
	}
	return data
}

func (r *runner) plainBytes(t testing.TB, n int64) backend.Layout {
	t.Helper()
	l, err := r.d.Place(op.Type{DType: op.Uint8, Shape: []int{int(n)}}, nil)
	if err != nil {
		t.Fatalf("place %d bytes: %v", n, err)
	}
	return l
}

func (r *runner) free(t testing.TB) {
	t.Helper()
	if err := r.program.Close(); err != nil {
		t.Errorf("close program: %v", err)
	}
	for _, m := range r.memories {
		if err := r.d.Free(m); err != nil {
			t.Errorf("free: %v", err)
		}
	}
}
