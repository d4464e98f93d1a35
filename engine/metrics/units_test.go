package metrics_test

import (
	"math"
	"testing"
	"time"

	"duet/engine/metrics"
)

func TestFormats(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{metrics.FormatRate(0), "0"},
		{metrics.FormatRate(0.0421), "0.0421"},
		{metrics.FormatRate(0.00000001), "0.000000"},
		{metrics.FormatRate(4.206), "4.21"},
		{metrics.FormatRate(42.06), "42.1"},
		{metrics.FormatRate(420.6), "421"},
		{metrics.FormatRate(16487.2), "16487"},
		{metrics.FormatRate(math.NaN()), "NaN"},
		{metrics.FormatRate(math.Inf(1)), "+Inf"},
		{metrics.FormatPercent(0.4071), "40.71 %"},
		{metrics.FormatPercent(1), "100.00 %"},
		{metrics.FormatBytes(0), "0 B"},
		{metrics.FormatBytes(1023), "1023 B"},
		{metrics.FormatBytes(1024), "1.0 KiB"},
		{metrics.FormatBytes(1536 << 10), "1.5 MiB"},
		{metrics.FormatBytes(487_721_792), "465 MiB"},
		{metrics.FormatBytes(1<<30 - 1), "1.0 GiB"},
		{metrics.FormatBytes(math.MaxUint64), "16.0 EiB"},
		{metrics.FormatDuration(-time.Second), "0s"},
		{metrics.FormatDuration(59_499 * time.Millisecond), "59s"},
		{metrics.FormatDuration(59_500 * time.Millisecond), "1m00s"},
		{metrics.FormatDuration(723 * time.Second), "12m03s"},
		{metrics.FormatDuration(205 * time.Minute), "3h25m"},
		{metrics.FormatDuration(52 * time.Hour), "2d04h"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
