package reference

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"duet/engine/backend"
	"duet/engine/backend/worker"
	"duet/engine/op"
)

func open(t testing.TB, o backend.Options) *device {
	t.Helper()
	d, err := Open(0, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d.(*device)
}

func TestRegistered(t *testing.T) {
	d, err := backend.Open("reference:3", backend.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	info := d.Info()
	if d.Name() != "reference:3" || info.Name != d.Name() || info.Units != 2 ||
		!slices.Equal(info.Precisions, []string{"fp32", "fp64"}) {
		t.Errorf("%s: %+v", d.Name(), info)
	}
	if _, err := Open(0, backend.Options{Precision: "bf16"}); err == nil ||
		!strings.Contains(err.Error(), `precision "bf16", want fp32 or fp64`) {
		t.Errorf("bf16: %v", err)
	}
}

func TestMemoryIsAlignedAndChecked(t *testing.T) {
	d := open(t, backend.Options{})
	for _, bytes := range []int64{0, 1, 7, 255, 256, 4097} {
		m, err := d.Alloc(bytes)
		if err != nil {
			t.Fatal(err)
		}
		data, err := worker.Bytes(backend.Buffer{Memory: m, Bytes: bytes})
		if err != nil {
			t.Fatal(err)
		}
		if m.Bytes() != bytes || int64(len(data)) != bytes {
			t.Errorf("%d bytes asked, %d and %d given", bytes, m.Bytes(), len(data))
		}
		if bytes > 0 && uintptr(unsafe.Pointer(&data[0]))%backend.Alignment != 0 {
			t.Errorf("%d bytes lie at %p", bytes, &data[0])
		}
		if err := d.Free(m); err != nil {
			t.Error(err)
		}
		if err := d.Free(m); err == nil {
			t.Error("second free: no error")
		}
		if bytes > 0 {
			if _, err := worker.Bytes(backend.Buffer{Memory: m, Bytes: 1}); err == nil {
				t.Error("use after free: no error")
			}
		}
	}
	other := open(t, backend.Options{})
	m, err := other.Alloc(16)
	if err != nil {
		t.Fatal(err)
	}
	l, err := d.Place(op.Floats(4), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := backend.Write(d, backend.Buffer{Memory: m, Bytes: 16}, l, make([]float32, 4)); err == nil {
		t.Error("upload to another device's memory: no error")
	}
	if err := d.Free(m); err == nil {
		t.Error("free of another device's memory: no error")
	}
	own, err := d.Alloc(16)
	if err != nil {
		t.Fatal(err)
	}
	mine, theirs := backend.Buffer{Memory: own, Bytes: 16}, backend.Buffer{Memory: m, Bytes: 16}
	for what, c := range map[string]backend.Command{
		"a copy to another device":            {Kind: backend.Copy, From: d, Src: mine, Dst: theirs},
		"a copy that says the wrong source":   {Kind: backend.Copy, From: d, Src: theirs, Dst: mine},
		"a launch on another device's memory": {Kind: backend.Launch, Kernel: Broken(d), In: []backend.Buffer{theirs}},
		"a launch of another device's kernel": {Kind: backend.Launch, Kernel: Broken(other)},
	} {
		if _, err := d.Load([]backend.Command{c}, backend.LoadOptions{}); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func TestWideDevicesTakeBothFloats(t *testing.T) {
	d := open(t, backend.Options{Precision: "fp64"})
	l, err := d.Place(op.Floats(2), nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Alloc(l.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	buffer := backend.Buffer{Memory: m, Bytes: l.Bytes()}
	wide, narrow := make([]float64, 2), make([]float32, 2)
	for _, c := range []struct {
		host any
		want float64
	}{{[]float64{math.Pi, 1}, math.Pi}, {[]float32{math.Pi, 1}, float64(float32(math.Pi))}} {
		if err := backend.Write(d, buffer, l, c.host); err != nil {
			t.Fatal(err)
		}
		if err := d.Download(wide, buffer, l); err != nil || wide[0] != c.want {
			t.Errorf("%T: %v, %v, want %v", c.host, wide[0], err, c.want)
		}
		if err := d.Download(narrow, buffer, l); err != nil || narrow[0] != math.Pi {
			t.Errorf("%T: %v, %v, want %v", c.host, narrow[0], err, float32(math.Pi))
		}
	}
	if err := backend.Write(open(t, backend.Options{}), buffer, l, wide); err == nil {
		t.Error("float64 to an fp32 device: no error")
	}
}

// TestThreadsDoNotChangeBits computes each operation on one thread and on five.
func TestThreadsDoNotChangeBits(t *testing.T) {
	conv := op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 2}
	x, w, z := numbers(1, 3, 10, 13, 11), numbers(2, 14, 5, 3, 3), numbers(3, 3, 14, 13, 11)
	a, b := numbers(4, 9, 700), numbers(5, 33, 700)
	for _, c := range []struct {
		o  op.Op
		in []array
	}{
		{conv, []array{x, w, numbers(6, 14)}},
		{op.Conv2DGradInput{Conv: conv, H: 13, W: 11}, []array{w, z}},
		{op.Conv2DGradWeight{Conv: conv}, []array{x, z}},
		{op.Conv2DGradBias{Conv: conv}, []array{x, z}},
		{op.Linear{}, []array{a, b, numbers(7, 33)}},
		{op.LinearGradInput{}, []array{b, numbers(8, 9, 33)}},
		{op.LinearGradWeight{}, []array{a, numbers(8, 9, 33)}},
		{op.LRN{N: 5, K: 2, Alpha: 0.5, Beta: 0.75, Groups: 2}, []array{x}},
		{op.Softmax{}, []array{a}},
	} {
		typ, err := c.o.Infer(types(c.in))
		if err != nil {
			t.Fatal(err)
		}
		var results [][]float32
		for _, threads := range []int{1, 5} {
			out := narrow(zeros(typ))
			ins := make([]tensor[float32], len(c.in))
			for i, a := range c.in {
				if err := ins[i].host(narrow(a)); err != nil {
					t.Fatal(err)
				}
			}
			outs := make([]tensor[float32], 1)
			if err := outs[0].host(out); err != nil {
				t.Fatal(err)
			}
			p, _ := table[float32]()[c.o.Name()].bind(c.o, outs, ins)
			team := newTeam(threads)
			team.run(&call{parts: p, memory: make([]float64, p.scratch*threads)})
			team.close()
			results = append(results, out.Data.([]float32))
		}
		if !slices.Equal(results[0], results[1]) {
			t.Errorf("%s: five threads give other bits than one", c.o.Name())
		}
	}
}

// TestStepDoesNotAllocate runs an upload and a parallel kernel.
func TestStepDoesNotAllocate(t *testing.T) {
	d := open(t, backend.Options{Threads: 3})
	xt, wt, bt, yt := op.Floats(8, 100), op.Floats(70, 100), op.Floats(70), op.Floats(8, 70)
	request := backend.Request{Op: op.Linear{}, InTypes: []op.Type{xt, wt, bt}, OutTypes: []op.Type{yt}}
	place := func(typ op.Type) (backend.Layout, backend.Buffer) {
		l, err := d.Place(typ, nil)
		if err != nil {
			t.Fatal(err)
		}
		m, err := d.Alloc(l.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return l, backend.Buffer{Memory: m, Bytes: l.Bytes()}
	}
	c := backend.Command{Kind: backend.Launch, Label: "linear"}
	for _, typ := range request.InTypes {
		l, b := place(typ)
		request.In, c.In = append(request.In, l), append(c.In, b)
	}
	_, y := place(yt)
	c.Out = []backend.Buffer{y}
	k, err := d.Prepare(request)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Alloc(k.Scratch())
	if err != nil {
		t.Fatal(err)
	}
	c.Kernel, c.Scratch = k, backend.Buffer{Memory: m, Bytes: k.Scratch()}
	p, err := d.Load([]backend.Command{c}, backend.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	host, err := d.AllocHost(int64(4 * xt.Len()))
	if err != nil {
		t.Fatal(err)
	}
	_, from := backend.Within[float32](host, 0, xt.Len())
	step := func() {
		_, failed := d.Upload(c.In[0], request.In[0], from)
		err = errors.Join(err, failed)
		p.Start()
	}
	for range 100 { // jobs for a full queue
		step()
	}
	if allocations := testing.AllocsPerRun(200, step); allocations != 0 {
		t.Errorf("%v allocations a step, want 0", allocations)
	}
	if err := errors.Join(err, d.Sync()); err != nil {
		t.Error(err)
	}
}

func TestEvaluateRefuses(t *testing.T) {
	x := numbers(1, 2, 3)
	for _, c := range []struct {
		name string
		o    op.Op
		out  array
		in   []array
		want string
	}{
		{"a wrong shape", op.ReLU{}, zeros(op.Floats(3)), []array{x}, "relu: outputs are [float [3]], want [float [2 3]]"},
		{"two precisions", op.Add{}, zeros(x.Type), []array{x, narrow(x)}, "add: input 1: array []float32 for float [2 3]"},
		{"a short array", op.ReLU{}, zeros(x.Type), []array{{Type: x.Type, Data: make([]float64, 5)}},
			"relu: input 0: array []float64 for float [2 3]"},
		{"integers", op.ReLU{}, zeros(x.Type), []array{{Type: x.Type, Data: make([]int32, 6)}},
			"relu: input 0: array []int32"},
		{"an operation of the same name", impostor{}, zeros(x.Type), []array{x}, "no kernel"},
	} {
		if err := Evaluate(c.o, []array{c.out}, c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if err := Evaluate(impostor{}, []array{zeros(x.Type)}, []array{x}); !errors.Is(err, backend.ErrNoKernel) {
		t.Errorf("%v, want ErrNoKernel", err)
	}
}

type impostor struct{ op.ReLU }

func TestUseAfterCloseIsAnError(t *testing.T) {
	d := open(t, backend.Options{})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, placeErr := d.Place(op.Floats(1), nil)
	_, prepareErr := d.Prepare(backend.Request{Op: op.ReLU{}})
	_, allocErr := d.Alloc(1)
	for _, err := range []error{placeErr, prepareErr, allocErr, d.Sync()} {
		if !errors.Is(err, worker.ErrClosed) {
			t.Errorf("%v, want %v", err, worker.ErrClosed)
		}
	}
}
