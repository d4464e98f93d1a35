package main

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"duet/engine/checkpoint"
)

// TestDataCommands looks at a packed set in every way that there is.
func TestDataCommands(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.write([]byte("no image"), "photos", "down", "damaged.jpg")
	r := p.works("prepare", "photos", "set", "--val-fraction", "0.2", "--size", "24")
	for _, want := range []string{"16 training and 4 validation images of 24 x 24 in 2 classes", "rejected 1 file,",
		"down/damaged.jpg"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("prepare prints %q, which lacks %q", r.stdout, want)
		}
	}
	r = p.works("data", "info", "set", "--mean", "mean.png")
	for _, want := range []string{"class folders", "24 x 24", `train\s+16 images in 1 shard`, `val\s+4 images`,
		`rejected\s+1 file,`, `0\s+across\s+8\s+2\s+####`, `mean\.png`} {
		if !regexp.MustCompile(want).MatchString(r.stdout) {
			t.Errorf("info prints %q, which lacks %q", r.stdout, want)
		}
	}
	p.pngOf("mean.png", 24, 24)
	var info struct {
		Index struct {
			Crc32c map[string]uint32
		}
		Classes []map[string]any
	}
	p.object(p.works("data", "info", "set", "--json"), &info)
	if len(info.Index.Crc32c) != 11 || len(info.Classes) != 2 {
		t.Errorf("info --json: %+v", info)
	}
	if r := p.works("data", "verify", "set"); !strings.Contains(r.stdout, "set: whole") {
		t.Errorf("verify prints %q", r.stdout)
	}

	sets := []string{"--set", "data.path=set", "--set", "data.crop=20"}
	p.works(append([]string{"data", "show", "smoke", "--images", "10"}, sets...)...)
	first := p.pngOf("images.png", 8*(6*20+4)+4, 2*(6*20+16+4)+4)
	p.works(append([]string{"data", "show", "smoke", "--images", "10", "--out", "again.png"}, sets...)...)
	p.works(append([]string{"data", "show", "smoke", "--images", "10", "--step", "3", "--out", "later.png"}, sets...)...)
	if again, later := p.read("again.png"), p.read("later.png"); !bytes.Equal(again, first) || bytes.Equal(later, first) {
		t.Error("show: the same step shows other images, or another step the same")
	}
	p.works(append([]string{"data", "show", "smoke", "--split", "val", "--views", "10", "--images", "20"}, sets...)...)

	var bench struct {
		ImagesPerSecond float64 `json:"images_per_second"`
		Share           float64
	}
	p.object(p.works(append([]string{"data", "bench", "smoke", "--rounds", "1", "--json"}, sets...)...), &bench)
	if !(bench.ImagesPerSecond > 0 && bench.Share > 0) {
		t.Errorf("bench: %+v", bench)
	}
	var feed struct {
		StepMS     float64 `json:"step_ms"`
		ResidentMS float64 `json:"resident_step_ms"`
	}
	p.object(p.works(append([]string{"bench", "smoke", "--data", "--rounds", "1", "--steps", "2", "--json", "--devices",
		"reference:0"}, sets...)...), &feed)
	if !(feed.StepMS > 0 && feed.ResidentMS > 0) {
		t.Errorf("bench --data: %+v", feed)
	}

	data := p.read("set", "train", "images-00000.npy")
	data[500] ^= 1
	p.write(data, "set", "train", "images-00000.npy")
	p.works("prepare", "photos", "other", "--size", "8")
	r = p.duet("data", "verify", "set", "nowhere", "other")
	p.failed(r, 1, []string{"2 sets not whole: set, nowhere"})
	for _, want := range []string{"set: damaged", "images-00000.npy: CRC32C", "nowhere is not a packed set",
		"other: whole"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("verify prints %q, which lacks %q", r.stdout, want)
		}
	}
}

