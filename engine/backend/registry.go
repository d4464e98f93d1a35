package backend

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrNoKernel says that a backend lacks an operation, or lacks it for these types.
var ErrNoKernel = errors.New("no kernel")

// ErrUnknownDevice says that a device's name is not one of this program's.
var ErrUnknownDevice = errors.New("unknown device")

// UnknownDevice is an ErrUnknownDevice whose text says it all.
func UnknownDevice(format string, args ...any) error {
	return unknownDevice(fmt.Sprintf(format, args...))
}

type unknownDevice string

func (e unknownDevice) Error() string { return string(e) }

func (unknownDevice) Is(target error) bool { return target == ErrUnknownDevice }

// Options are how a device is opened.
type Options struct {
	Precision string            // "fp32" (also ""), "bf16", "fp64": what Float means
	Threads   int               // of a CPU device; 0 = its share of the cores
	Devices   int               // how many devices of this backend are opened together, to share the cores
	Check     bool              // wait for every kernel of a GPU, so that one that fails is known
	Apart     bool              // a GPU's devices have contexts of their own, as strange to each other as two GPUs
	Tune      bool              // choose kernels by measuring them
	Kernels   []Pin             // choices made before
	Wishes    bool              // a choice of Kernels that the device does not have is no error: it takes another
	Log       func(line string) // told what the device does without, in lines; may be nil
	Measured  func(Measurement) // told what was measured, of every piece of work that this device does; may be nil
	Stop      func() error      // asked during long work such as measuring kernels, which its error ends; may be nil
}

// Measurement is of the kernels that could do a piece of work.
type Measurement struct {
	Line string        // what it came to: device, work, and the time of each kernel
	Took time.Duration // all in all
}

// Backend is a kind of device, linked into the program by importing its package.
type Backend struct {
	Name string
	// Open opens device number index.
	Open func(index int, o Options) (Device, error)
	// List describes the devices there are.
	List func() ([]Info, error)
}

var backends = map[string]Backend{}

// Register adds a backend; packages of backends call it when they are initialised.
func Register(b Backend) {
	if _, twice := backends[b.Name]; twice {
		panic("backend: " + b.Name + " registered twice")
	}
	backends[b.Name] = b
}

// Backends are the registered ones, by name.
func Backends() []Backend {
	var bs []Backend
	for _, b := range backends {
		bs = append(bs, b)
	}
	slices.SortFunc(bs, func(a, b Backend) int { return strings.Compare(a.Name, b.Name) })
	return bs
}

// Open opens a device by name: "dnnl:0", "cuda:1".
func Open(name string, o Options) (Device, error) {
	b, index, err := Find(name)
	if err != nil {
		return nil, err
	}
	return b.Open(index, o)
}

// Find looks a device's name up without opening it.
func Find(name string) (Backend, int, error) {
	kind, index, err := split(name)
	if err != nil {
		return Backend{}, 0, err
	}
	b, ok := backends[kind]
	switch how, known := builds[kind]; {
	case ok:
		return b, index, nil
	case known:
		return b, 0, UnknownDevice("device %q: this program was built without %s (it has %s), %s builds one with it", name,
			kind, names(), how)
	}
	return b, 0, UnknownDevice("device %q: no backend is called %s: want a device of %s, or \"auto\" for the best there "+
		"is", name, kind, names())
}

// builds is how a program with a backend is built, of those that not every program has.
var builds = map[string]string{
	"cuda": "make build-gpu",
	"dnnl": "make build, where oneDNN is,",
}

// split takes a device's name apart.
func split(name string) (backend string, index int, err error) {
	backend, number, found := strings.Cut(name, ":")
	index, err = strconv.Atoi(number)
	if !found || backend == "" || err != nil || index < 0 {
		return "", 0, UnknownDevice("device %q: want BACKEND:NUMBER, such as dnnl:0", name)
	}
	return backend, index, nil
}

func names() string {
	var ns []string
	for _, b := range Backends() {
		ns = append(ns, b.Name)
	}
	return strings.Join(ns, ", ")
}
