package configs_test

import (
	"reflect"
	"strings"
	"testing"

	"duet/alexnet"
	"duet/configs"
	"duet/engine/train"
)

func TestOverrides(t *testing.T) {
	for _, c := range []struct {
		set  []string
		want any
		get  func(c *train.Config) any
	}{
		{[]string{"train.batch=64"}, 64, func(c *train.Config) any { return c.Train.Batch }},
		{[]string{"train.batch=64", "train.batch=32"}, 32, func(c *train.Config) any { return c.Train.Batch }},
		{[]string{" train.batch = 64 "}, 64, func(c *train.Config) any { return c.Train.Batch }},
		{[]string{"train.epochs=1e1"}, 10., func(c *train.Config) any { return c.Train.Epochs }},
		{[]string{"train.epochs=3"}, 3., func(c *train.Config) any { return c.Train.Epochs }},
		{[]string{"data.shuffle=false"}, false, func(c *train.Config) any { return c.Data.Shuffle }},
		{[]string{"data.path=data/a=b c"}, "data/a=b c", func(c *train.Config) any { return c.Data.Path }},
		{[]string{`data.path="data/quoted"`}, "data/quoted", func(c *train.Config) any { return c.Data.Path }},
		{[]string{"data.path=12"}, "12", func(c *train.Config) any { return c.Data.Path }},
		{[]string{"data.path=true # no comment"}, "true # no comment", func(c *train.Config) any { return c.Data.Path }},
		// no such table in the file
		{[]string{"data.generated.classes=3"}, 3, func(c *train.Config) any { return c.Data.Generated.Classes }},
		{[]string{`devices.towers=["reference:0"]`}, []string{"reference:0"},
			func(c *train.Config) any { return c.Devices.Towers }},
		{[]string{`devices.towers[1]=reference:7`}, []string{"reference:0", "reference:7"},
			func(c *train.Config) any { return c.Devices.Towers }},
		{[]string{"network.layers[0].maps=4"}, 4, func(c *train.Config) any { return layers(c)[0].Maps }},
		{[]string{"network.layers.conv2.maps=4"}, 4, func(c *train.Config) any { return layers(c)[3].Maps }},
		{[]string{"network.layers.conv2.name=c", "network.layers.c.maps=4"}, 4,
			func(c *train.Config) any { return layers(c)[3].Maps }},
		{[]string{"network.layers.conv2.rate=0"}, 0., func(c *train.Config) any { return *layers(c)[3].Rate }},
		{[]string{"network.layers.conv1.activation=tanh"}, alexnet.Activation("tanh"),
			func(c *train.Config) any { return layers(c)[0].Activation }},
		{[]string{"network.layers.conv1.activation=none"}, alexnet.Activation(""),
			func(c *train.Config) any { return layers(c)[0].Activation }},
		{[]string{`network.layers=[{name="fc", type="linear"}]`}, 1, func(c *train.Config) any { return len(layers(c)) }},
		{[]string{`train.schedule={type="step", rate=1, gamma=0.5, at_epochs=[1, 1.5]}`}, []float64{1, 1.5},
			func(c *train.Config) any { return c.Train.Schedule.AtEpochs }},
	} {
		t.Run(strings.Join(c.set, " "), func(t *testing.T) {
			cfg, err := configs.Parse("small.toml", []byte(small), c.set)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.get(cfg); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %#v, want %#v", got, c.want)
			}
		})
	}
}

