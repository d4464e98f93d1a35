package configs_test

import (
	"strings"
	"testing"

	"duet/configs"
)

// TestValuesAsWritten: a value of a wrong type is quoted as it stands in the file or in the override.
func TestValuesAsWritten(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{"8.0", "8.0, want an integer"},
		{"1e3", "1e3, want an integer"},
		{"1_000.0", "1_000.0, want an integer"},
		{"+0.0", "+0.0, want an integer"},
		{"-inf", "-inf, want an integer"},
		{"nan", "nan, want an integer"},
		{"true", "true, want an integer"},
		{"2012-12-03", "2012-12-03, want an integer"},
		{"2012-12-03 10:00:00Z", "2012-12-03 10:00:00Z, want an integer"},
		{`"8"`, `"8", want an integer`},
		{"[8]", "an array, want an integer"},
		{"{a = 8.0}", "a table, want an integer"},
	} {
		for where, parse := range map[string]func() error{
			"small.toml:48: train.batch: ": func() error {
				_, err := configs.Parse("small.toml", []byte(strings.Replace(small, "batch = 8\n",
					"batch =  "+c.value+" # images\n", 1)), nil)
				return err
			},
			"--set train.batch: ": func() error {
				_, err := configs.Parse("small.toml", []byte(small), []string{"train.batch= " + c.value})
				return err
			},
		} {
			if err := parse(); err == nil || err.Error() != where+c.want {
				t.Errorf("got  %v\nwant %s%s", err, where, c.want)
			}
		}
	}
	for _, c := range []struct {
		sets []string
		want string
	}{
		{[]string{"train.schedule.at_epochs=[1.0, true]"},
			"--set train.schedule.at_epochs: train.schedule.at_epochs[1]: true, want a finite number"},
		{[]string{"train.schedule={type=\"fixed\", rate=0.1, warmup_steps=2.50}"},
			"--set train.schedule: train.schedule.warmup_steps: 2.50, want an integer of at least 0"},
		{[]string{"train.batch=8.0", "train.batch=9.0"}, "--set train.batch: 9.0, want an integer"},
		{[]string{"train.batch=8.0", "train.batch=many"}, `--set train.batch: "many", want an integer`},
		{[]string{"network.layers.conv1.maps=16.0"}, "--set network.layers.conv1.maps: 16.0, want an integer"},
	} {
		if _, err := configs.Parse("small.toml", []byte(small), c.sets); err == nil || err.Error() != c.want {
			t.Errorf("%v: got  %v\nwant %s", c.sets, err, c.want)
		}
	}
}

// TestWrongOverrideHarmsNothing: beside one that cannot be understood, the others and the file stay what they are.
func TestWrongOverrideHarmsNothing(t *testing.T) {
	for _, c := range []struct {
		sets []string
		want string
	}{
		{[]string{"network.layers.conv1.maps=16", "network.layers.conv1.foo=1"},
			"--set network.layers.conv1.foo: unknown key foo, want one of "},
		{[]string{"network.layers.conv1.foo=1", "network.layers.conv1.maps=16"},
			"--set network.layers.conv1.foo: unknown key foo, want one of "},
		{[]string{"network.layers[1].n.x=1", "network.layers.norm1.n=5"},
			"--set network.layers[1].n.x: network.layers[1].n is an integer, it has no keys"},
		{[]string{"devices.towers[0]=reference:3", "devices.towers[0].x=1"},
			"--set devices.towers[0].x: devices.towers[0] is a string, it has no keys"},
		{[]string{"devices.towers[0]=reference:3", "devices.towers[7]=reference:4"},
			"--set devices.towers[7]: devices.towers[7]: want an index of 0 to 1"},
		{[]string{"train.schedule.rate=0.5", "train.schedule.rate.x=1"},
			"--set train.schedule.rate.x: train.schedule.rate is a finite number, it has no keys"},
		{[]string{"data.generated.classes=3", "data.generated.x=1"}, "--set data.generated.x: unknown key x, want one of "},
	} {
		_, err := configs.Parse("small.toml", []byte(small), c.sets)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: got  %v\nwant %s", c.sets, err, c.want)
		}
	}
}

