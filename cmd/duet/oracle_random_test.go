package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestOracleRandom holds every placement of this machine's CPU against the oracle on random networks, schedules,
// augmentations and sets. DUET_TEST_NETWORKS says how many.
func TestOracleRandom(t *testing.T) {
	for seed := range times(t, "DUET_TEST_NETWORKS", 3) {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			e := randomExperiment(t, uint64(seed))
			for _, pl := range placements {
				t.Run(pl.String(), func(t *testing.T) { e.at(t).holdRandom(pl) })
			}
		})
	}
}

// FuzzOracle does so on one placement at a time: the fuzzer gives up on an input after ten seconds.
func FuzzOracle(f *testing.F) {
	for i := range placements {
		f.Add(uint64(i), uint8(i))
	}
	f.Fuzz(func(t *testing.T, seed uint64, which uint8) {
		randomExperiment(t, seed).holdRandom(placements[int(which)%len(placements)])
	})
}

// holdRandom says, where something fails, of which configuration.
func (e *experiment) holdRandom(pl placement) {
	e.Helper()
	if pl.needsTowers() && e.config.Network.Towers == 1 {
		return
	}
	e.Cleanup(func() {
		if e.Failed() {
			e.Logf("%v, %s", pl, e.read("config.toml"))
		}
	})
	e.hold(pl, e.runnerFor(pl))
}

