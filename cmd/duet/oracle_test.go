package main

import (
	"fmt"
	"image"
	"image/color"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"duet/internal/oracle"
)

// These tests hold the program against an interpreter of configurations that shares nothing with it, package oracle.
//
// The oracle takes every step from the checkpoint before it, so that what one step rounds is all that may differ.

// placement is where and how the program runs a network.
type placement struct{ devices, precision string }

func (pl placement) String() string { return pl.devices + "/" + pl.precision }

// needsTowers says whether only a network of two towers has this placement.
func (pl placement) needsTowers() bool { return strings.Contains(pl.devices, ",") }

// placements are those of the machine's CPU; other files add those of their backends.
var placements = []placement{{"reference:0", "fp32"}, {"reference:0,reference:1", "fp32"}}

// duetWith gives the program that has a placement's backend.
var duetWith = map[string]func() (string, error){"reference": func() (string, error) { return program, nil }}

// outcome is what a computation came to: weights, losses, errors.
type outcome map[string][]float64

const (
	unit = 1.0 / (1 << 24) // rounding to single precision, at most
	// storedTol is for a handful of roundings on the way: of a constant, of a sum, of what is stored.
	storedTol = 4 * unit
	// disturbance is by how much every intermediate result is disturbed to find out how far rounding moves what comes of
	// it, in units of rounding: that of a sum of a thousand products, which grows with the root of their number (Higham,
	// Mary 2019).
	disturbance = 16
	// spreadTol is how much further than in a few disturbed computations a result may be: they are a few random ones.
	spreadTol = 4
	// fewTries is enough for smooth computations. Where an input of a rectifier, or the distance of two in a window, is
	// about as small as its rounding, a gradient goes one way or the other; manyTries disturbed computations go both.
	fewTries, manyTries = 3, 48
)

// movement is how far computations with another rounding are from the exact one at most, for every result's elements.
func movement(compute func(disturb func([]float64)) outcome, tries int) map[string]float64 {
	exact, apart := compute(nil), map[string]float64{}
	for try := range tries {
		random := rand.New(rand.NewPCG(1, uint64(try)))
		for name, values := range compute(func(x []float64) {
			for i := range x {
				x[i] *= 1 + disturbance*unit*(2*random.Float64()-1)
			}
		}) {
			apart[name] = max(apart[name], distance(values, exact[name]))
		}
	}
	return apart
}

// distance is the largest difference of two arrays' elements, infinite where one is no number.
func distance(a, b []float64) (most float64) {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	for i := range a {
		if d := math.Abs(a[i] - b[i]); !(d <= most) {
			if most = d; math.IsNaN(d) {
				return math.Inf(1)
			}
		}
	}
	return most
}

// differences are the results that differ by more than rounding, given how far it moves them.
func differences(got, want outcome, apart map[string]float64) (found []string) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		tol := spreadTol*apart[name] + storedTol*distance(want[name], make([]float64, len(want[name])))
		if d := distance(got[name], want[name]); !(d <= tol) {
			found = append(found, fmt.Sprintf("%s: differs by %.3g, want at most %.3g; got %s, want %s", name, d, tol,
				few(got[name]), few(want[name])))
		}
	}
	return found
}

func few(x []float64) string { return fmt.Sprintf("%.6g", x[:min(4, len(x))]) }

// experiment is a configuration and its data in a folder: "config.toml", and a set in "set".
type experiment struct {
	*place
	config oracle.Config
	set    *oracle.Set
	apart  map[string]map[string]float64 // of each computation in each precision, found with the first placement
}

// newExperiment writes a configuration, and packs images of random pixels: equal neighbours would be equal maxima, of
// which rounding chooses.
func newExperiment(t *testing.T, text string, classes, side, train, val int) *experiment {
	t.Helper()
	e := &experiment{place: newPlace(t), apart: map[string]map[string]float64{}}
	e.write([]byte(text), "config.toml")
	random := rand.New(rand.NewPCG(uint64(classes), uint64(side)))
	for class := range classes {
		for i := range train + val {
			split := "train"
			if i >= train {
				split = "val"
			}
			img := image.NewRGBA(image.Rect(0, 0, side, side))
			for at := range side * side {
				noise := func(i int) uint8 { return uint8(40*(class>>i&1) + random.IntN(216)) }
				img.SetRGBA(at%side, at/side, color.RGBA{noise(0), noise(1), noise(2), 255})
			}
			e.write(pngOf(img), "images", split, fmt.Sprintf("class%d", class), strconv.Itoa(i)+".png")
		}
	}
	e.works("prepare", e.path("images"), e.path("set"))
	var err error
	e.config, err = oracle.ReadConfig(e.path("config.toml"))
	e.check(err)
	e.set, err = oracle.ReadSet(e.path("set"))
	e.check(err)
	return e
}

