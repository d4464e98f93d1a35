package metrics_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"duet/engine/metrics"
)

// clock is a time that the test moves.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2012, 9, 30, 12, 0, 0, 0, time.UTC)} }

func (c *clock) forward(d time.Duration) { c.now = c.now.Add(d) }

// screen is what a terminal shows after the text: lines, with carriage return and "erase to the end of the line".
func screen(t *testing.T, text string) []string {
	t.Helper()
	lines := []string{""}
	column := 0
	for len(text) > 0 {
		last := &lines[len(lines)-1]
		switch {
		case strings.HasPrefix(text, "\x1b[K"):
			*last = (*last)[:column]
			text = text[len("\x1b[K"):]
			continue
		case text[0] == '\r':
			column = 0
		case text[0] == '\n':
			lines, column = append(lines, ""), 0
		case text[0] < ' ' || text[0] > '~':
			t.Fatalf("byte %#x on the screen", text[0])
		default:
			*last = (*last)[:column] + text[:1] + (*last)[min(column+1, len(*last)):]
			column++
		}
		text = text[1:]
	}
	return lines
}

func checkScreen(t *testing.T, text string, want ...string) {
	t.Helper()
	if got := screen(t, text); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("screen\n%s\nwant\n%s", strings.Join(got, "|\n"), strings.Join(want, "|\n"))
	}
}

func console(w io.Writer, terminal bool, width int, c *clock) *metrics.Console {
	return metrics.NewConsole(w, metrics.ConsoleOptions{
		Terminal: terminal, Total: 1000, Width: func() int { return width }, Now: func() time.Time { return c.now },
	})
}

func TestBar(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	bar := console(&out, true, 100, c)
	bar.Step(step(1))
	checkScreen(t, out.String(), "1/1000 [                                      ]  epoch 0.25  loss 2.3026  46.5 images/s")
	n := out.Len()
	for i := uint64(2); i <= 500; i++ {
		c.forward(time.Second / 10 / 499)
		bar.Step(step(i))
	}
	if strings.Count(out.String()[n:], "\r") > 1 {
		t.Error("more than one redraw in a tenth of a second")
	}
	c.forward(time.Second)
	bar.Step(step(501))
	checkScreen(t, out.String(),
		"501/1000 [==================>                  ]  epoch 125.25  loss 2.3026  46.5 images/s  1s left")

	fmt.Fprintln(bar, "warning: it is hot")
	bar.Validation(metrics.Validation{Step: 501, Epoch: 125.25, Loss: 1.5, Top1Error: 0.407, Top5Error: 0.182})
	bar.Phase("validating", 30, 79, "images") // too soon to be drawn
	checkScreen(t, out.String(),
		"warning: it is hot",
		"validation after step 501, epoch 125.25: loss 1.5000, top-1 error 40.70 %, top-5 error 18.20 %",
		"501/1000 [===========>            ]  epoch 125.25  loss 2.3026  46.5 images/s  val 40.70 %  1s left")
	c.forward(time.Second)
	bar.Phase("validating", 40, 80, "images")
	const validating = "validating 40/80 [==================>                   ]  50.0 %  10.0 images/s  4s left"
	if last := screen(t, out.String())[2]; last != validating {
		t.Errorf("validating: %q", last)
	}
	bar.Step(step(502))
	check(t, bar.Close())
	check(t, bar.Close())
	fmt.Fprintln(bar, "done")
	lines := screen(t, out.String())
	if len(lines) != 5 || !strings.HasPrefix(lines[2], "502/1000") || lines[3] != "done" || lines[4] != "" {
		t.Errorf("at the end:\n%s", strings.Join(lines, "|\n"))
	}
}

// TestWidth checks that the line fits every terminal, that what matters stays longest, and that nothing fails when
// there is hardly any room.
func TestWidth(t *testing.T) {
	want := map[int]string{
		100: "2/1000 [                        ]  epoch 0.50  loss 2.3026  46.5 images/s  val 90.00 %  16m38s left",
		80:  "2/1000 [                ]  loss 2.3026  46.5 images/s  val 90.00 %  16m38s left",
		72:  "2/1000 [        ]  loss 2.3026  46.5 images/s  val 90.00 %  16m38s left",
		70:  "2/1000  loss 2.3026  46.5 images/s  val 90.00 %  16m38s left",
		60:  "2/1000  loss 2.3026  46.5 images/s  16m38s left",
		45:  "2/1000  loss 2.3026  16m38s left",
		30:  "2/1000  loss 2.3026",
		15:  "2/1000",
		5:   "2/10",
	}
	for width := range 200 {
		var out bytes.Buffer
		c := newClock()
		bar := console(&out, true, width, c)
		bar.Step(step(1))
		bar.Validation(metrics.Validation{Top1Error: 0.9})
		c.forward(time.Second)
		bar.Step(step(2))
		lines := screen(t, out.String())
		last := lines[len(lines)-1]
		if len(last) > max(width-1, 0) {
			t.Errorf("width %d: %d columns: %q", width, len(last), last)
		}
		if w, ok := want[width]; ok && last != w {
			t.Errorf("width %d: %q, want %q", width, last, w)
		}
	}
}