// TestShowMean: whatever is subtracted is added back, so that the pictures are the same, mirrored and cropped or not.
func TestShowMean(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "set", "--size", "24", "--val-fraction", "0.2")
	sheets := map[string]string{}
	for _, mean := range []string{"none", "channel", "image"} {
		p.works(append([]string{"data", "show", "smoke", "--images", "16", "--out", mean + ".png"},
			sets("data.path=set", "data.size=24", "data.pad=0", "data.color_noise=0", "data.mirror=true", "data.scale=0.5",
				"data.mean="+mean)...)...)
		sheets[mean] = string(p.read(mean + ".png"))
	}
	if sheets["channel"] != sheets["none"] || sheets["image"] != sheets["none"] {
		t.Errorf("other pictures: with the mean colour %v, with the mean image %v", sheets["channel"] != sheets["none"],
			sheets["image"] != sheets["none"])
	}
	if r := p.works(append([]string{"data", "show", "smoke", "--split", "val", "--views", "10", "--images", "29"},
		sets("data.path=set", "data.size=24")...)...); !strings.Contains(r.stdout, ": 20 images") {
		t.Errorf("of ten views each it shows %q", r.stdout)
	}
}

// pngOf reads a PNG of that size.
func (p *place) pngOf(name string, width, height int) []byte {
	p.Helper()
	data := p.read(name)
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		p.Fatalf("%s: %v", name, err)
	}
	if b := m.Bounds(); b.Dx() != width || b.Dy() != height {
		p.Errorf("%s has %d x %d pixels, want %d x %d", name, b.Dx(), b.Dy(), width, height)
	}
	return data
}

// TestDataRefuses: what cannot be asked for is wrong usage and says what could.
func TestDataRefuses(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.photos("more")
	p.works("prepare", "photos", "set", "--val-fraction", "0")
	sets := []string{"--set", "data.path=set", "--set", "data.crop=20"}
	for _, c := range []struct {
		code  int
		words []string
		args  []string
	}{
		{2, []string{"1 argument, want SOURCE... OUT"}, []string{"prepare", "photos"}},
		{1, []string{"set exists"}, []string{"prepare", "photos", "set"}},
		{2, []string{`codec "png"`, `"jpeg"`}, []string{"prepare", "photos", "other", "--codec", "png"}},
		{2, []string{"--classes"}, []string{"prepare", "photos", "other", "--classes", ","}},
		{2, []string{"--classes", "nofile"}, []string{"prepare", "photos", "other", "--classes", "@nofile"}},
		{2, []string{"size -3"}, []string{"prepare", "photos", "other", "--size", "-3"}},
		{2, []string{`format "foo"`, "ilsvrc2012"}, []string{"prepare", "photos", "other", "--format", "foo"}},
		{2, []string{`columns ["file"]`}, []string{"prepare", "photos", "other", "--columns", "file"}},
		{1, []string{"none in a class folder"}, []string{"prepare", "photos/down", "other"}},
		{2, []string{"--quality 50", `codec "jpeg"`}, []string{"prepare", "photos", "other", "--quality", "50"}},
		{1, []string{"data.size = 32", "256x256"}, append([]string{"data", "bench", "smoke", "--set", "data.size=32"},
			sets...)},
		{1, []string{"2 sources of class folders"}, []string{"prepare", "photos", "more", "other"}},
		{1, []string{"sources photos and photos/down: one lies within the other"}, []string{"prepare", "photos",
			"photos/down", "other"}},
		{1, []string{"photos/../photos is given twice"}, []string{"prepare", "photos", "photos/../photos", "other"}},
		{2, []string{"an empty SOURCE or OUT"}, []string{"prepare", "photos", ""}},
		{1, []string{`no class "sideways"`, `"across"`}, []string{"prepare", "photos", "other", "--classes", "sideways"}},
		{1, []string{`no class "owl", "barn"`, "a name with a comma in it wants --classes @FILE"},
			[]string{"prepare", "photos", "other", "--classes", "across,owl, barn"}},
		{1, []string{"photos is not a packed set", "duet prepare"}, []string{"data", "info", "photos"}},
		{1, []string{"1 set not whole: photos"}, []string{"data", "verify", "photos"}},
		{2, []string{"--images 0"}, []string{"data", "show", "smoke", "--images", "0"}},
		{2, []string{"--views 10", "--split val"}, []string{"data", "show", "smoke", "--views", "10"}},
		{1, []string{"no validation split"}, append([]string{"data", "show", "smoke", "--split", "val"}, sets...)},
		{1, []string{"20 training images", "batch of 100", "at most 20"},
			append([]string{"data", "bench", "smoke", "--batch", "100"}, sets...)},
		{2, []string{"--batch -1"}, []string{"data", "bench", "smoke", "--batch", "-1"}},
		{2, []string{"--rounds 0"}, []string{"data", "bench", "smoke", "--rounds", "0"}},
		{2, []string{"data.cache", `"ram"`, "data.packed"},
			[]string{"data", "bench", "smoke", "--set", "data.cache=data/mine"}},
	} {
		p.refused(c.code, c.words, c.args...)
	}
	if left := p.holds(); fmt.Sprint(left) != fmt.Sprint([]string{"more", "photos", "set"}) {
		t.Errorf("left behind: %v", left)
	}
}

