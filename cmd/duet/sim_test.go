//go:build gpu && sim

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"duet/engine/plan"
)

// These tests run the program on the simulated driver, two GPUs unless a test says otherwise, and read the driver's
// report. `make test-sim` runs them.

// simulated is a folder in which commands run on the simulated driver.
type simulated struct {
	*place
	env []string
}

// withCUDA is the program with CUDA in it.
var withCUDA = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(program), "duet-cuda")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-tags", "gpu", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func newSimulated(t *testing.T, env ...string) *simulated {
	return &simulated{newPlace(t), env}
}

// driverReport is what the driver tells of a process.
type driverReport struct {
	Devices []struct {
		Peak       int64            `json:"memory_peak"`
		Launches   map[string]int64 `json:"launches"`
		Read       map[string]int64 `json:"read"`    // bytes by kernel, in the checked build
		Written    map[string]int64 `json:"written"` // the same
		Set        int64            `json:"set"`
		HostDevice int64            `json:"host_to_device"`
		DeviceHost int64            `json:"device_to_host"`
	} `json:"devices"`
	Peers []struct {
		From, To int
		Bytes    int64
	} `json:"peers"`
	Graphs struct {
		Captured int `json:"captured"`
		Launched int `json:"launched"`
	} `json:"graphs"`
	Diagnostics []struct {
		Check string   `json:"check"`
		Texts []string `json:"texts"`
	} `json:"diagnostics"`
	Leaks  []string `json:"leaks"`
	Faults []string `json:"faults"`
}

// cuda runs a command and gives what the driver says of it. What trains does not measure there unless the command says
// so: the driver's times are those of the CPU.
func (s *simulated) cuda(env []string, args ...string) (result, driverReport) {
	s.Helper()
	path, err := withCUDA()
	s.check(err)
	if slices.Contains([]string{"train", "bench", "lrfind"}, args[0]) && !strings.Contains(strings.Join(args, " "),
		"devices.tune=") {
		args = slices.Concat(args[:1:1], sets("devices.tune=false"), args[1:])
	}
	cmd := s.command(args...)
	cmd.Path = path
	file := s.path("report.json")
	os.Remove(file)
	cmd.Env = append(append(append(os.Environ(), "DUET_SIM_REPORT="+file), s.env...), env...)
	r := s.run(cmd)
	var rep driverReport
	if data, err := os.ReadFile(file); err == nil {
		s.check(json.Unmarshal(data, &rep))
	}
	return r, rep
}

// clean runs a command that must succeed and do nothing that the driver minds.
func (s *simulated) clean(env []string, args ...string) (result, driverReport) {
	s.Helper()
	r, rep := s.cuda(env, args...)
	if r.code != 0 {
		s.Fatalf("duet %v: exit %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	if len(rep.Devices) == 0 {
		s.Fatalf("duet %v: no report of the simulated driver:\n%s", args, r.stderr)
	}
	if len(rep.Diagnostics) > 0 || len(rep.Leaks) > 0 {
		s.Fatalf("duet %v: the driver says %v, leaks %v", args, rep.Diagnostics, rep.Leaks)
	}
	return r, rep
}

// pair are the overrides for both GPUs.
var pair = sets(`devices.towers=["cuda:0", "cuda:1"]`)

// full trains the whole network of alexnet.toml on a set in the folder data.
func full(batch, steps int) []string {
	return append(sets("data.path=data", fmt.Sprintf("train.batch=%d", batch), fmt.Sprintf("train.max_steps=%d", steps),
		"train.schedule={type=\"fixed\", rate=0.0001}", "train.validate_epochs=0", "train.checkpoint_epochs=0"), pair...)
}

// classes packs a set of so many classes, of one image each.
func (s *simulated) classes(n int) {
	s.Helper()
	for i := range n {
		s.write(jpegOf(drawing("across", i)), "images", "train", fmt.Sprintf("class%04d", i), "0.jpg")
	}
	s.write(jpegOf(drawing("down", 0)), "images", "val", "class0000", "0.jpg")
	s.works("prepare", s.path("images"), s.path("data"), "--size", "256")
}

// plan compiles a network's training plan for both GPUs.
func (s *simulated) plan(args ...string) (plan.Report, driverReport) {
	s.Helper()
	r, rep := s.clean(nil, append([]string{"plan", s.config("alexnet"), "--json"}, args...)...)
	var p plan.Report
	s.object(r, &p)
	return p, rep
}

// config is a preset's file.
func (s *simulated) config(name string) string {
	s.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "configs", name+".toml"))
	s.check(err)
	return path
}

