package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTensorBoard: a run keeps one file of events that has something in it, also when it is gone on with; the export
// has the same in a new folder.
func TestTensorBoard(t *testing.T) {
	p := newPlace(t)
	events := func(dir string) (size int64) {
		files, err := filepath.Glob(p.path(dir, "events.out.tfevents.*.duet"))
		p.check(err)
		for _, file := range files {
			info, err := os.Stat(file)
			p.check(err)
			if info.Size() > 0 && size > 0 {
				t.Errorf("%s has more than one file of events", dir)
			}
			size = max(size, info.Size())
		}
		return size
	}
	p.works(trainArgs("run", sets("train.max_steps=6")...)...)
	if events("runs/run") != 0 {
		t.Error("a run without --tensorboard has events")
	}
	p.works("train", "--run", "run", "--resume", "--tensorboard", "--set", "train.max_steps=12")
	if r := p.works("export", "tensorboard", "runs/run", "boards/run"); r.stdout != "boards/run\n" {
		t.Errorf("prints %q", r.stdout)
	}
	if kept, exported := events("runs/run"), events("boards/run"); kept == 0 || kept != exported {
		t.Errorf("%d bytes of events in the run, %d exported", kept, exported)
	}
	p.refused(exitUsage, []string{"boards/run", "want the name of a new folder"}, "export", "tensorboard", "runs/run",
		"boards/run")
	p.refused(exitUsage, []string{"no run", "boards"}, "export", "tensorboard", "boards", "other")
	p.refused(exitUsage, []string{"1 argument, want RUN OUT"}, "export", "tensorboard", "runs/run")
}