// TestClassesFile: a list of classes is read as editors of any system write it.
func TestClassesFile(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.write(pngOf(drawing("down", 1)), "photos", "flat, even", "1.png")
	for name, text := range map[string]string{
		"plain":       "flat, even\nacross\n",
		"unended":     "across\nflat, even",
		"mark":        "\ufeffflat, even\nacross\n",
		"mark alone":  "\ufeff\nflat, even\nacross\n",
		"returns":     "flat, even\r\nacross\r\n\r\n",
		"all of them": "\ufeffflat, even\t\r\nacross\tno class\r\n",
	} {
		p.write([]byte(text), "list")
		r := p.works("prepare", "photos", name, "--size", "8", "--classes", "@list")
		if got := string(p.read(name, "classes.txt")); got != "across\nflat, even\n" ||
			!strings.Contains(r.stdout, "in 2 classes") {
			t.Errorf("%s: classes %q, and prepare prints %q", name, got, r.stdout)
		}
	}
	p.write([]byte("\ufeff\r\n"), "list")
	p.refused(exitUsage, []string{"--classes names no class"}, "prepare", "photos", "other", "--classes", "@list")
	p.write([]byte("owl, barn\nacross\n"), "list")
	r := p.duet("prepare", "photos", "other", "--classes", "@list")
	if p.failed(r, exitFailed, []string{`no class "owl, barn"`}); strings.Contains(r.stderr, "@FILE") {
		t.Errorf("of a class in a file: %q", r.stderr)
	}
}

// TestTrainFromMemoryAndJPEG: the same training from a mapped set and from memory comes to the same weights, and one
// from JPEG files runs.
func TestTrainFromMemoryAndJPEG(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "set", "--val-fraction", "0.2", "--size", "24")
	p.works("prepare", "set", "jpeg", "--codec", "jpeg")
	train := func(run, set string, more ...string) {
		p.works(trainArgs(run, sets(append([]string{"data.path=" + set, "data.crop=20", "network.layers.fc5.features=0"},
			more...)...)...)...)
	}
	train("mapped", "set")
	train("memory", "set", "data.cache=ram", "data.workers=3", "data.readahead=0")
	train("jpeg", "jpeg")
	a, err := checkpoint.LoadTensors(p.last("mapped"))
	p.check(err)
	b, err := checkpoint.LoadTensors(p.last("memory"))
	p.check(err)
	if !reflect.DeepEqual(a, b) {
		t.Error("a set in memory trains to other weights than a mapped one")
	}
	for _, line := range p.metrics("mapped") {
		if _, is := line["loss"]; is && (line["data_wait_ms"] == nil || line["data_ready"] == nil) {
			t.Errorf("a step without its waits: %v", line)
		}
	}
}

// TestReplacedSet: a run is not gone on with from another set at the path of its own, and hears of what helps.
func TestReplacedSet(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	prepare := []string{"prepare", "photos", "set", "--size", "24", "--val-fraction"}
	p.works(append(prepare, "0.2")...)
	p.works(trainArgs("run", sets("data.path=set", "train.batch=4", "train.max_steps=1")...)...)
	p.check(os.Rename(p.path("set"), p.path("first")))
	p.works(append(prepare, "0.3")...)
	p.refused(exitFailed, []string{"learned from other data", "of set",
		"was replaced since, restore it, or begin a new run"}, "train", "--run", "run", "--resume")
	p.check(os.RemoveAll(p.path("set")))
	p.check(os.Rename(p.path("first"), p.path("set")))
	p.works("train", "--run", "run", "--resume")
}
