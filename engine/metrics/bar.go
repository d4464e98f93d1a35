package metrics

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Columns of the bar itself, its brackets included.
const (
	minBar = 10
	maxBar = 40
)

// bar draws [====>    ]. Only the drawing is mpb's: its containers redraw from a goroutine and a clock of their own.
type bar struct {
	filler mpb.BarFiller
	buf    *bytes.Buffer
}

func newBar() bar {
	style := mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("]")
	return bar{filler: style.Build(), buf: &bytes.Buffer{}}
}

// draw gives a bar of so many columns, done parts of total full.
func (b bar) draw(width int, done, total uint64) string {
	b.buf.Reset()
	done = min(done, total)
	err := b.filler.Fill(b.buf, decor.Statistics{
		AvailableWidth: width, Total: int64(total), Current: int64(done), Completed: done == total,
	})
	if err != nil {
		panic(fmt.Sprintf("metrics: bar: %v", err)) // a bytes.Buffer always takes it
	}
	return b.buf.String()
}

// part is a piece of the line; the lower its rank, the longer it stays when the terminal is narrow.
type part struct {
	text string
	rank int
}

// Ranks: of the parts that are left, the one with the highest goes first. The bar goes before those below barRank.
const (
	rankLoss, rankTime, rankRate, rankError, rankEpoch, rankData, rankCurve = 1, 2, 3, 4, 5, 6, 7

	barRank = rankError
)

// appendState appends the line, made to fit width columns: first the bar shrinks, then the curve, the wait for data and
// the epoch go, then the bar, then the other parts in the order of their rank, and at last the text is cut.
func (c *Console) appendState(b []byte, now time.Time, width int) []byte {
	count, parts := c.parts(now)
	done, total := c.last.Step, c.opt.Total
	if c.phase != "" {
		done, total = c.phaseDone, c.phaseTotal
	}
	for rank := rankCurve; rank >= 0; rank-- {
		rest := join(parts, rank)
		columns := utf8.RuneCountInString(rest)
		room := min(width-len(count)-len(" ")-columns, maxBar)
		if c.opt.Terminal && total > 0 && room >= minBar && rank >= barRank {
			b = append(append(b, count...), ' ')
			b = append(b, c.bar.draw(room, done, total)...)
			return append(b, rest...)
		}
		if len(count)+columns <= width && (rank <= barRank || !c.opt.Terminal || total == 0) {
			return append(append(b, count...), rest...)
		}
	}
	return append(b, count[:max(min(width, len(count)), 0)]...)
}

// parts gives the count at the line's start, in ASCII, and what follows it, whose letters are a column each.
func (c *Console) parts(now time.Time) (count string, parts []part) {
	if c.phase != "" {
		if c.phaseTotal == 0 {
			return fmt.Sprintf("%s %d", c.phase, c.phaseDone), nil
		}
		parts = []part{{fmt.Sprintf("%.1f %%", 100*float64(c.phaseDone)/float64(c.phaseTotal)), rankLoss}}
		if rate := c.phaseRate(now); rate > 0 {
			left := float64(c.phaseTotal-min(c.phaseDone, c.phaseTotal)) / rate
			parts = append(parts, part{FormatRate(rate) + " " + c.phaseUnit + "/s", rankRate},
				part{FormatDuration(time.Duration(left*float64(time.Second))) + " left", rankTime})
		}
		return fmt.Sprintf("%s %d/%d", c.phase, c.phaseDone, c.phaseTotal), parts
	}
	count = fmt.Sprintf("step %d", c.last.Step)
	switch {
	case c.opt.Total > 0 && c.opt.Terminal:
		count = fmt.Sprintf("%d/%d", c.last.Step, c.opt.Total)
	case c.opt.Total > 0:
		count = fmt.Sprintf("step %d/%d", c.last.Step, c.opt.Total)
	}
	loss := c.loss.value()
	if x := c.last.Loss; math.IsNaN(x) || math.IsInf(x, 0) {
		loss = x
	}
	parts = []part{
		{fmt.Sprintf("epoch %.2f", c.last.Epoch), rankEpoch},
		{fmt.Sprintf("loss %.4f", loss), rankLoss},
	}
	if curve := c.curve.String(); curve != "" && c.utf8 {
		parts = append(parts, part{curve, rankCurve})
	}
	parts = append(parts, part{FormatRate(c.rate.value()) + " images/s", rankRate})
	if c.validated {
		parts = append(parts, part{"val " + FormatPercent(c.valError), rankError})
	}
	if c.last.DataWaitMS.Set {
		parts = append(parts, part{"data " + FormatRate(c.last.DataWaitMS.Value) + " ms", rankData})
	}
	if left, ok := c.timeLeft(now); ok {
		parts = append(parts, part{FormatDuration(left) + " left", rankTime})
	}
	return count, parts
}

// timeLeft goes by the time that this process has taken for a step, with everything that happened in between.
func (c *Console) timeLeft(now time.Time) (time.Duration, bool) {
	done := c.last.Step - c.firstStep
	if done == 0 || c.last.Step > c.opt.Total {
		return 0, false
	}
	each := float64(now.Sub(c.firstTime)) / float64(done)
	return time.Duration(each * float64(c.opt.Total-c.last.Step)), true
}

// phaseRate is how much of the phase was done in a second since its first call, 0 when that is not known yet.
func (c *Console) phaseRate(now time.Time) float64 {
	if c.phaseDone <= c.phaseFirst || now.Sub(c.phaseTime) < time.Second/2 {
		return 0
	}
	return float64(c.phaseDone-c.phaseFirst) / now.Sub(c.phaseTime).Seconds()
}

// join puts the parts of at most this rank in a row, each after two spaces.
func join(parts []part, rank int) string {
	var b strings.Builder
	for _, p := range parts {
		if p.rank <= rank {
			b.WriteString("  ")
			b.WriteString(p.text)
		}
	}
	return b.String()
}
