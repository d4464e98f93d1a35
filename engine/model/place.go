package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Place decides where the device "auto" could stand for two GPUs or for the first of them (backend.Config.Fewer): it
// trains for about a second on each placement, on one batch of random pixels as Bench does, takes the faster, and says
// so with both figures, to note and in Notes. A placement that fails, as for want of memory, is not taken; where both
// fail, those are the errors. Named devices are left as they are.
func (s *Setup) Place(ctx context.Context, in Input, note func(line string), hooks Hooks) error {
	if s.Devices.Fewer == nil {
		return nil
	}
	placements := [][]string{s.Devices.Towers, s.Devices.Fewer}
	s.Devices.Fewer = nil
	hooks.Log = nil // the model that is to be made says the same
	best, least := -1, time.Duration(0)
	var texts, failures []string
	var failed []error
	for i, towers := range placements {
		s.Devices.Towers = towers
		took, err := s.stepTime(ctx, in, hooks)
		switch {
		case ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case err != nil:
			failed = append(failed, err)
			failures = append(failures, fmt.Sprintf("; on %s it fails (%v)", strings.Join(towers, " and "), err))
			continue
		case best < 0 || took < least:
			best, least = i, took
		}
		texts = append(texts, fmt.Sprintf("%.2f ms on %s", took.Seconds()*1000, strings.Join(towers, " and ")))
	}
	if best < 0 {
		return errors.Join(failed...)
	}
	s.Devices.Towers = placements[best]
	line := fmt.Sprintf("auto takes %s: a step takes %s", strings.Join(s.Devices.Towers, " and "),
		strings.Join(texts, ", ")) + strings.Join(failures, "")
	s.Notes = append(slices.Clip(s.Notes), line)
	if note != nil {
		note(line)
	}
	return nil
}

// stepTime is how long a training step takes, the median of a few parts of about a second in all.
func (s *Setup) stepTime(ctx context.Context, in Input, hooks Hooks) (took time.Duration, err error) {
	m, err := New(ctx, *s, in, ForBench, hooks)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if err := m.Initialise(1); err != nil {
		return 0, err
	}
	if err := m.feedRandom(m.training); err != nil {
		return 0, err
	}
	const parts, ms, most = 5, 200, 200 // how long a part is to take, and of how many steps it is at most
	var each float64
	for range 2 { // the first step warms up, the second one tells how many make a part
		if each, err = m.timed(ctx, 1, nil); err != nil {
			return 0, err
		}
	}
	var times []float64
	for range parts {
		one, err := m.timed(ctx, min(most, max(1, int(ms/each))), nil)
		if err != nil {
			return 0, err
		}
		times = append(times, one)
	}
	return time.Duration(median(times) * float64(time.Millisecond)), nil
}