// TestSimExchange: in one step of the full network, what crosses between the GPUs is what the plan says, to the byte.
func TestSimExchange(t *testing.T) {
	s := newSimulated(t)
	const batch = 2
	p, _ := s.plan("--devices", "cuda:0,cuda:1", "--batch", strconv.Itoa(batch))
	want := int64(0)
	for _, e := range p.Exchanges {
		want += e.Forward + e.Backward
	}
	s.classes(1000)
	_, rep := s.clean(nil, append([]string{"train", s.config("alexnet"), "--run", "run"}, full(batch, 1)...)...)
	got := int64(0)
	for _, peer := range rep.Peers {
		got += peer.Bytes
	}
	if got != want || want == 0 {
		t.Errorf("%d bytes crossed between the GPUs, the plan says %d", got, want)
	}
	if rep.Graphs.Launched == 0 {
		t.Error("no part of the step ran as a graph")
	}
	t.Logf("%d bytes a step, graphs launched %d", got, rep.Graphs.Launched)
}

// TestSimMemory: training takes the bytes that the plan says, and at the paper's batch fits the paper's cards.
func TestSimMemory(t *testing.T) {
	s := newSimulated(t)
	both := []string{"--devices", "cuda:0,cuda:1", "--batch"}
	p, _ := s.plan(append(both, "2")...)
	_, rep := s.clean(nil, append([]string{"bench", s.config("alexnet"), "--steps", "1"}, append(both, "2")...)...)
	for i, d := range p.Devices {
		if got := rep.Devices[i].Peak; got != d.Bytes {
			t.Errorf("batch 2: %s: %d bytes at most, the plan says %d", d.Name, got, d.Bytes)
		}
	}
	p, rep = s.plan(append(both, "128")...)
	for i, d := range p.Devices {
		// Staging for images is reserved when the first batch comes, which here it does not.
		if want := d.Bytes - d.Staging; rep.Devices[i].Peak != want {
			t.Errorf("%s: %d bytes at most, the plan says %d", d.Name, rep.Devices[i].Peak, want)
		}
		if limit := int64(1536 << 20); d.Bytes > limit {
			t.Errorf("%s: %d bytes, want at most %d", d.Name, d.Bytes, limit)
		}
		t.Logf("%s: %d bytes, staging %d among them", d.Name, d.Bytes, d.Staging)
	}
}

// TestSimOrders: whatever the order of blocks and the delays of streams, two GPUs train to the same bytes, with one
// launch a step for all updates.
// DUET_TEST_ORDERS is how many orders; `make test-sim-long` has twenty.
func TestSimOrders(t *testing.T) {
	n := times(t, "DUET_TEST_ORDERS", 5)
	s := newSimulated(t)
	args := func(run string) []string {
		return append([]string{"train", "smoke", "--run", run}, append(sets("train.max_steps=50", "train.validate_epochs=0",
			"train.checkpoint_epochs=0"), pair...)...)
	}
	_, rep := s.clean(nil, args("plain")...)
	for _, d := range rep.Devices {
		if n := d.Launches["sgd_update"]; n != 50 {
			t.Errorf("50 steps update the parameters of a GPU in %d launches, want one a step", n)
		}
	}
	last := filepath.Join("checkpoints", "step-00000050.safetensors")
	for seed := 1; seed <= n; seed++ {
		run := fmt.Sprintf("seed-%d", seed)
		s.clean([]string{fmt.Sprintf("DUET_SIM_SEED=%d", seed), "DUET_SIM_DELAY=60"}, args(run)...)
		s.same(s.path("runs", "plain", last), s.path("runs", run, last))
	}
}

