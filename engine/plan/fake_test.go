package plan_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"duet/engine/backend"
	"duet/engine/op"
)

// A fake device computes no numbers. A value is one stamp, written into every word of its memory: what a kernel writes
// is a hash of its operation and of the stamps that it reads. So a stamp tells everything that a value came from, and
// whoever reads memory too early, too late, or while it is written, ends with another stamp than the graph says.
//
// Devices work asynchronously, each on a goroutine of its own and with random pauses, in order like a CUDA stream.
type fake struct {
	name   string
	lacks  map[string]bool // operations it has no kernels for
	jobs   chan func()
	done   sync.WaitGroup
	pauses *rand.Rand // of the device's goroutine
	loaded []backend.Command
	leaves []backend.Buffer // that have been uploaded
	breaks *breaks          // nil: nothing fails

	err   error // of a step
	live  int   // allocations and programs
	bytes int64
	fails string
}

// breaks lets one call of several devices fail, counted from 1. A failed step fails every Sync and Download after it.
type breaks struct {
	call, calls int
	what        string // it was
}

var errBroken = errors.New("broken")

func (f *fake) try(what string) error {
	if f.breaks == nil {
		return nil
	}
	if f.breaks.calls++; f.breaks.calls != f.breaks.call {
		return nil
	}
	f.breaks.what = f.name + " " + what
	return errBroken
}

const word = 64 // bytes that share one stamp

func newFake(name string, seed uint64) *fake {
	f := &fake{name: name, lacks: map[string]bool{}, jobs: make(chan func(), 1024), pauses: rand.New(rand.NewPCG(seed, 1))}
	f.done.Add(1)
	go func() {
		defer f.done.Done()
		for job := range f.jobs {
			job()
		}
	}()
	return f
}

// memory has a stamp for every word.
type memory struct {
	owner  *fake
	bytes  int64
	stamps []uint64
}

func (m *memory) Bytes() int64 { return m.bytes }

// layout is nothing but a size.
type layout int64

func (l layout) Bytes() int64   { return int64(l) }
func (l layout) String() string { return fmt.Sprintf("fake %d", int64(l)) }

type fakeKernel struct {
	device  *fake
	op      op.Op
	out     []backend.Layout
	scratch int64
	inPlace int
}

func (k *fakeKernel) Out() []backend.Layout { return k.out }
func (k *fakeKernel) Scratch() int64        { return k.scratch }
func (k *fakeKernel) InPlace() int          { return k.inPlace }
func (k *fakeKernel) String() string        { return "fake:" + k.op.Name() }

// event counts signals.
type event struct {
	mu      sync.Mutex
	changed *sync.Cond
	signals int
}

func (e *event) String() string { return "fake event" }

func (f *fake) Name() string       { return f.name }
func (f *fake) Info() backend.Info { return backend.Info{Name: f.name} }

// Has knows the operations of this package's random graphs alone.
func (f *fake) Has(operation string) bool { return !f.lacks[operation] }

func (f *fake) Place(t op.Type, _ []backend.Use) (backend.Layout, error) {
	return layout(4 * t.Len()), f.try("place")
}

func (f *fake) Prepare(r backend.Request) (backend.Kernel, error) {
	k := &fakeKernel{device: f, op: r.Op, inPlace: -1}
	switch o := r.Op.(type) {
	case mix:
		k.out = append(k.out, layout(o.Bytes))
		k.scratch = o.Scratch
		if o.InPlace && (o.Stretch || r.In[0].Bytes() == o.Bytes) { // in place means the input's layout, as a rule
			k.inPlace = 0
		}
		if r.Companion != nil {
			k.out = append(k.out, layout(o.Bytes/2+1))
		}
	case learn:
		k.out = []backend.Layout{r.In[0], r.In[1]}
	default:
		return nil, fmt.Errorf("%s: %s: %w", f.name, r.Op.Name(), backend.ErrNoKernel)
	}
	return k, f.try("prepare")
}

