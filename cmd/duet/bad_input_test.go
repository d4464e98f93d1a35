package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"testing"

	"duet/configs"
)

func TestBadUsage(t *testing.T) {
	p := newPlace(t)
	for _, c := range []struct {
		args  string
		words []string
	}{
		{"trian", []string{`duet: unknown command "trian": did you mean train?` + "\n"}},
		{"nothing", []string{`unknown command "nothing": want one of average, bench, board, data, `, ", version\n"}},
		{"show netwrk", []string{`unknown command "netwrk": did you mean network?`}},
		{"data inf", []string{`unknown command "inf": did you mean info?`}},
		{"data list", []string{`unknown command "list": want one of bench, info, show, verify`}},
		{"train alexnt", []string{"open alexnt: no such file or directory; did you mean alexnet?"}},
		{"train a b", []string{"2 arguments, want [CONFIG]"}},
		{"train --nothing", []string{"--nothing"}},
		{"eval", []string{"arg"}},
		{"eval x.safetensors --views 5", []string{"--views 5", "1 or 10"}},
		{"eval x.safetensors --split both", []string{"--split", "both", "train"}},
		{"predict x.safetensors", []string{"arg"}},
		{"predict x.safetensors y.png --views 2", []string{"--views 2"}},
		{"prepare onlyone", []string{"1 argument, want SOURCE... OUT"}},
		{"export onnx", []string{"0 arguments, want CHECKPOINT"}},
		{"export onnx x.safetensors", []string{"no --out, want the name of a file"}},
		{"export onnx x.safetensors --out x.safetensors", []string{"--out x.safetensors", "ends in .onnx"}},
		{"export safetensors x.safetensors --out x.onnx", []string{"--out x.onnx", "ends in .safetensors"}},
		{"export safetensors x --out x.safetensors --names keras", []string{"--names keras", "duet or torchvision"}},
		{"export pytorch x.safetensors", []string{"no --out, want the name of a folder"}},
		{"export pytorch x.safetensors --out .", []string{". exists: give another name"}},
		{"bench smoke --steps 0", []string{"--steps 0"}},
		{"bench smoke --batch -1", []string{"--batch -1"}},
		{"bench smoke --devices reference", []string{"reference", "BACKEND:NUMBER"}},
		{"bench smoke --precision fp8", []string{"fp8", "fp32"}},
		{"bench smoke --limits v100", []string{"--limits v100, want one of a100, h100, h200"}},
		{"bench smoke --data --limits h100", []string{"--limits with --data"}},
		{"plan smoke --limits h1000", []string{"--limits h1000, want one of a100, h100, h200"}},
		{"plan smoke --limits h100", []string{`devices.towers[0] is "reference:0": want cuda:0`}},
		{"plan smoke --devices cuda:0 --limits h100 --dot", []string{"--limits has no --dot"}},
		{"plan smoke --devices cuda:0 --limits h100 --precision fp64", []string{"with fp64"}},
		{"gradcheck smoke --samples 0", []string{"--samples 0"}},
		{"devices all", []string{"1 argument, want none"}},
		{"version 1", []string{"1 argument, want none"}},
		{"plan", []string{"arg"}},
		{"plan nowhere.toml", []string{"nowhere.toml"}},
		{"train --resume", []string{"--resume", "--run"}},
		{"train --resume --run none", []string{"none"}},
		{"train smoke --resume", []string{"smoke-001"}},
		{"train smoke --set train.batch", []string{"train.batch"}},
		{"train smoke --set nothing.here=1", []string{"nothing"}},
		{"train smoke --set train.batch=many", []string{"train.batch", "many"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			q := &place{t, p.dir}
			q.refused(exitUsage, c.words, strings.Fields(c.args)...)
		})
	}
	if left := p.holds(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestBadConfiguration(t *testing.T) {
	smoke, _ := configs.Preset("smoke")
	p := newPlace(t)
	for _, c := range []struct {
		name, old, new string
		words          []string
	}{
		{"unknown key", "batch = 16", "batch = 16\nbathc = 16", []string{"train.bathc"}},
		{"negative batch", "batch = 16", "batch = -16", []string{"train.batch", "-16", "want 1"}},
		{"a layer that does not fit", "kernel = 5", "kernel = 50", []string{"conv1", "50"}},
		{"towers that do not divide", "maps = 8", "maps = 9", []string{"maps", "9"}},
		{"an unknown device", `"reference:0", "reference:1"`, `"banana:0", "banana:1"`, []string{"banana"}},
		{"a device without number", `"reference:0", "reference:1"`, `"reference"`, []string{"reference"}},
		{"a device that this build lacks", `"reference:0", "reference:1"`, `"cuda:0"`,
			[]string{"cuda:0", "without cuda (it has reference)", "make build-gpu"}},
		{"no TOML", "[network]", "[network", []string{":5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := &place{t, p.dir}
			if !bytes.Contains(smoke, []byte(c.old)) {
				t.Fatalf("smoke.toml lacks %q", c.old)
			}
			q.write(bytes.Replace(smoke, []byte(c.old), []byte(c.new), 1), "bad.toml")
			defer os.Remove(q.path("bad.toml"))
			q.refused(exitUsage, append(c.words, "bad.toml")[:len(c.words)], "train", "bad.toml")
			q.refused(exitUsage, c.words, "plan", "bad.toml")
		})
	}
	if left := slices.DeleteFunc(p.holds(), func(s string) bool { return s == "data" }); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestBadData: nothing is left of what cannot be prepared, neither by prepare nor by train.
func TestBadData(t *testing.T) {
	text := []byte("this is no picture")
	whole := jpegOf(drawing("across", 1))
	for _, c := range []struct {
		name  string
		make  func(p *place)
		words []string
	}{
		{"a folder that is not there", func(p *place) {}, []string{"photos"}},
		{"an empty folder", func(p *place) { p.check(os.Mkdir(p.path("photos"), 0o755)) }, []string{"photos"}},
		{"a class with no readable image", func(p *place) {
			p.photos("photos")
			p.write(text, "photos", "none", "a.jpg")
			p.write(whole[:len(whole)/2], "photos", "none", "b.jpg")
		}, []string{"none"}},
		{"an empty class", func(p *place) {
			p.photos("photos")
			p.check(os.Mkdir(p.path("photos", "none"), 0o755))
		}, []string{"none"}},
		{"a text named .tar", func(p *place) { p.write(text, "photos") }, []string{"photos"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			c.make(p)
			before := p.holds()
			p.refused(exitFailed, c.words, "prepare", "photos", "packed")
			p.refused(exitFailed, c.words, trainArgs("run", sets("data.path=photos")...)...)
			left := slices.DeleteFunc(p.holds(), func(s string) bool { return slices.Contains(before, s) })
			for _, name := range left {
				inside, err := os.ReadDir(p.path(name))
				if err != nil || len(inside) > 0 {
					t.Errorf("left behind: %s with %v", name, inside)
				}
			}
		})
	}
}

// TestSomeBadImages: images that cannot be read are left out and listed; a CMYK JPEG and a 16-bit PNG are none of them.
func TestSomeBadImages(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	whole := jpegOf(drawing("across", 1))
	p.write(whole[:len(whole)-len(whole)/3], "photos", "across", "cut.jpg")
	p.write([]byte("this is no picture"), "photos", "down", "text.jpg")
	p.write(cmykJPEG(), "photos", "across", "inks.jpg")
	p.write(deepPNG(), "photos", "down", "deep.png")
	r := p.works("prepare", "photos", "packed", "--size", "24", "--val-fraction", "0.2")
	rejected := string(p.read("packed", "rejected.csv"))
	for _, name := range []string{"cut.jpg", "text.jpg"} {
		if !strings.Contains(rejected, name) {
			t.Errorf("rejected.csv lacks %s:\n%s", name, rejected)
		}
	}
	if strings.Contains(rejected, "inks") || strings.Contains(rejected, "deep") || strings.Count(rejected, "\n") != 3 {
		t.Errorf("rejected.csv:\n%s", rejected)
	}
	files := string(p.read("packed", "train", "files.csv")) + string(p.read("packed", "val", "files.csv"))
	if !strings.Contains(files, "inks.jpg") || !strings.Contains(files, "deep.png") || strings.Contains(files, "cut.jpg") {
		t.Errorf("files:\n%s", files)
	}
	if !strings.Contains(r.stdout, "rejected 2 files") || !strings.Contains(r.stdout, "2 classes") {
		t.Errorf("prepare said %q", r.stdout)
	}
	p.refused(exitFailed, []string{"packed"}, "prepare", "photos", "packed") // never overwritten
	// The same images, one at a time, by a trained network.
	p.works(trainArgs("run", sets("data.path=packed", "train.batch=4", "train.max_steps=2")...)...)
	best := p.path("runs", "run", "checkpoints", "best.safetensors")
	p.works("predict", best, "photos/across/inks.jpg", "photos/down/deep.png")
	p.refused(exitFailed, []string{"cut.jpg"}, "predict", best, "photos/across/cut.jpg")
	r = p.duet("predict", best, "photos/across/cut.jpg", "photos/down/deep.png", "photos/down/text.jpg")
	if r.code != exitFailed || !strings.Contains(r.stdout, "deep.png\n") || strings.Contains(r.stdout, "cut") ||
		!strings.Contains(r.stderr, "2 of 3 images cannot be read:\n") ||
		!strings.Contains(r.stderr, "text.jpg: ") {
		t.Errorf("predict of one good image among three: exit %d, %q, %q", r.code, r.stdout, r.stderr)
	}
	var three []struct{ Image, Error string }
	p.object(p.duet("predict", best, "--json", "photos/across/inks.jpg", "photos/across/cut.jpg", "photos/down/deep.png"),
		&three)
	if len(three) != 3 || three[0].Error != "" || !strings.Contains(three[1].Error, "cut.jpg") || three[2].Error != "" {
		t.Errorf("predict --json: %+v", three)
	}
	p.refused(exitFailed, []string{"text.jpg"}, "predict", best, "photos/down/text.jpg")
	p.refused(exitFailed, []string{"none.jpg"}, "predict", best, "photos/none.jpg")
}

// TestDamagedSet changes files of a packed set.
func TestDamagedSet(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "packed", "--size", "24", "--val-fraction", "0.2")
	for _, c := range []struct {
		name, file string
		change     func(data []byte) []byte
		words      []string
	}{
		{"a header that lies", "images-00000.npy", func(b []byte) []byte {
			return bytes.Replace(b, []byte("(16, 24"),
				[]byte("(99, 24"), 1)
		}, []string{"images-00000.npy"}},
		{"images cut short", "images-00000.npy", func(b []byte) []byte { return b[:len(b)-100] },
			[]string{"images-00000.npy"}},
		{"no header", "images-00000.npy", func(b []byte) []byte { return b[10:] }, []string{"images-00000.npy"}},
		{"a label out of range", "labels.npy", func(b []byte) []byte {
			binary.LittleEndian.PutUint32(b[len(b)-8:], 2)
			return b
		}, []string{"labels.npy", "2"}},
		{"a negative label", "labels.npy", func(b []byte) []byte {
			binary.LittleEndian.PutUint32(b[len(b)-4:], 0xffffffff)
			return b
		}, []string{"labels.npy", "-1"}},
		{"another label", "labels.npy", func(b []byte) []byte {
			b[len(b)-4] ^= 1
			return b
		}, []string{"labels.npy was altered", "duet data verify"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := &place{t, p.dir}
			whole := q.read("packed", "train", c.file)
			changed := c.change(slices.Clone(whole))
			if bytes.Equal(whole, changed) {
				t.Fatal("nothing is changed")
			}
			q.write(changed, "packed", "train", c.file)
			defer q.write(whole, "packed", "train", c.file)
			q.refused(exitFailed, c.words, trainArgs("run", sets("data.path=packed", "train.batch=4")...)...)
			if _, err := os.Stat(q.path("runs", "run")); err == nil {
				t.Error("a run folder is left")
			}
		})
	}
}

// newer makes a checkpoint say that it has the next format, with a checksum that fits.
func newer(checkpoint []byte) []byte {
	const format, sum = `"duet.format":"`, `"duet.crc32c.header":"`
	data := slices.Clone(checkpoint)
	header := data[:8+binary.LittleEndian.Uint64(data)]
	header[bytes.Index(header, []byte(format))+len(format)]++
	digits := header[bytes.Index(header, []byte(sum))+len(sum):][:8]
	copy(digits, "00000000")
	copy(digits, fmt.Sprintf("%08x", crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli))))
	return data
}