// TestSimStaged: GPUs that cannot reach each other exchange by way of the host, to the same bytes.
func TestSimStaged(t *testing.T) {
	s := newSimulated(t)
	args := append(sets("train.max_steps=30", "train.validate_epochs=0", "train.checkpoint_epochs=0"), pair...)
	_, direct := s.clean(nil, append([]string{"train", "smoke", "--run", "direct"}, args...)...)
	said, staged := s.clean([]string{"DUET_SIM_PEER=0", "DUET_SIM_DELAY=60", "DUET_SIM_SEED=3"},
		append([]string{"train", "smoke", "--run", "staged"}, args...)...)
	last := filepath.Join("checkpoints", "step-00000030.safetensors")
	s.same(s.path("runs", "direct", last), s.path("runs", "staged", last))
	if len(direct.Peers) == 0 || len(staged.Peers) > 0 {
		t.Errorf("peer copies %v with access, %v without", direct.Peers, staged.Peers)
	}
	for _, from := range []string{"cuda:0: without direct copies from cuda:1",
		"cuda:1: without direct copies from cuda:0"} {
		if n := strings.Count(said.stderr, from); n != 1 || !strings.Contains(string(s.read("runs", "staged", "log.txt")),
			from) {
			t.Errorf("%q is printed %d times, want once, and in the log:\n%s", from, n, said.stderr)
		}
	}
}

// TestSimWholePath trains, resumes and evaluates on two GPUs, and comes to the same error as on the CPU.
func TestSimWholePath(t *testing.T) {
	s := newSimulated(t)
	common := sets("train.epochs=3")
	r, _ := s.clean(nil, append([]string{"train", "smoke", "--run", "gpu"},
		append(sets(`devices.towers=["auto"]`), common...)...)...)
	if !strings.Contains(r.stderr, "cuda:0 cuda:1") {
		t.Errorf("auto did not say that it took both GPUs:\n%s", r.stderr)
	}
	s.works(append([]string{"train", "smoke", "--run", "cpu"}, common...)...)
	gpu, cpu := s.metrics("gpu"), s.metrics("cpu")
	if len(gpu) != len(cpu) {
		t.Fatalf("%d lines of metrics on GPUs, %d on the CPU", len(gpu), len(cpu))
	}
	// Sums in another order are rounded otherwise, which a hundred steps may make two of the 128 images of.
	const sameTol = 2.5 / 128
	g, _ := gpu[len(gpu)-1]["val_top1_error"].(float64)
	c, ok := cpu[len(cpu)-1]["val_top1_error"].(float64)
	if !ok || !(math.Abs(g-c) <= sameTol) || g > 0.5 {
		t.Errorf("top-1 error %v on GPUs, %v on the CPU, want the same and below 0.5", g, c)
	}
	s.clean(nil, "eval", s.path("runs", "gpu", "checkpoints", "best.safetensors"), "--devices", "cuda:1")
}

// TestSimNoGPU: without a GPU the program says so in one line, or takes the CPU where it may.
func TestSimNoGPU(t *testing.T) {
	s := newSimulated(t, "DUET_SIM_DEVICES=0")
	r, _ := s.cuda(nil, append([]string{"train", "smoke", "--run", "run"}, pair...)...)
	s.failed(r, 1, []string{"cuda:0", "no CUDA-capable device"})
	r, _ = s.cuda(nil, append([]string{"train", "smoke", "--run", "auto"},
		sets(`devices.towers=["auto"]`, "train.max_steps=3")...)...)
	if r.code != 0 || !strings.Contains(r.stderr, "auto takes reference:0: cuda: ") ||
		!strings.Contains(r.stderr, "no CUDA-capable device") {
		t.Errorf("auto: exit %d\n%s", r.code, r.stderr)
	}
	nowhere := newSimulated(t, "DUET_CUDA_DRIVER=/nowhere/libcuda.so.1", "LD_PRELOAD=")
	r, _ = nowhere.cuda(nil, append([]string{"train", "smoke", "--run", "run"}, pair...)...)
	nowhere.failed(r, 1, []string{"cuda:0", "there is no CUDA driver"})
	r, _ = nowhere.cuda(nil, append([]string{"train", "smoke", "--run", "auto"},
		sets(`devices.towers=["auto"]`, "train.max_steps=3")...)...)
	if r.code != 0 || !strings.Contains(r.stderr, "auto takes reference:0: cuda: there is no CUDA driver") {
		t.Errorf("auto without a driver: exit %d\n%s", r.code, r.stderr)
	}
	one := newSimulated(t, "DUET_SIM_DEVICES=1")
	r, _ = one.clean(nil, append([]string{"train", "smoke", "--run", "auto"},
		sets(`devices.towers=["auto"]`, "train.max_steps=3")...)...)
	if !strings.Contains(r.stderr, "cuda:0") || strings.Contains(r.stderr, "cuda:1") {
		t.Errorf("auto with one GPU:\n%s", r.stderr)
	}
}