func TestPlainLines(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	plain := console(&out, false, 20, c)
	for i := uint64(1); i <= 25; i++ {
		plain.Step(step(i))
		c.forward(time.Second)
	}
	plain.Validation(metrics.Validation{Step: 25, Epoch: 6.25, Loss: 1.5, Top1Error: 0.407, Top5Error: 0.182})
	fmt.Fprintln(plain, "saved")
	check(t, plain.Close())
	checkScreen(t, out.String(),
		"step 1/1000  epoch 0.25  loss 2.3026  46.5 images/s",
		"step 11/1000  epoch 2.75  loss 2.3026  46.5 images/s  16m29s left",
		"step 21/1000  epoch 5.25  loss 2.3026  46.5 images/s  16m19s left",
		"validation after step 25, epoch 6.25: loss 1.5000, top-1 error 40.70 %, top-5 error 18.20 %",
		"saved",
		"step 25/1000  epoch 6.25  loss 2.3026  46.5 images/s  val 40.70 %  16m56s left",
		"")
	if strings.ContainsAny(out.String(), "\r\x1b") {
		t.Error("control characters without a terminal")
	}
}

// TestShownNumbers checks what is done with the numbers: loss and rate are smoothed, what is not finite shows at once
// and is forgotten when it is over, a resumed run's time left counts its own steps only.
func TestShownNumbers(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	plain := console(&out, false, 0, c)
	show := func(n uint64, loss float64) string {
		out.Reset()
		c.forward(time.Minute)
		plain.Step(metrics.Step{Step: n, Loss: loss, ImagesPerSecond: 16487})
		return out.String()
	}
	for _, k := range []struct {
		step uint64
		loss float64
		want string
	}{
		{900, 4, "step 900/1000  epoch 0.00  loss 4.0000  16487 images/s\n"},
		{901, 2, "step 901/1000  epoch 0.00  loss 2.9899  16487 images/s  1h39m left\n"},
		{902, math.Inf(1), "step 902/1000  epoch 0.00  loss +Inf  16487 images/s  1h38m left\n"},
		{903, math.NaN(), "step 903/1000  epoch 0.00  loss NaN  16487 images/s  1h37m left\n"},
		{1000, 3, "step 1000/1000  epoch 0.00  loss 2.9933  16487 images/s  0s left\n"},
	} {
		if got := show(k.step, k.loss); got != k.want {
			t.Errorf("got  %swant %s", got, k.want)
		}
	}
}

// TestWithoutTotal has neither steps in all nor a length of the phase, as in preparing a folder that is not yet
// counted.
func TestWithoutTotal(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	bar := metrics.NewConsole(&out, metrics.ConsoleOptions{Terminal: true, Now: func() time.Time { return c.now }})
	bar.Phase("reading", 1, 0, "files")
	bar.Phase("reading", 2, 0, "files")
	check(t, bar.Close())
	checkScreen(t, out.String(), "reading 2", "")

	out.Reset()
	bar = metrics.NewConsole(&out, metrics.ConsoleOptions{Terminal: true, Now: func() time.Time { return c.now }})
	fmt.Fprint(bar, "hello\n")
	bar.Step(step(5))
	fmt.Fprint(bar, "no newline")
	check(t, bar.Close())
	checkScreen(t, out.String(), "hello", "no newline", "step 5  epoch 1.25  loss 2.3026  46.5 images/s", "")
}

func TestConsoleOfManyGoroutines(t *testing.T) {
	var out bytes.Buffer
	bar := metrics.NewConsole(&out, metrics.ConsoleOptions{Terminal: true, Total: 400})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range uint64(100) {
				bar.Step(step(i))
				fmt.Fprintf(bar, "line %d of %d\n", i, g)
			}
		})
	}
	wg.Wait()
	check(t, bar.Close())
	if n := strings.Count(strings.Join(screen(t, out.String()), "\n"), " of "); n != 400 {
		t.Errorf("%d lines, want 400", n)
	}
}

func BenchmarkConsoleStep(b *testing.B) {
	bar := metrics.NewConsole(io.Discard, metrics.ConsoleOptions{Terminal: true, Total: 1 << 40})
	s := step(1)
	b.ReportAllocs()
	for b.Loop() {
		s.Step++
		bar.Step(s)
	}
}

// BenchmarkConsoleDraw redraws every time.
func BenchmarkConsoleDraw(b *testing.B) {
	c := newClock()
	bar := console(io.Discard, true, 120, c)
	s := step(1)
	b.ReportAllocs()
	for b.Loop() {
		c.forward(time.Second)
		bar.Step(s)
	}
}