// times is how often a test repeats: what the variable of the environment says, where it is there.
func times(t testing.TB, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// randomExperiment is a configuration that the program must take, and data for it.
func randomExperiment(t *testing.T, seed uint64) *experiment {
	r := drawer{rand.New(rand.NewPCG(seed, 12))}
	classes, side, train, val := 2+r.IntN(7), 6+r.IntN(8), 1+r.IntN(3), 1+r.IntN(2)
	return newExperiment(t, r.configuration(classes, side), classes, side, train, val)
}

// drawer draws configurations.
type drawer struct{ *rand.Rand }

// chance is true in so many cases of a hundred.
func (r drawer) chance(percent int) bool { return r.IntN(100) < percent }

// between is from low to high.
func (r drawer) between(low, high int) int { return low + r.IntN(high-low+1) }

// real is from low to high, with a few digits.
func (r drawer) real(low, high float64) string {
	return strconv.FormatFloat(low+(high-low)*r.Float64(), 'g', 4, 64)
}

func one[T any](r drawer, of ...T) T { return of[r.IntN(len(of))] }

func (r drawer) configuration(classes, side int) string {
	pad := r.IntN(3)
	crop := r.between(max(4, side-3), side+2*pad)
	n := &randomNet{drawer: r, towers: r.between(1, 2), maps: 3, side: crop, split: 1, classes: classes}
	layers := n.layers()
	mean := one(r, `"channel"`, `"image"`, `"none"`, "[121.5, 117.0, 104.25]")
	scale := "0.012"
	if r.chance(30) {
		scale = "0.75\nstd = [58.395, 57.12, 70]"
	}
	if mean == `"none"` { // pixels of 0 to 255, which are far from 0 together
		scale = "0.004"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[network]\nname = \"random\"\ntowers = %d\nlayers = [\n%s]\n", n.towers, layers)
	fmt.Fprintf(&b,
		"[data]\npath = \"set\"\ncrop = %d\npad = %d\nrandom_crop = %v\nmirror = %v\ncolor_noise = %s\nmean = %s\nscale = "+
			"%s\nshuffle = %v\n", crop, pad, r.chance(70), r.chance(50), one(r, "0", "0.1", "0.4"), mean, scale, r.chance(80))
	if r.chance(40) {
		fmt.Fprintf(&b, "crop_area = [%s, %s]\ncrop_ratio = [0.5, 1.5]\n", r.real(0.1, 0.4), r.real(0.5, 1))
	}
	if r.chance(30) {
		fmt.Fprintf(&b, "rotate = %s\nbrightness = %s\ncontrast = %s\n", r.real(0, 180), one(r, "0", "0.3"), r.real(0, 0.5))
	}
	fmt.Fprintf(&b, "[devices]\ntowers = [\"auto\"]\nthreads = %d\n", r.between(1, 3))
	fmt.Fprintf(&b, "[train]\nseed = %d\nbatch = %d\nmomentum = %s\nweight_decay = %s\nviews = %d\n", r.Uint64()>>1,
		r.between(1, 9), r.real(0, 0.95), one(r, "0", "0.0005", "0.05"), one(r, 1, 10))
	if r.chance(30) {
		fmt.Fprintf(&b, "label_smoothing = %s\nlayer_decay = %s\n", r.real(0, 0.5), r.real(0.3, 1))
	}
	if r.chance(30) {
		fmt.Fprintf(&b, "balance_classes = true\n")
	}
	validate := one(r, "", "validate_steps = 1\n", "validate_steps = 2\n", "validate_epochs = 0.4\n")
	schedule := one(r, "fixed", "step", "exp", "plateau", "linear", "cosine")
	if schedule == "plateau" && validate == "" {
		validate = "validate_steps = 1\n"
	}
	fmt.Fprintf(&b, "%smax_steps = 5\n", validate)
	if r.chance(30) {
		fmt.Fprintf(&b, "epochs = %s\n", r.real(0.3, 3))
	}
	fmt.Fprintf(&b, "[train.schedule]\ntype = %q\nrate = %s\nwarmup_steps = %d\n%s", schedule, r.real(0.001, 0.02),
		r.IntN(4), r.schedule(schedule))
	return b.String()
}

// schedule is what a schedule of a type has beside rate and warm-up.
func (r drawer) schedule(kind string) string {
	gamma := "gamma = " + r.real(0.1, 0.9) + "\n"
	every := one(r, fmt.Sprintf("every_steps = %d\n", r.between(1, 3)), "every_epochs = "+r.real(0.1, 1)+"\n")
	switch kind {
	case "step":
		return gamma + one(r, every, "at_epochs = ["+r.real(0.1, 0.5)+", "+r.real(0.6, 1)+"]\n")
	case "exp":
		return gamma + every
	case "plateau":
		return gamma + fmt.Sprintf("patience = %d\nthreshold = %s\ndrops = %d\n", r.between(1, 2), r.real(0, 0.3), r.IntN(3))
	case "linear", "cosine":
		return "final_rate = " + r.real(0, 0.001) + "\n"
	}
	return ""
}

// randomNet draws layers, each of which fits the one before.
type randomNet struct {
	drawer
	towers, classes   int
	maps, side, split int // of the last layer's output
	image             bool
	count             int
	text              strings.Builder
}

func (n *randomNet) layers() string {
	n.image = true
	if n.chance(10) {
		n.normal()
	}
	for range n.IntN(4) {
		n.convolution()
		if n.chance(50) {
			n.normal()
		}
		if n.chance(50) {
			n.pool()
		}
	}
	if n.chance(20) {
		n.drop() // of maps
	}
	for range n.IntN(3) {
		n.linear(n.towers*n.between(2, 9), false)
		if n.chance(60) {
			n.drop()
		}
	}
	n.linear(n.classes, true)
	return n.text.String()
}

func (n *randomNet) drop() {
	n.add("dropout", fmt.Sprintf("drop_rate = %s, inverted = %v", one(n.drawer, "0", "0.2", "0.5", "0.7"), n.chance(50)))
}

func (n *randomNet) add(kind, keys string) {
	n.count++
	if keys != "" {
		keys = ", " + keys
	}
	fmt.Fprintf(&n.text, "  {name = \"%s%d\", type = %q%s},\n", kind, n.count, kind, keys)
}

// window is a kernel, a stride and a pad that fit.
func (n *randomNet) window(largest int) (kernel, stride, pad int) {
	kernel = n.between(1, largest)
	pad = n.IntN(kernel)
	for n.side+2*pad < kernel {
		kernel--
		pad = min(pad, kernel-1)
	}
	return kernel, n.between(1, 3), pad
}

func (n *randomNet) convolution() {
	kernel, stride, pad := n.window(4)
	maps, keys := n.towers*n.between(1, 5), ""
	keys, own := n.meeting(false)
	fan := n.maps * kernel * kernel
	n.maps, n.side, n.split, n.image = maps, (n.side+2*pad-kernel)/stride+1, own, false
	activation := n.activation()
	n.add("conv", fmt.Sprintf("maps = %d, kernel = %d, stride = %d, pad = %d, activation = %q%s%s", maps, kernel, stride,
		pad, activation, keys, n.start(fan, false)))
	if activation == "none" && n.chance(50) {
		n.add(one(n.drawer, "relu", "tanh"), "")
	}
}

func (n *randomNet) linear(features int, last bool) {
	keys, own := n.meeting(last)
	fan := n.maps * n.side * n.side
	n.maps, n.side, n.split, n.image = features, 1, own, false
	if !last {
		keys += fmt.Sprintf(", activation = %q", n.activation())
	}
	n.add("linear", fmt.Sprintf("features = %d%s%s", features, keys, n.start(fan, last)))
}

func (n *randomNet) activation() string {
	return one(n.drawer, "relu", "relu", "relu", "tanh", "tanh", "none", "none")
}

// meeting says on how many towers a layer is, and whether it exchanges, which it must where those before are on others.
func (n *randomNet) meeting(last bool) (keys string, own int) {
	own = n.towers
	if last {
		own = 1
	} else if n.chance(15) {
		own, keys = 1, ", towers = 1"
	}
	if n.split != own && !n.image || n.chance(30) {
		keys += ", exchange = true"
	}
	return keys, own
}

// start is the initial values, of about the size that keeps that of what goes through; and the multipliers. The
// gradients of an image's scores add up to 0, so that equal weights of the last layer would hand on nothing but
// rounding, and that would decide the signs of the biases before it.
func (n *randomNet) start(fan int, last bool) string {
	keys := ""
	switch kind := n.IntN(6); {
	case kind == 0 && !last:
		keys = fmt.Sprintf(", init = \"constant\", std = %.3g", 0.3/float64(fan))
	case kind <= 2:
		keys = fmt.Sprintf(", init = \"normal\", std = %.3g", 0.8/math.Sqrt(float64(fan)))
	case kind == 3:
		keys = ", init = \"he\""
	}
	frozen := !last && n.chance(15)
	if frozen {
		keys += ", frozen = true"
	}
	for _, key := range []string{"bias", "rate", "bias_rate", "decay", "bias_decay"} {
		if n.chance(25) && (key == "bias" || !frozen) {
			keys += fmt.Sprintf(", %s = %s", key, one(n.drawer, "0", "0.5", "1", "2"))
		}
	}
	return keys
}

func (n *randomNet) normal() {
	n.add("lrn", fmt.Sprintf("n = %d, k = %s, alpha = %s, beta = %s, alpha_over_n = %v, across = %v",
		one(n.drawer, 1, 3, 5, 7), one(n.drawer, "1", "2"), one(n.drawer, "1e-4", "0.05", "0.5"),
		one(n.drawer, "0.75", "0.5", "1", "0.6"),
		n.chance(50), n.chance(30)))
}

func (n *randomNet) pool() {
	kernel, stride, pad := n.window(3)
	ceil := n.chance(40)
	room := n.side + 2*pad - kernel
	side := room/stride + 1
	if ceil && room%stride != 0 && side*stride < n.side+pad {
		side++
	}
	n.side = side
	kind, more := "maxpool", ""
	if n.chance(40) {
		kind, more = "avgpool", fmt.Sprintf(", count_include_pad = %v", n.chance(50))
	}
	n.add(kind, fmt.Sprintf("kernel = %d, stride = %d, pad = %d, ceil_mode = %v%s", kernel, stride, pad, ceil, more))
}