// at is the experiment in a test of its own.
func (e *experiment) at(t *testing.T) *experiment {
	here := *e
	here.place = &place{t, e.dir}
	return &here
}

// runner runs the program.
type runner func(args ...string) result

func (e *experiment) runnerFor(pl placement) runner {
	kind, _, _ := strings.Cut(pl.devices, ":")
	return func(args ...string) result {
		e.Helper()
		path, err := duetWith[kind]()
		e.check(err)
		cmd := e.command(args...)
		cmd.Path = path
		cmd.Env = append(os.Environ(), "OMP_WAIT_POLICY=passive") // threads that spin while they wait take others' time
		r := e.run(cmd)
		if r.code != 0 {
			e.Fatalf("duet %v: exit %d\n%s%s\n%s", args, r.code, r.stdout, r.stderr, e.read("config.toml"))
		}
		return r
	}
}

// hold trains with a placement, and compares every step, every validation and two tests with the oracle's.
func (e *experiment) hold(pl placement, duet runner) {
	e.Helper()
	run := strings.NewReplacer(":", "", ",", "-", "/", "-").Replace(pl.String())
	towers := `["` + strings.ReplaceAll(pl.devices, ",", `", "`) + `"]`
	duet(append([]string{"train", "config.toml", "--run", run},
		sets("devices.towers="+towers, "devices.precision="+pl.precision, "train.checkpoint_steps=1",
			"train.checkpoint_start=true", "train.keep=1000")...)...)
	o, err := oracle.New(e.config, e.set)
	e.check(err)
	lines := e.metrics(run)
	next := func(key string) map[string]any {
		e.Helper()
		if len(lines) == 0 || lines[0][key] == nil {
			e.Fatalf("metrics.jsonl: want a line with %s before %v", key, lines)
		}
		line := lines[0]
		lines = lines[1:]
		return line
	}
	state := e.compare(pl, "initial weights", e.checkpoint(run, 0), func(func([]float64)) outcome { return weights(o) })
	step := 0
	for ; !o.Ended(step); step++ {
		rate, line, after := o.Rate(step), next("loss"), e.checkpoint(run, step+1)
		if !(math.Abs(line["learning_rate"].(float64)-rate) <= 1e-12*rate) {
			e.Fatalf("step %d: learning rate %v, want %v", step+1, line["learning_rate"], rate)
		}
		got := outcome{"loss": numbers(line, "loss"), "top-1": numbers(line, "train_top1_error")}
		maps.Copy(got, after)
		begin := state
		e.compare(pl, fmt.Sprintf("step %d", step+1), got, func(disturb func([]float64)) outcome {
			startFrom(o, begin)
			o.Perturb = disturb
			loss, top1 := o.Step(step, rate)
			out := weights(o)
			out["loss"], out["top-1"] = []float64{loss}, []float64{top1}
			return out
		})
		state = after
		if o.Validates(step + 1) {
			line := next("val_loss")
			got := outcome{"loss": numbers(line, "val_loss"), "top-1": numbers(line, "val_top1_error"),
				"top-5": numbers(line, "val_top5_error")}
			e.compare(pl, fmt.Sprintf("validation after step %d", step+1), got, e.test(o, state, e.config.Train.Views))
			o.Observe(got["top-1"][0])
		}
	}
	if len(lines) > 0 {
		e.Errorf("metrics.jsonl goes on after step %d: %v", step, lines)
	}
	for _, views := range []int{1, 10} {
		var r struct{ Top1_error, Top5_error, Loss float64 }
		e.object(duet("eval", e.saved(run, step), "--json", "--devices", pl.devices, "--views", strconv.Itoa(views)), &r)
		got := outcome{"loss": {r.Loss}, "top-1": {r.Top1_error}, "top-5": {r.Top5_error}}
		e.compare(pl, fmt.Sprintf("eval of %d views", views), got, e.test(o, state, views))
	}
}

// test is the oracle's test of some weights.
func (e *experiment) test(o *oracle.Oracle, state outcome, views int) func(func([]float64)) outcome {
	return func(disturb func([]float64)) outcome {
		startFrom(o, state)
		o.Perturb = disturb
		r := o.Test(e.set.Val, views)
		return outcome{"loss": {r.Loss}, "top-1": {r.Top1}, "top-5": {r.Top5}}
	}
}

