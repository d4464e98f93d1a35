package dataloader_test

import (
	"testing"
	"time"

	"duet/dataloader"
)

func TestCountersAddUp(t *testing.T) {
	a := dataloader.Counters{Batches: 10, Ready: 7, Waited: 30 * time.Millisecond}
	b := dataloader.Counters{Batches: 30, Ready: 12, Waited: 90 * time.Millisecond}
	if got, want := b.Since(a), (dataloader.Counters{Batches: 20, Ready: 5, Waited: 60 * time.Millisecond}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := a.Plus(b), (dataloader.Counters{Batches: 40, Ready: 19, Waited: 120 * time.Millisecond}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if ready, ms := b.Since(a).Means(); ready != 0.25 || ms != 3 {
		t.Errorf("%v ready after %v ms, want 0.25 and 3", ready, ms)
	}
}
