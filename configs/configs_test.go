package configs_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"duet/configs"
)

// TestPresets: every built-in configuration is valid, is the file of this folder, and survives being written.
func TestPresets(t *testing.T) {
	want := []string{"alexnet", "caffe", "caffenet", "cifar10", "photos", "quick", "smoke", "torchvision"}
	if got := configs.Presets(); !slices.Equal(got, want) {
		t.Errorf("built in are %v, want %v", got, want)
	}
	for _, name := range configs.Presets() {
		t.Run(name, func(t *testing.T) {
			c, err := configs.Load(name+".toml", nil)
			if err != nil {
				t.Fatal(err)
			}
			towers := 2
			if name == "torchvision" || name == "photos" {
				towers = 1
			}
			if c.Network.Title() != name || c.Network.MaxDevices() != towers {
				t.Errorf("network %s of %d towers", c.Network.Title(), c.Network.MaxDevices())
			}
			again, err := configs.Parse("written", c.TOML(), nil)
			if err != nil {
				t.Fatalf("%v\n%s", err, c.TOML())
			}
			if !reflect.DeepEqual(c, again) {
				t.Errorf("read again as\n%+v\nwas\n%+v", again, c)
			}
			if text := again.TOML(); string(text) != string(c.TOML()) {
				t.Errorf("written again as\n%s", text)
			}
		})
	}
}

// TestRoundTripKeepsZeros: a zero is not a default.
func TestRoundTripKeepsZeros(t *testing.T) {
	set := []string{"data.shuffle=false", "data.prefetch=0", "data.val_fraction=0", "network.layers.conv1.rate=0",
		"network.layers.norm1.alpha_over_n=false", "network.layers.drop4.drop_rate=0", "train.momentum=0"}
	c, err := configs.Load("smoke", set)
	if err != nil {
		t.Fatal(err)
	}
	again, err := configs.Parse("written", c.TOML(), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, c.TOML())
	}
	if !reflect.DeepEqual(c, again) {
		t.Errorf("read again as\n%+v\nwas\n%+v", again, c)
	}
}

func TestLoad(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"quick", "quick.toml", "configs/quick.toml", "./configs/quick.toml"} {
		if c, err := configs.Load(name, nil); err != nil || c.Network.Title() != "quick" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"slow", "other/quick.toml", "/configs/quick.toml", "", ".", "..", "configs",
		"configs/../.."} {
		if _, err := configs.Load(name, nil); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v, want an error of one line", name, err)
		}
	}
	for name, want := range map[string]string{
		"alexnt":            "configuration: open alexnt: no such file or directory; did you mean alexnet?",
		"configs/Quik.toml": "configuration: open configs/Quik.toml: no such file or directory; did you mean quick?",
		"mine.toml": "configuration: open mine.toml: no such file or directory; built in are alexnet, caffe, caffenet, " +
			"cifar10, photos, quick, smoke, torchvision",
		"alexnt/": "configuration: open alexnt/: no such file or directory; did you mean alexnet?",
	} {
		if _, err := configs.Load(name, nil); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", name, err, want)
		}
	}

	if err := os.Mkdir("quick", 0o755); err != nil { // a folder is no configuration
		t.Fatal(err)
	}
	if c, err := configs.Load("quick", nil); err != nil || c.Network.Title() != "quick" {
		t.Errorf("beside a folder of that name: %v", err)
	}
	if err := os.WriteFile("quick.toml", []byte(small), 0o644); err != nil { // a file wins
		t.Fatal(err)
	}
	if c, err := configs.Load("quick.toml", nil); err != nil || c.Network.Title() != "small" {
		t.Errorf("a file of a built-in name: %v", err)
	}
	file := filepath.Join(t.TempDir(), "bad.toml")
	if err := os.WriteFile(file, []byte("\nx = 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := configs.Load(file, nil); err == nil || !strings.HasPrefix(err.Error(), file+":2: x: unknown key") {
		t.Errorf("got %v", err)
	}
}

func TestDefaults(t *testing.T) {
	c, err := configs.Parse("small.toml", []byte(small), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Train.Keep != 3 || c.Train.Views != 1 || c.Train.Seed != 0 {
		t.Errorf("train %+v", c.Train)
	}
	if c.Devices.Precision != "fp32" || c.Devices.Threads != 0 {
		t.Errorf("devices %+v", c.Devices)
	}
	if !c.Data.Shuffle || c.Data.Mean != "channel" || c.Data.Scale != 1 || c.Data.Mirror || c.Data.RandomCrop {
		t.Errorf("data %+v", c.Data)
	}
}

// FuzzParse: no text and no override makes Parse panic, and what it accepts survives being written.
func FuzzParse(f *testing.F) {
	for _, name := range configs.Presets() {
		text, _ := configs.Preset(name)
		f.Add(string(text), "train.batch=3")
	}
	f.Add(small, "network.layers.conv1.maps=7")
	f.Add(small, `devices.towers[0]="reference:3"`)
	f.Add("network.layers = [1]\n", "network.layers[0].rate={}")
	f.Add(`[network]`+"\n"+`layers = [{name = "fc", type = "linear"}]`, "network.layers[0]={}")
	f.Fuzz(func(t *testing.T, text, set string) {
		if len(text) > 1<<16 {
			return
		}
		c, err := configs.Parse("fuzz.toml", []byte(text), []string{set})
		if err != nil {
			if c != nil || err.Error() == "" {
				t.Fatalf("configuration %v with error %q", c, err)
			}
			return
		}
		c.Notes = nil // they are of how it came about
		again, err := configs.Parse("written", c.TOML(), nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, c.TOML())
		}
		if !reflect.DeepEqual(c, again) {
			t.Fatalf("read again as\n%+v\nwas\n%+v", again, c)
		}
	})
}
