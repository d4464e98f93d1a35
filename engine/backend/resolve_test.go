package backend_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"duet/engine/backend"
)

// TestAuto: what auto takes is told, and why nothing better. This test binary has one backend of those that auto knows.
func TestAuto(t *testing.T) {
	devices, failure := []backend.Info{{Name: "dnnl:0"}, {Name: "dnnl:1"}}, error(nil)
	if slices.Contains(backend.Missing(), "dnnl") {
		backend.Register(backend.Backend{Name: "dnnl", List: func() ([]backend.Info, error) { return devices, failure }})
	}
	var said []string
	log := func(line string) { said = append(said, line) }
	c := backend.Config{Towers: []string{"auto"}}
	if err := c.Resolve(2, log); err != nil || !slices.Equal(c.Towers, []string{"dnnl:0", "dnnl:1"}) {
		t.Errorf("%v, %v", c.Towers, err)
	}
	if len(said) != 1 || said[0] != "auto takes dnnl:0 and dnnl:1: cuda is not in this build" {
		t.Errorf("said %q", said)
	}
	if err := c.Resolve(2, log); err != nil || len(said) != 1 {
		t.Errorf("of devices that are named it says %q, %v", said, err)
	}
	failure = errors.New("no library")
	c.Towers = []string{"auto"}
	if err := c.Resolve(1, nil); !errors.Is(err, backend.ErrUnknownDevice) ||
		!strings.Contains(err.Error(), "dnnl: no library") {
		t.Errorf("without any device: %v", err)
	}
	devices, failure = nil, nil
	if err := c.Resolve(1, nil); err == nil || !strings.Contains(err.Error(), "dnnl has no device") {
		t.Errorf("without any device: %v", err)
	}
	if missing := backend.Missing(); !slices.Equal(missing, []string{"cuda", "reference"}) {
		t.Errorf("missing: %v", missing)
	}
}

// TestAvailable: what a backend cannot find on this machine is told apart from what the program does not know.
func TestAvailable(t *testing.T) {
	looks, failure := 0, error(nil)
	backend.Register(backend.Backend{Name: "there", List: func() ([]backend.Info, error) {
		looks++
		return []backend.Info{{Name: "there:0"}}, failure
	}, Open: func(int, backend.Options) (backend.Device, error) { return nil, errors.New("it is busy") }})
	backend.Register(backend.Backend{Name: "empty", List: func() ([]backend.Info, error) { return nil, nil }})
	if err := backend.Available([]string{"there:0", "there:1"}); err != nil || looks != 1 {
		t.Errorf("%v after %d looks, want one", err, looks)
	}
	if err := backend.Available([]string{"there:0", "banana:0"}); !errors.Is(err, backend.ErrUnknownDevice) {
		t.Errorf("banana:0: %v", err)
	}
	if err := backend.Available([]string{"empty:0"}); !errors.Is(err, backend.ErrAbsent) ||
		!strings.Contains(err.Error(), "empty:0") {
		t.Errorf("empty:0: %v", err)
	}
	c := backend.Config{Towers: []string{"there:0"}}
	if _, err := c.OpenAll(nil, nil, nil); err == nil || err.Error() != "it is busy" {
		t.Errorf("a device that is there and cannot be opened: %v", err)
	}
	failure = errors.New("no driver")
	if _, err := c.OpenAll(nil, nil, nil); !errors.Is(err, backend.ErrAbsent) || !errors.Is(err, failure) ||
		!strings.Contains(err.Error(), "there:0") {
		t.Errorf("a device that is not there: %v", err)
	}
}

// TestFind: a device that this build lacks is told apart from one that no build has.
func TestFind(t *testing.T) {
	if len(backend.Backends()) == 0 {
		backend.Register(backend.Backend{Name: "found"})
	}
	var names []string
	for _, b := range backend.Backends() {
		names = append(names, b.Name)
	}
	have := strings.Join(names, ", ")
	for name, want := range map[string]string{
		"cuda:0": `device "cuda:0": this program was built without cuda (it has ` + have + `), make build-gpu ` +
			`builds one with it`,
		"foo:0": `device "foo:0": no backend is called foo: want a device of ` + have + `, or "auto" for the best there is`,
		"gpu1":  `device "gpu1": want BACKEND:NUMBER, such as dnnl:0`,
	} {
		if _, _, err := backend.Find(name); !errors.Is(err, backend.ErrUnknownDevice) || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}
