package conformance

import (
	"errors"
	"testing"

	"duet/engine/backend"
	"duet/engine/op"
)

type strange struct{}

func (strange) Name() string                        { return "no_such_operation" }
func (strange) Roles() []op.Role                    { return []op.Role{op.Activation} }
func (strange) Infer(in []op.Type) (op.Type, error) { return in[0], nil }
func (strange) Bytes() int64                        { return 16 }
func (strange) Data() []byte                        { return make([]byte, 16) }
func (strange) String() string                      { return "strange" }
func (strange) Out() []backend.Layout               { return []backend.Layout{strange{}} }
func (strange) Scratch() int64                      { return 0 }
func (strange) InPlace() int                        { return -1 }

// refusals checks that wrong requests are errors, and that the device works on after them.
func (s *suite) refusals(t *testing.T, d backend.Device) {
	typ := op.Floats(2, 2)
	l, err := d.Place(typ, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Alloc(4 * backend.Alignment)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Free(m)
	buffer := backend.Buffer{Memory: m, Bytes: l.Bytes()}
	second := backend.Buffer{Memory: m, Offset: backend.Alignment, Bytes: l.Bytes()}
	relu := backend.Request{Op: op.ReLU{}, InTypes: []op.Type{typ}, In: []backend.Layout{l}, OutTypes: []op.Type{typ}}
	k, err := d.Prepare(relu)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}

	unknown := relu
	unknown.Op = strange{}
	if _, err := d.Prepare(unknown); !errors.Is(err, backend.ErrNoKernel) {
		t.Errorf("unknown operation: %v, want ErrNoKernel", err)
	}
	if d.Has("no_such_operation") || !d.Has("relu") {
		t.Errorf("has no_such_operation: %v, relu: %v", d.Has("no_such_operation"), d.Has("relu"))
	}
	prepare := func(what string, change func(r *backend.Request)) {
		t.Helper()
		r := relu
		change(&r)
		_, err := d.Prepare(r)
		refused(what, err)
	}
	prepare("too many inputs", func(r *backend.Request) {
		r.InTypes, r.In = []op.Type{typ, typ}, []backend.Layout{l, l}
	})
	prepare("integers for real numbers", func(r *backend.Request) {
		r.InTypes = []op.Type{{DType: op.Int32, Shape: []int{2, 2}}}
	})
	prepare("another output", func(r *backend.Request) { r.OutTypes = []op.Type{op.Floats(3)} })
	prepare("another backend's layout", func(r *backend.Request) { r.In = []backend.Layout{strange{}} })
	prepare("a companion of another operation", func(r *backend.Request) {
		r.Companion, r.OutTypes = op.LinearGradBias{}, []op.Type{typ, op.Floats(2)}
	})

	launch := func(what string, change func(c *backend.Command)) {
		t.Helper()
		c := backend.Command{Kind: backend.Launch, Label: what, Kernel: k, In: []backend.Buffer{buffer},
			Out: []backend.Buffer{second}}
		change(&c)
		p, err := d.Load([]backend.Command{c}, backend.LoadOptions{})
		refused("load: "+what, err)
		if err == nil {
			p.Close()
		}
	}
	launch("another backend's kernel", func(c *backend.Command) { c.Kernel = strange{} })
	launch("another backend's memory", func(c *backend.Command) {
		c.In = []backend.Buffer{{Memory: strange{},
			Bytes: l.Bytes()}}
	})
	launch("no input", func(c *backend.Command) { c.In = nil })
	launch("two outputs", func(c *backend.Command) { c.Out = []backend.Buffer{second, second} })
	launch("a buffer beyond its memory", func(c *backend.Command) {
		c.Out = []backend.Buffer{{Memory: m, Offset: 4 * backend.Alignment, Bytes: l.Bytes()}}
	})
	launch("a buffer before its memory", func(c *backend.Command) {
		c.Out = []backend.Buffer{{Memory: m, Offset: -backend.Alignment, Bytes: l.Bytes()}}
	})
	launch("a buffer that is too small", func(c *backend.Command) { c.Out[0].Bytes = l.Bytes() - 1 })
	launch("another backend's event", func(c *backend.Command) {
		*c = backend.Command{Kind: backend.Signal,
			Event: strange{}}
	})
	launch("a copy of two sizes", func(c *backend.Command) {
		*c = backend.Command{Kind: backend.Copy, From: d, Src: buffer,
			Dst: backend.Buffer{Memory: m, Offset: backend.Alignment, Bytes: 1}}
	})

	four := []float32{1, 2, 3, 4}
	refused("upload of three elements", backend.Write(d, buffer, l, four[:3]))
	refused("upload of integers", backend.Write(d, buffer, l, []int32{1, 2, 3, 4}))
	refused("upload to another backend's memory", backend.Write(d, backend.Buffer{Memory: strange{}, Bytes: 16}, l, four))
	refused("upload in another backend's layout", backend.Write(d, buffer, strange{}, four))
	refused("upload beyond the memory", backend.Write(d,
		backend.Buffer{Memory: m, Offset: 4 * backend.Alignment, Bytes: l.Bytes()}, l, four))
	refused("download of five elements", d.Download(make([]float32, 5), buffer, l))
	refused("download of bytes", d.Download(make([]uint8, 4), buffer, l))
	refused("download of another backend's layout", d.Download(make([]float32, 4), buffer, strange{}))
	refused("free of another backend's memory", d.Free(strange{}))
	_, err = d.Alloc(-1)
	refused("alloc of -1 bytes", err)

	if err := d.Sync(); err != nil {
		t.Errorf("a refusal stuck: %v", err)
	}
}
