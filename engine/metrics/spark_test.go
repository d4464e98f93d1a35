package metrics_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestCurve: the line on a terminal has the loss of all steps so far as a curve, where it can be shown and has room.
func TestCurve(t *testing.T) {
	falling := func(i int) float64 { return float64(1000 - i) }
	for name, c := range map[string]struct {
		locale string
		width  int
		steps  int
		loss   func(i int) float64
		want   string
	}{
		"falling":       {"en_US.UTF-8", 160, 8, falling, "  █▇▆▅▄▃▂▁  "},
		"of many steps": {"C.utf8", 160, 1000, falling, "  █▇▆▅▄▃▂▁  "},
		"numbers alone": {"C.UTF-8", 160, 4, func(i int) float64 { return []float64{1, math.NaN(), 2, 3}[i] }, ""},
		"five, with a number that is none": {"C.UTF-8", 160, 5,
			func(i int) float64 { return []float64{1, math.Inf(1), 2, 3, 8}[i] }, "  ▁▂▃█  "},
		"too few":         {"C.UTF-8", 160, 3, falling, ""},
		"always the same": {"C.UTF-8", 160, 9, func(int) float64 { return 2 }, ""},
		"another locale":  {"C", 160, 9, falling, ""},
		"little room":     {"C.UTF-8", 80, 9, falling, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("LC_ALL", c.locale)
			var out bytes.Buffer
			clock := newClock()
			bar := console(&out, true, c.width, clock)
			for i := range c.steps {
				s := step(uint64(i + 1))
				s.Loss = c.loss(i)
				bar.Step(s)
				clock.forward(time.Second)
			}
			line := out.String()[strings.LastIndex(out.String(), "\x1b[K")+3:]
			if n := utf8.RuneCountInString(line); n >= c.width {
				t.Errorf("%d columns of %d: %s", n, c.width, line)
			}
			if has := strings.ContainsAny(line, "▁▂▃▄▅▆▇█"); c.want == "" && has ||
				!strings.Contains(line, c.want) {
				t.Errorf("%s: want %q", line, c.want)
			}
		})
	}
}
