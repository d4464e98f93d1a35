package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPrepareInterrupted: a signal ends a preparation in good order, says how to go on, and the same command does.
func TestPrepareInterrupted(t *testing.T) {
	p := newPlace(t)
	prepare := func(out string) []string {
		return []string{"prepare", "photos", out, "--size", "256", "--shard-mib", "1", "--workers", "1"}
	}
	p.photos("photos")
	p.works(prepare("whole")...)
	r := p.start(prepare("set")...)
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Microsecond) { // until a shard is finished
		if states, _ := filepath.Glob(p.path("set.partial", "state", "train-*")); len(states) > 0 {
			break
		}
		if _, err := os.Stat(p.path("set")); err == nil || time.Now().After(deadline) {
			t.Fatal("no shard was finished before the end")
		}
	}
	r.signal(syscall.SIGINT)
	if got := r.end(); got.code == 0 {
		t.Log("it had come to its end before the signal came")
	} else {
		r.failed(result{got.code, got.stdout, withoutNotice(got.stderr)}, 130,
			[]string{"interrupted: finished shards are kept"})
		if _, err := os.Stat(p.path("set")); err == nil {
			t.Error("half a set is there")
		}
		if again := p.works(prepare("set")...); !strings.Contains(again.stdout, "that an interrupted run had done") {
			t.Errorf("the second run prints %q", again.stdout)
		}
	}
	for _, name := range []string{"set.json", "train/images-00000.npy", "train/images-00001.npy", "train/labels.npy",
		"mean.npy"} {
		p.same(p.path("whole", name), p.path("set", name))
	}
}
