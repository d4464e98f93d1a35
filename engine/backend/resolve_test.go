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
	if err := c.Resolve(1, nil); !errors.Is(err, backend.ErrUnknownDevice) || !strings.Contains(err.Error(), "dnnl: no library") {
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