func (f *fake) Alloc(bytes int64) (backend.Memory, error) {
	if f.fails == "alloc" && bytes > 1<<10 {
		return nil, errors.New("out of memory")
	}
	if err := f.try("alloc"); err != nil {
		return nil, err
	}
	f.live++
	f.bytes += bytes
	return &memory{f, bytes, make([]uint64, (bytes+word-1)/word)}, nil
}

func (f *fake) Free(m backend.Memory) error {
	own := m.(*memory)
	if own.owner != f || own.stamps == nil {
		return fmt.Errorf("%s: free of another's memory, or twice", f.name)
	}
	own.stamps = nil
	f.live--
	f.bytes -= own.bytes
	return f.try("free")
}

// stampsOf are the words of a buffer.
func stampsOf(b backend.Buffer) []uint64 {
	m := b.Memory.(*memory)
	return m.stamps[b.Offset/word : (b.Offset+b.Bytes+word-1)/word]
}

// hosted is memory of the host.
type hosted []byte

func (h hosted) Bytes() int64 { return int64(len(h)) }
func (h hosted) Data() []byte { return h }

func (f *fake) AllocHost(bytes int64) (backend.HostMemory, error) {
	return hosted(make([]byte, bytes)), f.try("alloc host")
}

func (f *fake) FreeHost(backend.HostMemory) error { return f.try("free host") }

// bytesOf is a stamp as an array to upload.
func bytesOf(stamp uint64) []uint8 { return binary.LittleEndian.AppendUint64(nil, stamp) }

// Upload takes the stamp of an input. It takes effect in its turn, but is read at once.
func (f *fake) Upload(dst backend.Buffer, _ backend.Layout, src backend.Array) (backend.Transfer, error) {
	stamp := binary.LittleEndian.Uint64(src.Data)
	if err := f.try("upload"); err != nil {
		return backend.Transfer{}, err
	}
	f.leaves = append(f.leaves, dst)
	f.jobs <- func() { f.write(dst, stamp) }
	return backend.Transfer{}, nil
}

func (f *fake) Download(host any, src backend.Buffer, _ backend.Layout) error {
	err := f.Sync()
	*host.(*uint64) = f.read(src)
	return err
}

func (f *fake) NewEvent() (backend.Event, error) {
	e := &event{}
	e.changed = sync.NewCond(&e.mu)
	return e, f.try("event")
}

// Load keeps the commands, for the test to look at.
func (f *fake) Load(commands []backend.Command, o backend.LoadOptions) (backend.Program, error) {
	for _, c := range commands {
		if k, is := c.Kernel.(*fakeKernel); is && c.Scratch.Bytes != k.scratch {
			return nil, fmt.Errorf("%s: %s has %d bytes of scratch, not %d", f.name, c.Label, c.Scratch.Bytes, k.scratch)
		}
		for _, b := range append(append([]backend.Buffer{c.Scratch}, c.In...), c.Out...) {
			if b.Bytes > 0 && b.Memory.(*memory).owner != f {
				return nil, fmt.Errorf("%s: %s uses memory of %s", f.name, c.Label, b.Memory.(*memory).owner.name)
			}
		}
	}
	if err := f.try("load"); err != nil {
		return nil, err
	}
	f.loaded = commands
	f.live++
	return &fakeProgram{device: f, commands: commands}, nil
}

func (f *fake) Sync() error {
	reached := make(chan struct{})
	f.jobs <- func() { close(reached) }
	<-reached
	if f.err == nil {
		f.err = f.try("step")
	}
	return f.err
}

func (f *fake) Close() error {
	close(f.jobs)
	f.done.Wait()
	return nil
}

// torn is the stamp of memory whose words differ: of something half-written or half-overwritten.
const torn = 0xbad

func (f *fake) read(b backend.Buffer) uint64 {
	stamps := stampsOf(b)
	for _, s := range stamps {
		if s != stamps[0] {
			return torn
		}
	}
	return stamps[0]
}

