package metrics

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// FormatRate gives a positive number in three digits or more: 0.042, 4.21, 42.1, 421, 16487.
func FormatRate(x float64) string {
	decimals := 0
	if x > 0 && x < 100 {
		decimals = min(2-int(math.Floor(math.Log10(x))), 6)
	}
	return strconv.FormatFloat(x, 'f', decimals, 64)
}

// FormatPercent gives a fraction in percent: 0.4071 is "40.71 %".
func FormatPercent(fraction float64) string {
	return strconv.FormatFloat(100*fraction, 'f', 2, 64) + " %"
}

// HasTop5 says whether there is a top-5 error to speak of with so many classes, 0 where that is unknown: of five or
// fewer it is always 0.
func HasTop5(classes int) bool { return classes == 0 || classes > 5 }

// FormatBytes gives a number of bytes in powers of 1024: 999 B, 1.5 KiB, 488 MiB.
func FormatBytes(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	x, unit := float64(n), -1
	const units = "KMGTPE"
	for x >= 1023.5 { // what would round to 1024
		x /= 1024
		unit++
	}
	if x >= 99.95 {
		return fmt.Sprintf("%.0f %ciB", x, units[unit])
	}
	return fmt.Sprintf("%.1f %ciB", x, units[unit])
}

// FormatDuration gives a duration in its two largest units: 45s, 12m03s, 3h25m, 2d04h.
func FormatDuration(d time.Duration) string {
	s := int64(max(d, 0).Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 60*60:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 24*60*60:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}
