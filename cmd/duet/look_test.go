package main

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// table reads a CSV file, without its header.
func (p *place) table(name string) [][]string {
	p.Helper()
	rows, err := csv.NewReader(bytes.NewReader(p.read(name))).ReadAll()
	p.check(err)
	return rows[1:]
}

func (p *place) float(text string) float64 {
	p.Helper()
	x, err := strconv.ParseFloat(text, 64)
	p.check(err)
	return x
}

// npy reads the numbers of a .npy file of four bytes each.
func npy[E int32 | float32](p *place, shape string, elem ...string) (all []E) {
	p.Helper()
	b := p.read(elem...)
	length := 10 + int(binary.LittleEndian.Uint16(b[8:]))
	if !strings.Contains(string(b[:length]), shape) {
		p.Errorf("%v: header %s, want shape %s", elem, b[:length], shape)
	}
	all = make([]E, (len(b)-length)/4)
	p.check(binary.Read(bytes.NewReader(b[length:]), binary.LittleEndian, all))
	return all
}

// TestLookAtData: what is shown of a set agrees with what eval says of it.
func TestLookAtData(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("run")...)
	var e struct {
		Images   int         `json:"images"`
		Top1     float64     `json:"top1_error"`
		Loss     float64     `json:"loss"`
		PerClass classErrors `json:"per_class"`
	}
	p.object(p.works("eval", "runs/run", "--json", "--per-class"), &e)

	p.works("show", "losses", "runs/run", "--out", "losses.csv")
	var losses []float64
	wrong := 0
	for _, row := range p.table("losses.csv") {
		if row[4] != "1" { // rank
			continue
		}
		losses = append(losses, p.float(row[3]))
		if row[2] != row[5] {
			wrong++
		}
	}
	sum := 0.
	for _, loss := range losses {
		sum += loss
	}
	if len(losses) != e.Images || !slices.IsSortedFunc(losses,
		func(a, b float64) int { return int(math.Copysign(1, b-a)) }) ||
		!(math.Abs(sum/float64(e.Images)-e.Loss) <= 1e-9) || wrong != int(math.Round(e.Top1*float64(e.Images))) {
		t.Errorf("%d losses of mean %v, %d wrong; eval says %+v", len(losses), sum/float64(e.Images), wrong, e)
	}

	p.works("show", "confusion", "runs/run", "--out", "confusion.csv")
	images, confused := map[string]int{}, map[string]int{}
	for _, row := range p.table("confusion.csv") {
		n := int(p.float(row[2]))
		if images[row[0]] += n; row[0] != row[1] {
			confused[row[0]] += n
		}
	}
	for _, one := range e.PerClass {
		if images[one.Class] != one.Images || confused[one.Class] != one.Wrong {
			t.Errorf("class %s: %d of %d confused; eval says %+v", one.Class, confused[one.Class], images[one.Class], one)
		}
	}
	for what, want := range map[string]string{"predictions": "12 of ", "losses": "largest losses",
		"confusion": "taken for"} {
		p.works("show", what, "runs/run", "--out", what+".svg")
		if !strings.Contains(string(p.read(what+".svg")), want) {
			t.Errorf("%s.svg does not say %q", what, want)
		}
	}
	p.works("show", "predictions", "runs/run", "--errors", "--images", "100", "--out", "errors.csv")
	for _, row := range p.table("errors.csv") {
		if row[4] == "1" && row[2] == row[5] {
			t.Errorf("%v is no error", row)
		}
	}

	if r := p.works("eval", "runs/run", "--per-class"); !strings.Contains(r.stdout, "top-1 error  class\n") {
		t.Errorf("eval --per-class prints %s", r.stdout)
	}
	p.works("eval", "runs/run", "--max-error", fmt.Sprint(e.Top1))
	if r := p.duet("eval", "runs/run", "--max-error", fmt.Sprint(e.Top1-1e-3)); r.code != exitFailed ||
		!strings.Contains(r.stderr, "more than --max-error") {
		t.Errorf("an error larger than allowed: exit %d, %s", r.code, r.stderr)
	}
	p.refused(exitUsage, []string{"--max-error 5", "0 to 1"}, "eval", "runs/run", "--max-error", "5")
	p.refused(exitUsage, []string{"--images 0"}, "show", "losses", "runs/run", "--images", "0")
	p.refused(exitUsage, []string{`--split "x"`}, "show", "confusion", "runs/run", "--split", "x")
}

