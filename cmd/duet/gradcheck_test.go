package main

import (
	"math"
	"strings"
	"testing"

	"duet/engine/model"
)

// TestGradcheck: gradients that the rounding of the loss hides are not called wrong; and where nothing could be
// compared, that is said.
func TestGradcheck(t *testing.T) {
	p := newPlace(t)
	check := func(samples string, keys ...string) []string {
		return append([]string{"gradcheck", "smoke", "--samples", samples}, sets(keys...)...)
	}
	faint := func(keys ...string) {
		t.Helper()
		if r := p.works(check("3", keys...)...); strings.Count(r.stdout, "\n") != 11 {
			t.Errorf("%v: %s", keys, r.stdout)
		}
	}
	faint()
	faint("network.layers.fc5.init=normal", "network.layers.fc5.std=1e-10") // all gradients before it
	faint("network.layers.fc5.init=normal", "network.layers.fc5.std=1000")  // scores of thousands, and losses
	faint("data.scale=1")
	faint("data.scale=1e-3")
	// nothing comes through the last
	faint("network.layers.conv1.bias=-1", "network.layers.conv2.bias=-1", "network.layers.conv3.bias=-1",
		"network.layers.fc4.bias=-1")
	p.refused(exitFailed, []string{"conv3.bias", "was not checked", "kink", "--samples"},
		check("2", "network.layers.conv3.init=constant", "network.layers.conv3.std=0")...)
}

func TestJudge(t *testing.T) {
	good := model.Check{Param: "good", Samples: 3, Worst: 0.5, Excess: 1e-7}
	for _, c := range []struct {
		name   string
		checks []model.Check
		says   string
	}{
		{"right", []model.Check{good}, ""},
		{"some faint, some at kinks", []model.Check{good, {Param: "b", Samples: 3, Faint: 3, Kinks: 5}}, ""},
		{"wrong", []model.Check{good, {Param: "b", Samples: 3, Excess: 1.1e-4}}, "gradient of b differs"},
		{"wrong where faint", []model.Check{good, {Param: "b", Samples: 3, Faint: 3, Excess: 1}}, "gradient of b differs"},
		{"no number", []model.Check{good, {Param: "b", Samples: 3, Excess: math.NaN()}}, "gradient of b differs"},
		{"two", []model.Check{{Param: "a", Samples: 1, Excess: 1}, {Param: "b", Samples: 3, Excess: 2}},
			"gradient of a, b differs"},
		{"all at kinks", []model.Check{good, {Param: "b", Kinks: 30}}, "b was not checked"},
		{"all faint", []model.Check{{Param: "a", Samples: 3, Faint: 3}}, "no gradient was checked"},
	} {
		err := judge(c.checks)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
}