// TestTypeOfAnother: an override of a type leaves out what the file says for the former type, and says so; what
// overrides say is never left out.
func TestTypeOfAnother(t *testing.T) {
	step := strings.Replace(small, "type = \"fixed\"\nrate = 0.01\n",
		"type = \"step\"\nrate = 0.01\ngamma = 0.1\nat_epochs = [1]\nwarmup_steps = 3\n", 1)
	for _, c := range []struct {
		text string
		sets []string
		note string // "" for none
	}{
		{step, []string{"train.schedule.type=fixed"},
			"--set train.schedule.type=fixed leaves out what small.toml says for another: " +
				"at_epochs (line 57), gamma (line 56)"},
		{step, []string{"train.schedule.type=exp", "train.schedule.every_epochs=1"},
			"--set train.schedule.type=exp leaves out what small.toml says for another: at_epochs (line 57)"},
		{step, []string{"train.schedule.every_epochs=1", "train.schedule.type=exp"},
			"--set train.schedule.type=exp leaves out what small.toml says for another: at_epochs (line 57)"},
		{step, []string{"train.schedule.type=cosine"},
			"--set train.schedule.type=cosine leaves out what small.toml says for another: " +
				"at_epochs (line 57), gamma (line 56)"},
		{step, []string{"train.schedule.type=step"}, ""},
		{step, []string{"train.schedule.type=fixed", "train.schedule.type=step"}, ""},
		{step, []string{`train.schedule={type="fixed", rate=0.1}`}, ""},
		{small, []string{"train.schedule.type=linear"}, ""},
		{small, []string{"network.layers[2].type=relu"},
			"--set network.layers[2].type=relu leaves out what small.toml says for another: " +
				"kernel (line 24), stride (line 25)"},
		{small, []string{"network.layers.pool1.type=lrn", "network.layers.pool1.n=3", "network.layers.pool1.k=1",
			"network.layers.pool1.alpha=1", "network.layers.pool1.beta=1", "network.layers.pool1.alpha_over_n=true"},
			"--set network.layers.pool1.type=lrn leaves out what small.toml says for another: " +
				"kernel (line 24), stride (line 25)"},
		{strings.Replace(small, "activation = \"relu\"", "init = \"normal\"\nstd = 0.5", 1),
			[]string{"network.layers.conv1.init=he"},
			"--set network.layers.conv1.init=he leaves out what small.toml says for another: std (line 11)"},
		{strings.Replace(small, "activation = \"relu\"", "init = \"normal\"\nstd = 0.5", 1),
			[]string{"network.layers.conv1.init=constant"}, ""},
		{strings.Replace(small, "crop = 16", "crop = 16\ncodec = \"jpeg\"\nquality = 80", 1), []string{"data.codec=raw"},
			"--set data.codec=raw leaves out what small.toml says for another: quality (line 44)"},
	} {
		got, err := configs.Parse("small.toml", []byte(c.text), c.sets)
		if err != nil {
			t.Errorf("%v: %v", c.sets, err)
			continue
		}
		if note := strings.Join(got.Notes, "\n"); note != c.note {
			t.Errorf("%v: said %q, want %q", c.sets, note, c.note)
		}
	}
	for _, c := range []struct{ text, sets, want string }{
		{step, "train.schedule.type=fixed train.schedule.gamma=0.5",
			"--set train.schedule.gamma: a schedule of type fixed has no such key"},
		{step, "train.schedule.gamma=0.5 train.schedule.type=fixed",
			"--set train.schedule.gamma: a schedule of type fixed has no such key"},
		{step, "train.schedule.type=steps",
			`--set train.schedule.type: "steps", want fixed, step, exp, plateau, linear or cosine`},
		{strings.Replace(step, "gamma", "gama", 1), "train.schedule.type=fixed",
			`small.toml:56: train.schedule.gama: unknown key, did you mean gamma?`},
	} {
		if _, err := configs.Parse("small.toml", []byte(c.text), strings.Fields(c.sets)); err == nil ||
			err.Error() != c.want {
			t.Errorf("%s: got  %v\nwant %s", c.sets, err, c.want)
		}
	}
}

// TestPresetsWithAnySchedule: another type of schedule is one override away, but for the keys that it needs.
func TestPresetsWithAnySchedule(t *testing.T) {
	for _, name := range configs.Presets() {
		for _, sets := range []string{"type=fixed", "type=linear", "type=cosine", "type=exp gamma=0.5 every_epochs=1",
			"type=step gamma=0.5 every_epochs=1 at_epochs=[]", "type=plateau gamma=0.5 patience=1 drops=1"} {
			var all []string
			for _, s := range strings.Fields(sets) {
				all = append(all, "train.schedule."+s)
			}
			if _, err := configs.Load(name, all); err != nil {
				t.Errorf("%s with %s: %v", name, sets, err)
			}
		}
	}
}

// TestHostileNames: a name or a type of a configuration neither ends a line of an error nor steers the terminal.
func TestHostileNames(t *testing.T) {
	const escape, line = `"\u001b[31m"`, `"a\nb"`
	for _, name := range []string{escape, line, `"a\rb"`, `"\u0007"`, `"\u0000"`, `"\u202e"`, `"\u009b1m"`, `"\u2028"`} {
		for _, old := range []string{"name = \"small\"", "name = \"conv1\"", "name = \"fc3\"", "type = \"conv\"",
			"type = \"linear\"", "type = \"fixed\"", "path = \"data/small\"\ncrop = 16",
			"towers = [\"reference:0\", \"reference:1\"]", "activation = \"relu\"", "[train.schedule]", "batch = 8"} {
			key, _, _ := strings.Cut(old, " = ")
			change := strings.Replace(old, old, key+" = "+name, 1)
			switch old {
			case "activation = \"relu\"":
				change = "init = " + name
			case "[train.schedule]": // a key
				change = "[train." + name + "]"
			case "batch = 8":
				change = "batch = 8\n" + name + " = 1\n" + name + " = 2"
			}
			_, err := configs.Parse("small.toml", []byte(strings.Replace(small, old, change, 1)),
				[]string{"network.layers.norm9.n=3"})
			if err == nil {
				t.Errorf("%s is accepted", change)
				continue
			}
			for _, r := range strings.ReplaceAll(err.Error(), "\nsmall.toml:", "\n--set ") {
				if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == 0x2028 {
					t.Errorf("%s: %q has the character %U", change, err, r)
				}
			}
			for _, l := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(l, "small.toml") && !strings.HasPrefix(l, "--set ") {
					t.Errorf("%s: %q is a line of its own", change, l)
				}
			}
		}
	}
	for _, set := range []string{"train.\x1b[31m=3", "network.layers.\x1b[31m.maps=3", "network.layers[\x1b]=3",
		"train.batch[\n]=3", "\x07.x=1"} {
		_, err := configs.Parse("small.toml", []byte(small), []string{set})
		if err == nil || strings.ContainsAny(err.Error(), "\x1b\n\x07") {
			t.Errorf("%q: got %q", set, err)
		}
	}
}