func TestOverrideErrors(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"train.batch", `--set "train.batch": want PATH.TO.KEY=VALUE, such as train.batch=64`},
		{"=3", `--set "=3": want PATH.TO.KEY=VALUE, such as train.batch=64`},
		{"", `--set "": want PATH.TO.KEY=VALUE, such as train.batch=64`},
		{"train.path=\xff", `--set "train.path=\xff": want PATH.TO.KEY=VALUE, such as train.batch=64`},
		{"train.bacth=3", `--set train.bacth: unknown key bacth, did you mean batch?`},
		{"trian.batch=3", `--set trian.batch: unknown key trian, did you mean train?`},
		{"train.=3",
			`--set train.: unknown key "", want one of seed, init, cache_features, batch, epochs, max_steps, momentum, ` +
				`weight_decay, ema, layer_decay, label_smoothing, class_weights, balance_classes, stop_epochs, ` +
				`report_steps, schedule, validate_epochs, validate_steps, views, ` +
				`checkpoint_epochs, checkpoint_steps, checkpoint_start, keep`},
		{"train.batch.x=3", `--set train.batch.x: train.batch is an integer, it has no keys`},
		{"train.batch[0]=3", `--set train.batch[0]: train.batch is an integer, it has no keys`},
		{"data.shuffle.x=3", `--set data.shuffle.x: data.shuffle is a boolean, it has no keys`},
		{"train.batch=many", `--set train.batch: "many", want an integer`},
		{"train.batch=", `--set train.batch: "", want an integer`},
		{"train.batch=1\nx=2", `--set train.batch: "1\nx=2", want an integer`},
		{"train.batch=0", `--set train.batch: 0, want 1 to 65536`},
		{"train=3",
			`--set train: 3, want a table with the keys seed, init, cache_features, batch, epochs, max_steps, momentum, ` +
				`weight_decay, ema, layer_decay, label_smoothing, class_weights, balance_classes, stop_epochs, ` +
				`report_steps, schedule, validate_epochs, validate_steps, views, ` +
				`checkpoint_epochs, checkpoint_steps, checkpoint_start, keep`},
		{"network.layers=3", `--set network.layers: 3, want an array of tables`},
		{"network.layers=[3]",
			`--set network.layers: network.layers[0]: 3, want a table with the keys name, type, maps, features, ` +
				`activation, exchange, towers, kernel, stride, pad, ceil_mode, count_include_pad, init, std, bias, rate, ` +
				`bias_rate, decay, bias_decay, frozen, n, k, alpha, beta, alpha_over_n, across, drop_rate, inverted`},
		{"network.layers[5].maps=3", `--set network.layers[5].maps: network.layers[5]: want an index of 0 to 4`},
		{"network.layers[-1].maps=3", `--set network.layers[-1].maps: network.layers[-1]: want an index of 0 to 4`},
		{"network.layers[x].maps=3", `--set network.layers[x].maps: network.layers[x]: want an index such as [0]`},
		{"network.layers[0.maps=3", `--set network.layers[0.maps: network.layers[0: want an index such as [0]`},
		{"network.layers.conv9.maps=3",
			`--set network.layers.conv9.maps: network.layers has no element named conv9, did you mean conv1?`},
		{"network.layers[0].kernels=3", `--set network.layers[0].kernels: unknown key kernels, did you mean kernel?`},
		{"network.layers.conv1.relu=true", `--set network.layers.conv1.relu: unknown key relu, want activation = "relu"`},
		{"network.layers.conv1.activation=sigmoid",
			`--set network.layers.conv1.activation: "sigmoid", want "relu", "tanh" or "none"`},
		{"network.layers[2].kernel=0", `--set network.layers[2].kernel: 0, want 1 to 16`},
		{"network.layers.conv1.maps=7", `--set network.layers.conv1.maps: conv1: 7, want a multiple of the 2 towers`},
		{"data.crop=4",
			`small.toml:9: network.layers[0].kernel: conv1: conv2d: kernel 5 is larger than the input 4 with pad 0`},
		{`network.layers=[{name="fc", type="linear", maps=4}]`,
			`--set network.layers: network.layers[0].maps: a layer of type linear has no such key, it has name, type, ` +
				`features, activation, exchange, towers, init, std, bias, rate, bias_rate, decay, bias_decay, frozen`},
	} {
		t.Run(c.set, func(t *testing.T) {
			if _, err := configs.Parse("small.toml", []byte(small), []string{c.set}); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// TestOverrideOfBrokenFile: a path that crosses a value of a wrong type in the file.
func TestOverrideOfBrokenFile(t *testing.T) {
	for _, c := range []struct{ text, set, want string }{
		{"train = 3\n", "train.batch=4", "train is 3 in the file, want a table"},
		{"[network]\nlayers = 3\n", "network.layers[0].maps=4", "network.layers is 3 in the file, want an array"},
		{"[network]\nlayers = []\n", "network.layers[0].maps=4", "network.layers has no elements"},
		{"[network]\nlayers = [3]\n", "network.layers[0].maps=4", "network.layers[0] is 3 in the file, want a table"},
	} {
		_, err := configs.Parse("x.toml", []byte(c.text), []string{c.set})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q with %s: got %v, want %s", c.text, c.set, err, c.want)
		}
	}
}

func layers(c *train.Config) []alexnet.Layer { return c.Network.(*alexnet.Config).Layers }
