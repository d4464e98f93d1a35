package limits_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"duet/configs"
	"duet/engine/backend"
	"duet/engine/limits"
	"duet/engine/model"
	"duet/engine/plan"
)

// outline is the steps of alexnet.toml's training on devices that are not there.
func outline(t *testing.T, sets ...string) []plan.Step {
	t.Helper()
	c, err := configs.Load("alexnet", append([]string{"train.batch=128", `devices.towers=["cuda:0"]`}, sets...))
	if err != nil {
		t.Fatal(err)
	}
	steps, err := c.Setup().Outline(model.RandomInput(c.Data, 1000), true)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

func find(t *testing.T, steps []plan.Step, layer, op string) plan.Step {
	t.Helper()
	i := slices.IndexFunc(steps, func(s plan.Step) bool { return s.Layer == layer && s.Op == op })
	if i < 0 {
		t.Fatalf("no %s of %s", op, layer)
	}
	return steps[i]
}

func card(t *testing.T, name string) limits.Card {
	t.Helper()
	c, ok := limits.Find(name)
	if !ok {
		t.Fatalf("no card %s", name)
	}
	return c
}

// TestBytes: what steps of the full network move, counted by hand from its shapes.
func TestBytes(t *testing.T) {
	steps := outline(t)
	const (
		image, conv1, pool1 = 128 * 3 * 227 * 227, 128 * 96 * 55 * 55, 128 * 96 * 27 * 27
		w1, w6              = 96 * 3 * 11 * 11, 4096 * 9216
		x6, y6              = 128 * 9216, 128 * 4096
	)
	for _, c := range []struct {
		layer, op  string
		fp32, bf16 int64
	}{
		{"conv1", "conv2d", 4 * (image + w1 + 96 + conv1), 2*(image+w1+conv1) + 4*96},
		// with the gradient of the bias
		{"conv1", "conv2d_grad_weight", 4 * (image + conv1 + w1 + 96), 2*(image+conv1) + 4*(w1+96)},
		// a byte for each place of a maximum
		{"norm1+pool1", "lrn_max_pool", 4*(conv1+pool1) + pool1, 2*(conv1+pool1) + pool1},
		{"norm1+pool1", "lrn_max_pool_grad", 4*(2*conv1+pool1) + pool1, 2*(2*conv1+pool1) + pool1},
		{"fc6", "flatten", 0, 0},
		{"fc6", "linear_grad_input", 4 * (w6 + y6 + x6), 2 * (w6 + y6 + x6)},
		// weight, velocity, gradient, rate; weight and velocity, peak; in bf16 what layers read of the weight
		{"fc6", "sgd", 4 * (5*w6 + 2), 4*(5*w6+2) + 2*w6},
	} {
		moved := find(t, steps, c.layer, c.op).Moved
		for precision, want := range map[string]int64{"": c.fp32, "fp32": c.fp32, "tf32": c.fp32, "bf16": c.bf16} {
			if got := moved.Bytes(precision); got != want {
				t.Errorf("%s of %s in %q: %d bytes, want %d", c.op, c.layer, precision, got, want)
			}
		}
	}
}

// TestLimit: the longer of the two times, and of which.
func TestLimit(t *testing.T) {
	steps := outline(t)
	h100 := card(t, "h100")
	conv1, conv2 := find(t, steps, "conv1", "conv2d"), find(t, steps, "conv2", "conv2d")
	for _, c := range []struct {
		step      plan.Step
		precision string
		card      limits.Card
		ms        float64
		by        string
	}{
		{conv2, "bf16", h100, 2 * 128 * 256 * 27 * 27 * 48 * 25 / 989.4e12 * 1000, limits.Arithmetic},
		{conv2, "tf32", h100, 2 * 128 * 256 * 27 * 27 * 48 * 25 / 494.7e12 * 1000, limits.Arithmetic},
		{conv2, "fp32", h100, 2 * 128 * 256 * 27 * 27 * 48 * 25 / 66.9e12 * 1000, limits.Arithmetic},
		{conv1, "bf16", h100, float64(conv1.Moved.Bytes("bf16")) / 3.35e12 * 1000, limits.Memory},
		{conv1, "bf16", card(t, "h200"), 2 * 128 * 96 * 55 * 55 * 363 / 989.4e12 * 1000, limits.Arithmetic},
		{conv1, "bf16", card(t, "a100"), 2 * 128 * 96 * 55 * 55 * 363 / 312e12 * 1000, limits.Arithmetic},
		{conv1, "bf16", limits.Card{DRAM: 1e12}, 0, ""}, // whose arithmetic is not known
	} {
		ms, by := c.card.Limit(c.step, c.precision)
		if !(math.Abs(ms-c.ms) <= 1e-12) || by != c.by {
			t.Errorf("%s in %s on %s: %v ms by %q, want %v by %q", c.step.Layer, c.precision, c.card.Name, ms, by, c.ms, c.by)
		}
	}
}

// TestReportAddsUp: steps, operations and devices tell of the same time, on one card and on two.
func TestReportAddsUp(t *testing.T) {
	for _, towers := range []string{`["cuda:0"]`, `["cuda:0", "cuda:1"]`} {
		steps := outline(t, "devices.towers="+towers)
		r := card(t, "a100").Of(steps, "bf16", 128)
		device, whole, shares := map[string]float64{}, 0., 0.
		for i, s := range r.Steps {
			device[s.Device] += s.MS
			whole += s.MS
			shares += s.Share
			if crosses := s.Op == "send"; crosses != (s.By == limits.Link) {
				t.Errorf("step %d, %s, is limited by %s", i, s.Op, s.By)
			}
		}
		operations, longest := 0., 0.
		for _, o := range r.Operations {
			operations += o.MS
		}
		for _, d := range r.Devices {
			if !near(d.MS, device[d.Name]) {
				t.Errorf("%s takes %v ms, its steps %v", d.Name, d.MS, device[d.Name])
			}
			longest = max(longest, d.MS)
		}
		if !near(operations, whole) || !near(shares, float64(len(device))) || len(r.Devices) != len(device) ||
			!near(r.MS, longest) || !near(r.ImagesPerSecond*r.MS, 128e3) {
			t.Errorf("%s: %v ms in steps, %v in operations, shares %v, %v ms in all, %v images/s", towers, whole, operations,
				shares, r.MS, r.ImagesPerSecond)
		}
	}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }

// TestOf: a device's own figures.
func TestOf(t *testing.T) {
	for _, c := range []struct {
		description string
		bandwidth   float64
		bf16        float64
		ok          bool
	}{
		{"NVIDIA H200, CUDA driver 13.0", 4.9e12, 989.4e12, true},
		{"NVIDIA A100-SXM4-40GB, CUDA driver 12.4", 1.555e12, 312e12, true},
		{"NVIDIA H100 PCIe, CUDA driver 12.4", 2.04e12, 0, true}, // a slower form
		{"NVIDIA A100-SXM4-80GB MIG 3g.40gb, CUDA driver 12.4", 1e12, 0, true},
		{"duet simulated GPU 0, CUDA driver 12.0", 1e12, 0, true},
		{"AMD EPYC", 0, 0, false},
	} {
		card, ok := limits.Of(backend.Info{Name: "x:0", Description: c.description, Bandwidth: c.bandwidth})
		if ok != c.ok || card.DRAM != c.bandwidth || card.BF16 != c.bf16 {
			t.Errorf("%s: %+v, %v", c.description, card, ok)
		}
	}
}

// TestText: every step has its line, and the sum is the operations'.
func TestText(t *testing.T) {
	steps := outline(t)
	r := card(t, "h100").Of(steps, "bf16", 128)
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"989.4 TFLOP/s, memory 3.35 TB/s", "no GPU was asked", "conv2d_grad_weight",
		"arithmetic", " all ", "cuda:0: ", "images/s"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in %s", want, b.String())
		}
	}
	if lines := strings.Count(b.String(), "\n"); lines < len(steps)+len(r.Operations) {
		t.Errorf("%d lines for %d steps", lines, len(steps))
	}
}