// write is slow, so that others have time to look in between.
func (f *fake) write(b backend.Buffer, stamp uint64) {
	stamps := stampsOf(b)
	for i := range stamps {
		stamps[i] = stamp
		if i == len(stamps)/2 {
			f.pause()
		}
	}
}

// pause lets other devices run for none, one or a few of their commands.
func (f *fake) pause() {
	for range f.pauses.IntN(4) {
		runtime.Gosched()
	}
	if f.pauses.IntN(100) == 0 {
		time.Sleep(time.Duration(f.pauses.IntN(50)) * time.Microsecond)
	}
}

type fakeProgram struct {
	device   *fake
	commands []backend.Command
	runs     int // begun
}

func (p *fakeProgram) Start() { p.device.jobs <- p.run }

// Times are as long as what the commands are called.
func (p *fakeProgram) Times() []time.Duration {
	times := make([]time.Duration, len(p.commands))
	for i, c := range p.commands {
		times[i] = time.Duration(len(c.Label))
	}
	return times
}

func (p *fakeProgram) Close() error {
	p.device.live--
	return p.device.try("close")
}

func (p *fakeProgram) run() {
	p.runs++
	for _, c := range p.commands {
		p.device.pause()
		switch c.Kind {
		case backend.Launch:
			p.device.launch(c)
		case backend.Copy:
			p.device.write(c.Dst, p.device.read(c.Src))
		case backend.Signal:
			e := c.Event.(*event)
			e.mu.Lock()
			e.signals++
			e.mu.Unlock()
			e.changed.Broadcast()
		case backend.Wait:
			e := c.Event.(*event)
			e.mu.Lock()
			for e.signals < p.runs {
				e.changed.Wait()
			}
			e.mu.Unlock()
		}
	}
}

func (f *fake) launch(c backend.Command) {
	k := c.Kernel.(*fakeKernel)
	in := make([]uint64, len(c.In))
	for i, b := range c.In {
		in[i] = f.read(b)
	}
	if c.Scratch.Bytes > 0 {
		f.write(c.Scratch, 0x5c4a7c4)
	}
	f.pause()
	for i, b := range c.In {
		if f.read(b) != in[i] { // it changed while the kernel ran
			in[i] = torn
		}
	}
	for i, b := range c.Out {
		f.write(b, stampOf(k.op, i, in))
	}
}

// stampOf is the stamp of output i of an operation.
func stampOf(o op.Op, i int, in []uint64) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%#v %d %x", o, i, in)
	return h.Sum64()
}

// mix is any operation: on one to three inputs of one size.
type mix struct {
	ID, Inputs     int
	Bytes, Scratch int64 // of the fake kernel
	InPlace        bool
	Stretch        bool // in place even where its output is larger than its input
}

func (mix) Name() string       { return "mix" }
func (m mix) Roles() []op.Role { return make([]op.Role, m.Inputs) }

func (m mix) Infer(in []op.Type) (op.Type, error) {
	if len(in) != m.Inputs {
		return op.Type{}, fmt.Errorf("%d inputs, want %d", len(in), m.Inputs)
	}
	return op.Floats(1, 1), nil
}

// second is mix's companion.
type second struct{ Mix mix }

func (second) Name() string                          { return "second" }
func (s second) Roles() []op.Role                    { return s.Mix.Roles() }
func (s second) Infer(in []op.Type) (op.Type, error) { return s.Mix.Infer(in) }
func (s second) Primary() op.Op                      { return s.Mix }
func (learn) Name() string                           { return "learn" }
func (learn) Infer(in []op.Type) (op.Type, error)    { return in[0], nil }
func (learn) Roles() []op.Role                       { return op.SGD{}.Roles() }
func (learn) Updates() []int                         { return op.SGD{}.Updates() }
func (learn) Peak() op.Companion                     { return nil }

// learn is an update: of weight, velocity, gradient and rate.
type learn struct{}