func TestDamagedCheckpoint(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("run")...)
	whole := p.read("runs", "run", "checkpoints", "step-00000012.safetensors")
	p.write(pngOf(drawing("across", 1)), "image.png")
	for _, c := range []struct {
		name   string
		change func(b []byte) []byte
	}{
		{"cut short", func(b []byte) []byte { return b[:len(b)-1000] }},
		{"cut to nothing", func([]byte) []byte { return nil }},
		{"cut in the header", func(b []byte) []byte { return b[:100] }},
		{"a flipped bit of the weights", func(b []byte) []byte { b[len(b)-500] ^= 4; return b }},
		{"a flipped bit of the header", func(b []byte) []byte { b[200] ^= 1; return b }},
		{"a newer format", newer},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := &place{t, p.dir}
			q.write(c.change(slices.Clone(whole)), "damaged.safetensors")
			words := []string{"damaged.safetensors"}
			if c.name == "a newer format" {
				words = append(words, "newer version")
			}
			q.refused(exitFailed, words, "eval", "damaged.safetensors")
			q.refused(exitFailed, words, "predict", "damaged.safetensors", "image.png")
			for what, out := range map[string]string{"onnx": "x.onnx", "pytorch": "x", "safetensors": "x.safetensors"} {
				q.refused(exitFailed, words, "export", what, "damaged.safetensors", "--out", out)
				if _, err := os.Lstat(q.path(out)); err == nil {
					t.Errorf("%s is left", out)
				}
			}
		})
	}
	p.refused(exitFailed, []string{"none.safetensors"}, "eval", "none.safetensors")

	// A newer checkpoint is never passed over for an older one, and a refused resume changes nothing.
	config := p.read("runs", "run", "config.toml")
	p.write(newer(whole), "runs", "run", "checkpoints", "step-00000013.safetensors")
	p.refused(exitFailed, []string{"step-00000013", "newer version"}, trainArgs("run", "--resume")...)
	p.check(os.Remove(p.path("runs", "run", "checkpoints", "step-00000013.safetensors")))
	p.refused(exitFailed, []string{"fc4.weight"}, trainArgs("run",
		append(sets("network.layers.fc4.features=64"), "--resume")...)...)
	if !bytes.Equal(config, p.read("runs", "run", "config.toml")) {
		t.Error("config.toml has changed")
	}
	p.works("train", "--run", "run", "--resume")
}

func TestExistingRun(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("run")...)
	before := p.read("runs", "run", "metrics.jsonl")
	for _, name := range []string{"run", "runs/run", "./runs/run/"} {
		p.refused(exitUsage, []string{"runs/run", "--resume"}, trainArgs(name)...)
	}
	if !bytes.Equal(before, p.read("runs", "run", "metrics.jsonl")) {
		t.Error("metrics.jsonl has changed")
	}
	p.write([]byte("a file"), "plain")
	p.refused(exitFailed, []string{"plain"}, trainArgs("run", "--runs", "plain")...)
}

// TestNoValidationSplit: what lacks a split is refused before there is a run.
func TestNoValidationSplit(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "packed", "--size", "24", "--val-fraction", "0")
	args := trainArgs("run", sets("data.path=packed", "train.batch=4")...)
	p.refused(exitFailed, []string{"validation split", "--val-fraction"}, args...)
	if _, err := os.Stat(p.path("runs")); err == nil {
		t.Error("a folder of runs is left")
	}
	p.works(append(args, sets("train.validate_steps=0")...)...)
	p.refused(exitFailed, []string{"validation split", "--split train"}, "eval", p.last("run"))
	p.works("eval", p.last("run"), "--split", "train")
}
