package look_test

import (
	"bytes"
	"flag"
	"fmt"
	"image/png"
	"os"
	"strings"
	"testing"

	"duet/configs"
	"duet/engine/look"
	"duet/engine/model"
)

func describe(t *testing.T, preset string, classes int, sets ...string) *look.Network {
	t.Helper()
	c, err := configs.Load(preset, sets)
	if err != nil {
		t.Fatal(err)
	}
	n, err := look.Describe(c.Setup(), model.RandomInput(c.Data, classes))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// networks are of each kind that is drawn differently.
var networks = map[string]struct {
	preset string
	sets   []string
	towers int
}{
	"the paper's":      {"alexnet", nil, 2},
	"small":            {"cifar10", nil, 2},
	"on one device":    {"quick", []string{`devices.towers=["reference:0"]`}, 2},
	"one tower":        {"alexnet", []string{"network.towers=1", `devices.towers=["reference:0"]`}, 1},
	"inverted dropout": {"smoke", nil, 2},
	"average pooling":  {"alexnet", []string{"network.layers.pool1.type=avgpool", "network.layers.norm2.type=tanh"}, 2},
	"tangents": {"alexnet", []string{"network.layers.conv1.activation=tanh", "network.layers.fc6.activation=tanh",
		"network.layers.fc7.activation=none"}, 2},
}

// legible is the smallest letter, in pixels of a screen.
const legible = 11

func TestNothingOverlaps(t *testing.T) {
	for name, c := range networks {
		for style, draws := range map[string]func(*look.Network) look.Picture{"layers": (*look.Network).Boxes,
			"boxes": (*look.Network).Volumes} {
			t.Run(name+"/"+style, func(t *testing.T) {
				p := draws(describe(t, c.preset, 1000, c.sets...))
				d := draw(t, p)
				for i, a := range d.labels {
					if !a.within(d.whole) {
						t.Errorf("%q leaves the picture: %v in %v", a.text, a, d.whole)
					}
					for _, b := range d.labels[:i] {
						if a.meets(b) {
							t.Errorf("%q is written over %q", a.text, b.text)
						}
					}
					if a.size < legible {
						t.Errorf("%q is of %.1f pixels, want %d", a.text, a.size, legible)
					}
				}
				b, err := p.Encode(".png")
				if err != nil {
					t.Fatal(err)
				}
				m, err := png.Decode(bytes.NewReader(b))
				if err != nil || float64(m.Bounds().Dx()) != 2*p.Width {
					t.Errorf("PNG of %v, error %v", m.Bounds(), err)
				}
			})
		}
	}
}

// Each layer has a box for each tower that has a part of it, with its labels within.
func TestBoxes(t *testing.T) {
	for name, c := range networks {
		t.Run(name, func(t *testing.T) {
			n := describe(t, c.preset, 1000, c.sets...)
			if n.Towers != c.towers {
				t.Fatalf("%d towers", n.Towers)
			}
			d := draw(t, n.Boxes())
			for i, a := range d.rects {
				for _, b := range d.rects[:i] {
					if a.meets(b) {
						t.Errorf("box %v over box %v", a, b)
					}
				}
			}
			for _, r := range n.Rows {
				parts := 0
				for _, p := range r.Towers {
					if p != nil {
						parts++
					}
				}
				found := 0
				for _, l := range d.labels {
					if l.text != r.Name {
						continue
					}
					found++
					for _, b := range d.rects {
						if l.within(b) && (b.right-b.left)*float64(n.Towers) > 700 {
							t.Errorf("%s lies in a box of %v", r.Name, b)
						}
					}
				}
				if found != parts {
					t.Errorf("%s is drawn %d times, want %d", r.Name, found, parts)
				}
			}
		})
	}
}

// What the paper says of its network: halves of maps, where the towers meet, 60 million parameters.
func TestDescription(t *testing.T) {
	n := describe(t, "alexnet", 1000)
	if n.Parameters != 60965224 || n.Classes != 1000 || fmt.Sprint(n.Image) != "[3 227 227]" {
		t.Errorf("%d parameters, %d classes, image %v", n.Parameters, n.Classes, n.Image)
	}
	want := map[string]struct {
		does       string
		output     string
		parameters int
		mflop      float64
		exchanged  string // forward, for a batch of 128 in fp32
	}{
		"conv1": {"11×11, stride 4", "[48 55 55]", 48*3*121 + 48, 105.4, "[0 0]"},
		"norm1": {"LRN over 5 maps", "[48 55 55]", 0, 0, "[0 0]"},
		"pool2": {"max pool 3×3, stride 2", "[128 13 13]", 0, 0, "[0 0]"},
		"conv3": {"3×3, pad 1", "[192 13 13]", 192*256*9 + 192, 149.5,
			fmt.Sprint([]int{128 * 128 * 169 * 4, 128 * 128 * 169 * 4})},
		"drop6": {"dropout 0.5", "[2048]", 0, 0, "[0 0]"},
		"fc7":   {"linear", "[2048]", 2048*4096 + 2048, 16.8, fmt.Sprint([]int{128 * 2048 * 4, 128 * 2048 * 4})},
		"fc8":   {"linear", "[1000]", 4097000, 8.2, fmt.Sprint([]int{128 * 2048 * 4, 0})},
	}
	for _, r := range n.Rows {
		w, listed := want[r.Name]
		if !listed {
			continue
		}
		delete(want, r.Name)
		p := r.Towers[0]
		if p.Does != w.does || fmt.Sprint(p.Output) != w.output || p.Parameters != w.parameters ||
			fmt.Sprint(r.Exchanged) != w.exchanged || p.FLOPs/1e6 < w.mflop-0.1 || w.mflop > 0 && p.FLOPs/1e6 > w.mflop+0.1 {
			t.Errorf("%s: %+v, exchanged %v, want %+v", r.Name, *p, r.Exchanged, w)
		}
	}
	if len(want) > 0 {
		t.Errorf("not there: %v", want)
	}
	if bf16 := describe(t, "alexnet", 1000,
		"devices.precision=bf16"); bf16.Rows[len(bf16.Rows)-1].Exchanged[0] != 128*2048*2 {
		t.Error("exchanges of bf16 are half as large")
	}
}

// What follows weights is told beside a layer's name, and what is a layer of its own in its place.
func TestActivations(t *testing.T) {
	n := describe(t, "alexnet", 1000, "network.layers.conv1.activation=tanh", "network.layers.fc6.activation=none",
		"network.layers.norm1.type=tanh", "network.layers.norm2.type=relu", "network.layers.pool1.type=avgpool")
	want := map[string][2]string{"conv1": {"11×11, stride 4", "tanh"}, "norm1": {"tanh", ""}, "norm2": {"ReLU", ""},
		"pool1": {"average pool 3×3, stride 2", ""}, "conv2": {"5×5, pad 2", "ReLU"}, "fc6": {"linear", ""},
		"fc7": {"linear", "ReLU"}, "fc8": {"linear", ""}}
	for _, r := range n.Rows {
		for _, p := range r.Towers {
			if w, listed := want[r.Name]; listed && p != nil && (p.Does != w[0] || p.Activation != w[1]) {
				t.Errorf("%s: %q with %q, want %q", r.Name, p.Does, p.Activation, w)
			}
		}
	}
}

var update = flag.Bool("update", false, "write the pictures that documents show")

// The README shows what the program draws.
func TestReadmePicture(t *testing.T) {
	const file = "../../docs/towers.svg"
	b, err := describe(t, "alexnet", 1000).Boxes().Encode(".svg")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	is, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(is, b) {
		t.Errorf("%s is not what duet show network draws (%v): go test ./engine/look -run TestReadmePicture -update", file,
			err)
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := describe(t, "quick", 10).Boxes().Encode(".pdf"); err == nil ||
		!strings.Contains(err.Error(), "want one of") {
		t.Errorf("error %v", err)
	}
}