// TestSimFaults injects failures at random moments: each ends the run with a line that says what failed, and a resumed
// run comes to the bytes of one that nothing happened to. DUET_TEST_FAULTS is how many; `make test-sim-long` has a
// hundred.
func TestSimFaults(t *testing.T) {
	n := times(t, "DUET_TEST_FAULTS", 12)
	s := newSimulated(t)
	args := func(run string) []string {
		return append([]string{"train", "smoke", "--run", run}, append(sets("train.max_steps=30", "train.checkpoint_steps=4",
			"train.checkpoint_epochs=0", "train.validate_epochs=0", "train.validate_steps=15", "train.keep=2"), pair...)...)
	}
	_, rep := s.clean(nil, args("whole")...)
	launches := int64(0)
	for _, d := range rep.Devices {
		for _, count := range d.Launches {
			launches += count
		}
	}
	random := rand.New(rand.NewPCG(1, uint64(n)))
	kinds := []struct {
		format string
		most   int64
		words  string
	}{{"launch:%d", launches, "LaunchFailed"}, {"copy:%d", 600, ""}, {"lost:%d", launches, ""}, {"alloc:%d", 40, "memory"}}
	failed := 0
	for i := range n {
		kind := kinds[i%len(kinds)]
		fault := fmt.Sprintf(kind.format, 1+random.Int64N(kind.most))
		run := fmt.Sprintf("run-%d", i)
		r, _ := s.cuda([]string{"DUET_SIM_FAULT=" + fault}, args(run)...)
		if r.code == 0 { // it came after the end
			continue
		}
		failed++
		t.Logf("%s %s: %s", run, fault, r.stderr[strings.LastIndex(r.stderr, "duet: ")+1:])
		s.failed(r, 1, []string{"cuda:"})
		if kind.words != "" && !strings.Contains(strings.ToLower(r.stderr), strings.ToLower(kind.words)) {
			t.Errorf("%s: %s", fault, r.stderr)
		}
		again := args(run)
		if _, err := os.Stat(s.path("runs", run, "config.toml")); err == nil {
			again = []string{"train", "--run", run, "--resume"}
		}
		s.clean(nil, again...)
		last := filepath.Join("checkpoints", "step-00000030.safetensors")
		s.same(s.path("runs", "whole", last), s.path("runs", run, last))
	}
	if failed < n/2 {
		t.Errorf("only %d of %d runs failed", failed, n)
	}
	t.Logf("%d of %d runs failed, and all came to the same end", failed, n)
}

// TestSimCheck: a kernel that fails while it runs is named, with its sizes, where the configuration asks for it.
func TestSimCheck(t *testing.T) {
	s := newSimulated(t, "DUET_SIM_FAULT=launch:500")
	args := append(sets("train.max_steps=20", "train.validate_epochs=0"), pair...)
	r, _ := s.cuda(nil, append([]string{"train", "smoke", "--run", "fast"}, args...)...)
	s.failed(r, 1, []string{"cuda:", "LaunchFailed", "devices.check = true"})
	r, _ = s.cuda(nil, append([]string{"train", "smoke", "--run", "check", "--set", "devices.check=true"}, args...)...)
	s.failed(r, 1, []string{"cuda:", "launch ", " grid=[", " block=[", "f32 of ", "LaunchFailed"})
}