// compare holds what the program came to against the oracle, and gives what that came to.
func (e *experiment) compare(pl placement, what string, got outcome,
	compute func(disturb func([]float64)) outcome) outcome {
	e.Helper()
	want := compute(nil)
	for name := range got {
		if want[name] == nil && name != "input.mean" {
			e.Fatalf("%s: %s: the oracle knows of no such result", what, name)
		}
	}
	known := pl.precision + what
	found := differences(got, want, nil)
	for tries := fewTries; len(found) > 0 && tries <= manyTries; tries += manyTries - fewTries {
		if e.apart[known] == nil || tries > fewTries {
			e.apart[known] = movement(compute, tries)
		}
		found = differences(got, want, e.apart[known])
	}
	if len(found) > 0 {
		e.Fatalf("%s: %s", what, strings.Join(found, "\n"))
	}
	return want
}

func numbers(line map[string]any, key string) []float64 {
	x, is := line[key].(float64)
	if !is {
		return nil
	}
	return []float64{x}
}

func (e *experiment) saved(run string, step int) string {
	return filepath.Join(e.dir, "runs", run, "checkpoints", fmt.Sprintf("step-%08d.safetensors", step))
}

// checkpoint is the weights and velocities after a step.
func (e *experiment) checkpoint(run string, step int) outcome {
	e.Helper()
	tensors, err := oracle.ReadCheckpoint(e.saved(run, step))
	e.check(err)
	return tensors
}

// startFrom gives the oracle weights and velocities.
func startFrom(o *oracle.Oracle, state outcome) {
	for _, p := range o.Params {
		copy(p.Values, state[p.Name])
		copy(p.Velocity, state["momentum."+p.Name])
	}
}

// weights are the oracle's weights and velocities, under the names of checkpoints.
func weights(o *oracle.Oracle) outcome {
	out := outcome{}
	for _, p := range o.Params {
		out[p.Name], out["momentum."+p.Name] = slices.Clone(p.Values), slices.Clone(p.Velocity)
	}
	return out
}

// TestOracle trains five steps, and tests in one and ten views, on every placement.
func TestOracle(t *testing.T) {
	for name, text := range configurations {
		t.Run(name, func(t *testing.T) {
			e := newExperiment(t, text, 7, 12, 3, 2)
			e.checkStatistics()
			for _, pl := range placements {
				if pl.needsTowers() && e.config.Network.Towers == 1 {
					continue
				}
				t.Run(pl.String(), func(t *testing.T) { here := e.at(t); here.hold(pl, here.runnerFor(pl)) })
			}
		})
	}
}

// checkStatistics holds the set's mean image and colour statistics against the images: the mean of each pixel, and axes
// on which the covariance of the colours is nothing but a variance each.
func (e *experiment) checkStatistics() {
	e.Helper()
	s := e.set
	n, area := float64(len(s.Train.Images)), s.Height*s.Width
	mean := make([]float64, 3*area)
	var color [3]float64
	for _, img := range s.Train.Images {
		for i, v := range img {
			mean[i%3*area+i/3] += float64(v) / n
			color[i%3] += float64(v) / n / float64(area)
		}
	}
	var covariance [3][3]float64
	for _, img := range s.Train.Images {
		for i := range img {
			for c := range 3 {
				covariance[i%3][c] += (float64(img[i]) - color[i%3]) * (float64(img[i/3*3+c]) - color[c]) / n / float64(area)
			}
		}
	}
	want, got := outcome{"mean image": mean, "mean colour": color[:]}, outcome{"mean image": s.MeanImage}
	for k, axis := range s.Colors {
		name, deviation := fmt.Sprintf("principal colour %d", k), float64(s.Deviations[k])
		got["mean colour"] = append(got["mean colour"], float64(s.MeanColor[k]))
		for c := range 3 {
			want[name] = append(want[name], deviation*deviation*float64(axis[c]))
			got[name] = append(got[name], covariance[c][0]*float64(axis[0])+covariance[c][1]*float64(axis[1])+
				covariance[c][2]*float64(axis[2]))
		}
	}
	// A stored axis is rounded, which the variance along the others magnifies.
	const axisTol = 1e-3
	for _, d := range differences(got, want, map[string]float64{"principal colour 0": axisTol,
		"principal colour 1": axisTol, "principal colour 2": axisTol}) {
		e.Errorf("set.json: %s", d)
	}
}
