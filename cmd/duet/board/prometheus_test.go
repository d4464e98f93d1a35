package board

import (
	"regexp"
	"strings"
	"testing"
)

// TestPrometheus holds what is exposed against the text format, version 0.0.4: a help, a type and then its samples, of
// each name once, whose labels are quoted.
func TestPrometheus(t *testing.T) {
	b := newTester(t)
	if text := b.get("/metrics"); strings.Contains(text, "duet_run") ||
		!strings.Contains(text, "duet_device_memory_bytes") {
		t.Errorf("of no runs: %s", text)
	}
	evil := "a\\b\"c\n{d}"
	b.begin(evil)
	b.begin("b")
	b.begin("\xff")
	b.write(evil, "metrics.jsonl", steps(1, 3)+`{"step":4,"loss":null}`+"\n")
	b.write("b", "metrics.jsonl", steps(1, 2)+`{"step":2,"val_loss":0.5,"val_top1_error":0.25}`+"\n")
	text := b.get("/metrics", `duet_run_step{run="a\\b\"c\n{d}"} 4`+"\n", `duet_run_step{run="b"} 2`+"\n",
		`duet_run_loss_nats{run="b"} 0.5`+"\n", `duet_run_validation_top1_error_ratio{run="b"} 0.25`+"\n",
		`duet_run_data_wait_seconds{run="b"} 0.002`+"\n", `duet_run_training{run="\\xff"} 0`+"\n")
	if got := b.ask("GET", "/metrics", nil).Header().Get("Content-Type"); got !=
		"text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("type %s", got)
	}
	sample := regexp.MustCompile(`^([a-z0-9_]+)\{(?:run|device)="((?:[^"\\\n]|\\[\\"n])*)"\} (-?[0-9.]+(?:e[-+][0-9]+)?)$`)
	var name string
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		words := strings.SplitN(line, " ", 4)
		switch {
		case strings.HasPrefix(line, "# HELP "):
			if name = words[2]; seen[name] || !strings.HasSuffix(line, ".") {
				t.Errorf("%s: a second time, or without a text", line)
			}
			seen[name] = true
		case strings.HasPrefix(line, "# TYPE "):
			if words[2] != name || words[3] != "gauge" {
				t.Errorf("%s after the help of %s", line, name)
			}
		default:
			if m := sample.FindStringSubmatch(line); m == nil || m[1] != name || seen[line] {
				t.Errorf("%q is no sample of %s, or comes twice", line, name)
			}
			seen[line] = true
		}
	}
	if strings.Contains(text, `duet_run_loss_nats{run="a`) {
		t.Errorf("a loss that is no number is exposed:\n%s", text)
	}
}
