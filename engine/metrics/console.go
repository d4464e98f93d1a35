package metrics

import (
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	redrawEvery = 100 * time.Millisecond // of the bar, at most
	lineEvery   = 10 * time.Second       // of the plain lines, at most

	// smoothing is the weight of the past in the shown loss and rate: about the last 50 steps count.
	smoothing = 0.98
)

// ConsoleOptions says what a Console shows and where.
type ConsoleOptions struct {
	Terminal bool             // a bar that is redrawn in place; otherwise plain lines
	Total    uint64           // steps of the whole run; 0 if unknown: no bar then and no time left
	Width    func() int       // columns of the terminal; nil asks the writer, 80 if that cannot tell
	Now      func() time.Time // nil is time.Now
}

// Console shows how the run goes. On a terminal it is one line, redrawn at most ten times a second:
//
//	1234/10000 [====>    ]  epoch 3.21  loss 2.3010  █▇▅▄▃▂▁  412 images/s  val 34.20 %  12m03s left
//
// The curve is the loss of the steps that it was told of, where the locale says that the terminal shows UTF-8.
// Elsewhere it is a plain line with the same numbers, at most every ten seconds. A validation is a line of its own in
// both cases. What else is to be printed while the bar is there goes through Write. Its methods may be called from
// several goroutines; errors of the writer are ignored, a run does not fail because nobody looks.
type Console struct {
	w   io.Writer
	opt ConsoleOptions
	bar bar

	mu     sync.Mutex
	line   []byte    // to be written, reused
	drawn  time.Time // when the bar or the last plain line was written
	shown  bool      // the bar is on the screen
	stale  bool      // there is news that is not on the screen
	closed bool

	last       Step
	loss, rate average
	curve      spark
	utf8       bool // the terminal shows it
	validated  bool
	valError   float64
	phase      string // what is done between steps, with how much of it
	phaseDone  uint64
	phaseTotal uint64
	phaseUnit  string
	phaseFirst uint64 // what was done at its first call, and when that was: for the rate
	phaseTime  time.Time

	firstStep uint64 // the first of this process, and when it was done: for the time left
	firstTime time.Time
}

// NewConsole makes a Console that writes to w, usually os.Stderr.
func NewConsole(w io.Writer, opt ConsoleOptions) *Console {
	if opt.Width == nil {
		opt.Width = func() int { return widthOf(w) }
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Console{w: w, opt: opt, bar: newBar(), utf8: opt.Terminal && showsUTF8()}
}

// IsTerminal tells whether the file is a terminal that can move its cursor.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" }

// ClaimBar tells whether a bar can be drawn on the file: it is a terminal, and this process is the one that draws there
// until it ends. Two bars would wipe each other out.
func ClaimBar(f *os.File) bool { return IsTerminal(f) && drawsAlone(f) }

// Step shows a step that is done.
func (c *Console) Step(s Step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.opt.Now()
	if c.firstTime.IsZero() {
		c.firstStep, c.firstTime = s.Step, now
	}
	c.last, c.phase = s, ""
	c.loss.add(s.Loss)
	c.curve.add(s.Loss)
	c.rate.add(s.ImagesPerSecond)
	c.update(now)
}

// Phase shows work between the steps, such as a validation, in the place of the loss: done of total, 0 if unknown, how
// many units a second, and the time left. It ends with the next Step, or with an empty name.
func (c *Console) Phase(name string, done, total uint64, unit string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.opt.Now()
	if name != c.phase || done < c.phaseDone {
		c.phaseFirst, c.phaseTime = done, now
	}
	c.phase, c.phaseDone, c.phaseTotal, c.phaseUnit = name, done, total, unit
	c.update(now)
}

// Validation prints the result of a validation.
func (c *Console) Validation(v Validation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.validated, c.valError, c.phase = true, v.Top1Error, ""
	text := fmt.Sprintf("validation after step %d, epoch %.2f: loss %.4f, top-1 error %s", v.Step, v.Epoch, v.Loss,
		FormatPercent(v.Top1Error))
	if HasTop5(v.Classes) {
		text += ", top-5 error " + FormatPercent(v.Top5Error)
	}
	c.print([]byte(text + "\n"))
}

// Write prints text above the bar, whole lines at a time.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(p), c.print(p)
}

// Close shows the last state and leaves the cursor on a new line. What is written later is printed without a bar.
func (c *Console) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	if !c.firstTime.IsZero() {
		c.phase = ""
	}
	if c.stale {
		c.draw(c.opt.Now())
	}
	if c.shown {
		c.w.Write([]byte("\n"))
	}
	c.closed, c.shown = true, false
	return nil
}

// update draws if the last time is long enough ago.
func (c *Console) update(now time.Time) {
	every := lineEvery
	if c.opt.Terminal {
		every = redrawEvery
	}
	c.stale = true
	if !c.closed && (c.drawn.IsZero() || now.Sub(c.drawn) >= every) {
		c.draw(now)
	}
}

const eraseLine = "\r\x1b[K" // to the first column, and clear from there

// draw puts the state on the screen, in one write so that it does not flicker.
func (c *Console) draw(now time.Time) {
	c.drawn, c.stale = now, false
	if !c.opt.Terminal {
		c.line = append(c.appendState(c.line[:0], now, math.MaxInt), '\n')
		c.w.Write(c.line)
		return
	}
	c.line = append(c.line[:0], eraseLine...)
	c.line = c.appendState(c.line, now, c.opt.Width()-1) // a full last column would make some terminals wrap
	c.w.Write(c.line)
	c.shown = true
}

// print writes text that stays, above the bar if there is one.
func (c *Console) print(text []byte) error {
	c.line = c.line[:0]
	if c.shown {
		c.line = append(c.line, eraseLine...)
	}
	c.line = append(c.line, text...)
	if c.shown {
		if n := len(c.line); c.line[n-1] != '\n' && len(text) > 0 {
			c.line = append(c.line, '\n')
		}
		c.line = c.appendState(c.line, c.opt.Now(), c.opt.Width()-1)
	}
	_, err := c.w.Write(c.line)
	return err
}

// average is an exponential moving average whose start at zero is corrected for.
type average struct{ sum, weight float64 }

// add counts x in. What is not a finite number is not counted: it would stay for ever.
func (a *average) add(x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return
	}
	a.sum = smoothing*a.sum + (1-smoothing)*x
	a.weight = smoothing*a.weight + (1 - smoothing)
}

func (a *average) value() float64 { return a.sum / a.weight }

// widthOf asks a terminal for its columns.
func widthOf(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}
