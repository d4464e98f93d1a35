package main

import (
	"bytes"
	"encoding/json"
)

// metrics are the lines of a run's metrics.jsonl.
func (p *place) metrics(run string) (lines []map[string]any) {
	p.Helper()
	for line := range bytes.Lines(p.read("runs", run, "metrics.jsonl")) {
		var l map[string]any
		if err := json.Unmarshal(line, &l); err != nil {
			p.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, l)
	}
	return lines
}

// checkMetrics wants every step once, in order, and the validations after some steps, with their fields.
func (p *place) checkMetrics(run string, steps int, validations []float64) {
	p.Helper()
	done, validated := 0, 0
	for _, l := range p.metrics(run) {
		if _, is := l["val_loss"]; is {
			p.fields(l, "step", "epoch", "val_loss", "val_top1_error", "val_top5_error")
			if validated >= len(validations) || l["step"] != validations[validated] || l["step"] != float64(done) {
				p.Errorf("a validation of step %v after step %d", l["step"], done)
			}
			validated++
			continue
		}
		done++
		p.fields(l, "step", "epoch", "loss", "learning_rate", "images_per_second")
		if l["step"] != float64(done) {
			p.Errorf("line of step %v, want %d", l["step"], done)
		}
	}
	if done != steps || validated != len(validations) {
		p.Errorf("%d steps and %d validations, want %d and %d", done, validated, steps, len(validations))
	}
}
