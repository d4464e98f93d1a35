package metrics_test

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"duet/engine/metrics"
)

func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.txt")
	for _, console := range []*bytes.Buffer{{}, {}} {
		log, err := metrics.OpenLog(path, console)
		check(t, err)
		log.Debug("only in the file", "n", 1)
		log.Info("saved checkpoint", "step", 1200, "path", "a b")
		log.With("device", "cuda:1").WithGroup("memory").Warn("nearly full", "level", "high", "free", 3)
		log.Error("loss is not finite", slog.Float64("rate", 0.01))
		log.Info("done")
		check(t, log.Close())
		const want = "saved checkpoint step=1200 path=\"a b\"\n" +
			"warning: nearly full device=cuda:1 memory.level=high memory.free=3\n" +
			"error: loss is not finite rate=0.01\n" +
			"done\n"
		if console.String() != want {
			t.Errorf("console\n%swant\n%s", console, want)
		}
	}
	lines := strings.SplitAfter(content(t, path), "\n")
	if len(lines) != 11 {
		t.Fatalf("%d lines after two runs, want 10", len(lines)-1)
	}
	form := regexp.MustCompile(`^time=\d{4}-\d\d-\d\dT\S+ level=WARN msg="nearly full" device=cuda:1 memory.level=high ` +
		`memory.free=3\n$`)
	if !form.MatchString(lines[7]) {
		t.Errorf("line %q", lines[7])
	}
}

func TestLogAboveBar(t *testing.T) {
	var out bytes.Buffer
	bar := metrics.NewConsole(&out, metrics.ConsoleOptions{Terminal: true})
	log, err := metrics.OpenLog(filepath.Join(t.TempDir(), "log.txt"), bar)
	check(t, err)
	bar.Step(step(1))
	log.Info("saved checkpoint", "step", 1)
	checkScreen(t, out.String(), "saved checkpoint step=1", "step 1  epoch 0.25  loss 2.3026  46.5 images/s")
	check(t, log.Close())
}

func TestLogErrors(t *testing.T) {
	if _, err := metrics.OpenLog(filepath.Join(t.TempDir(), "none", "log.txt"), nil); err == nil ||
		!strings.HasPrefix(err.Error(), "log: ") {
		t.Errorf("no folder: %v", err)
	}
	log, err := metrics.OpenLog(filepath.Join(t.TempDir(), "log.txt"), nil)
	check(t, err)
	log.Info("without a console")
	check(t, log.Close())
}