// TestNeighbours: they are what a search through the features finds.
func TestNeighbours(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "set", "--size", "24", "--val-fraction", "0.5")
	p.works(trainArgs("run", sets("data.path=set", "train.batch=4")...)...)
	for split, out := range map[string]string{"train": "theirs", "val": "own"} {
		p.works("features", "runs/run", "set", "--layer", "fc4", "--split", split, "--out", out)
	}
	p.works("show", "neighbours", "runs/run", "--nearest", "3", "--images", "2", "--out", "near.csv")
	names := strings.Split(strings.TrimSpace(string(p.read("theirs", "files.txt"))), "\n")
	labels := npy[int32](p, fmt.Sprintf("(%d,)", len(names)), "theirs", "labels.npy")
	theirs := npy[float32](p, fmt.Sprintf("(%d, ", len(names)), "theirs", "features.npy")
	own := npy[float32](p, ", ", "own", "features.npy")
	width := len(theirs) / len(names)
	rows := p.table("near.csv")
	if len(rows) != 6 || len(labels) != len(names) {
		t.Fatalf("%d rows, %d labels: %v", len(rows), len(labels), rows)
	}
	for first := 0; first < len(rows); first += 3 {
		number, _, _ := strings.Cut(rows[first][0], " ")
		query := own[int(p.float(number))*width:][:width]
		var distances []float64
		for i := range names {
			var sum float64
			for k, v := range theirs[i*width:][:width] {
				sum += float64(v-query[k]) * float64(v-query[k])
			}
			distances = append(distances, math.Sqrt(sum))
		}
		sorted := slices.Sorted(slices.Values(distances))
		for rank, row := range rows[first : first+3] {
			at := int(p.float(row[2]))
			if got := p.float(row[4]); !(math.Abs(got-distances[at]) <= 1e-5) || !(math.Abs(got-sorted[rank]) <= 1e-5) ||
				row[3] != names[at] {
				t.Errorf("%v: image %d is %s at %v, number %d is at %v", row, at, names[at], distances[at], rank+1, sorted[rank])
			}
		}
	}
	p.works("show", "neighbours", "runs/run", "photos/down/0.png", "--nearest", "1", "--out", "own.csv")
	if rows := p.table("own.csv"); len(rows) != 1 || rows[0][0] != "0.png" {
		t.Errorf("neighbours of a file: %v", rows)
	}
	p.refused(exitFailed, []string{"own exists"}, "features", "runs/run", "set", "--out", "own")
	p.refused(exitUsage, []string{"no --out"}, "features", "runs/run", "set")
	p.refused(exitFailed, []string{`no layer "fc9"`, "conv1, "}, "features", "runs/run", "set", "--layer", "fc9", "--out",
		"x")
	if _, err := os.Stat(p.path("x.partial")); err == nil {
		t.Error("x.partial was left")
	}
}

// TestLookAtImage: maps and occlusion of an image.
func TestLookAtImage(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works(trainArgs("run", append(sets("data.path=photos", "data.size=24", "train.batch=4"), "--devices",
		"reference:0")...)...)
	p.works("show", "maps", "runs/run", "photos/down/0.png", "--out", "maps.svg")
	for _, want := range []string{">tower 1<", ">conv1: 8 maps of ", ">fc5: 2 features"} {
		if !strings.Contains(string(p.read("maps.svg")), want) {
			t.Errorf("no %s in maps.svg", want)
		}
	}
	var predicted []prediction
	p.object(p.works("predict", "runs/run", "photos/down/0.png", "--json"), &predicted)
	p.works("show", "occlusion", "runs/run", "photos/down/0.png", "--class", "down", "--patch", "24", "--out", "all.csv")
	p.works("show", "occlusion", "runs/run", "photos/down/0.png", "--class", "down", "--patch", "8", "--stride", "8",
		"--out", "some.csv")
	if all, some := p.table("all.csv"), p.table("some.csv"); len(all) != 1 || len(some) != 9 || some[8][0] != "16" {
		t.Errorf("places of the patch: %v and %v", all, some)
	}
	p.works("show", "occlusion", "runs/run", "photos/down/0.png", "--out", "occlusion.svg")
	if want := fmt.Sprintf("probability %.1f %%", 100*float64(predicted[0].Guesses[0].Probability)); !strings.Contains(
		string(p.read("occlusion.svg")), want) {
		t.Errorf("occlusion.svg does not say %s", want)
	}
	p.refused(exitUsage, []string{`--class "cow"`, "across"}, "show", "occlusion", "runs/run", "photos/down/0.png",
		"--class", "cow")
	p.refused(exitUsage, []string{"--patch 99", "1 to 24"}, "show", "occlusion", "runs/run", "photos/down/0.png",
		"--patch", "99")
	p.refused(exitFailed, []string{`no layer "x"`}, "show", "maps", "runs/run", "photos/down/0.png", "--layers", "x")
}

// TestLrfind: of a folder of images, as train takes one; a device that is not there is told before they are packed.
func TestLrfind(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	small := append([]string{"--data", "photos"}, sets("data.size=24", "train.batch=4", "data.val_fraction=0.5")...)
	args := append([]string{"lrfind", "smoke", "--steps", "12"}, small...)
	p.refused(exitUsage, []string{`"cuda:0"`}, append(args, "--devices", "cuda:0")...)
	if packed, err := filepath.Glob(p.path("data", "*")); err != nil || len(packed) > 0 {
		t.Errorf("for a device that is not there images were packed: %v, %v", packed, err)
	}
	if r := p.works(append(args, "--devices", "reference:0", "--out", "rates.csv")...); !strings.Contains(r.stdout,
		"suggested ") {
		t.Errorf("it prints %s", r.stdout)
	}
	if rows := p.table("rates.csv"); len(rows) < 2 || len(rows) > 12 || rows[0][0] != "1e-06" {
		t.Errorf("%d rows: %v", len(rows), rows)
	}
	p.refused(exitUsage, []string{"5, want at least 10"}, "lrfind", "smoke", "--devices", "reference:0", "--steps", "5")
	p.refused(exitUsage, []string{"two numbers above 0"}, "lrfind", "smoke", "--devices", "reference:0", "--from", "2")
}
