package configs_test

import (
	"errors"
	"strings"
	"testing"

	"duet/configs"
)

// small is a valid configuration; the tests damage it.
const small = `[network]
name = "small"
towers = 2

[[network.layers]]
name = "conv1"
type = "conv"
maps = 8
kernel = 5
activation = "relu"

[[network.layers]]
name = "norm1"
type = "lrn"
n = 3
k = 2
alpha = 1e-4
beta = 0.75
alpha_over_n = true

[[network.layers]]
name = "pool1"
type = "maxpool"
kernel = 3
stride = 2

[[network.layers]]
name = "conv2"
type = "conv"
maps = 16
kernel = 3
exchange = true

[[network.layers]]
name = "fc3"
type = "linear"
features = 10
exchange = true

[data]
path = "data/small"
crop = 16

[devices]
towers = ["reference:0", "reference:1"]

[train]
batch = 8
epochs = 2
momentum = 0.9
weight_decay = 0

[train.schedule]
type = "fixed"
rate = 0.01
`

// TestErrors makes one edit of small at a time. An error is said in full: file, line, key, what is wrong, what is
// wanted.
func TestErrors(t *testing.T) {
	const convKeys = "name, type, maps, activation, exchange, towers, kernel, stride, pad, init, std, bias, rate, " +
		"bias_rate, decay, bias_decay, frozen"
	const behindCrop = "\n\n[devices]\ntowers = [\"reference:0\", \"reference:1\"]\n\n[train]"
	for _, c := range []struct{ name, old, new, want string }{
		{"features of nothing frozen", "[train]", "[train]\ncache_features = true",
			`small.toml:48: train.cache_features: no frozen layer comes before conv1: want frozen = true of the layers whose ` +
				`features are to be kept`},
		{"features of random crops", behindCrop, "\nrandom_crop = true" + behindCrop + "\ncache_features = true",
			`small.toml:49: train.cache_features: an image is another one in every epoch by data.random_crop = true, ` +
				`want false`},
		{"features of mirrored images", behindCrop, "\nmirror = true" + behindCrop + "\ncache_features = true",
			`small.toml:49: train.cache_features: an image is another one in every epoch by data.mirror = true, want false`},
		{"features of coloured images", behindCrop, "\ncolor_noise = 0.1" + behindCrop + "\ncache_features = true",
			`small.toml:49: train.cache_features: an image is another one in every epoch by data.color_noise = 0.1, want 0`},
		{"features of crops of any size", behindCrop, "\ncrop_area = [0.1, 1]" + behindCrop + "\ncache_features = true",
			`small.toml:49: train.cache_features: an image is another one in every epoch by data.crop_area = [0.1 1], ` +
				`want []`},
		{"not TOML", "towers = 2\n", "towers = \n", `small.toml:3: expected value but found '\n' instead`},
		{"duplicate key", "towers = 2\n", "towers = 2\ntowers = 1\n",
			`small.toml:4: Key 'network.towers' has already been defined.`},
		{"unknown table", "[data]", "[date]\n[data]", `small.toml:40: date: unknown key, did you mean data?`},
		{"unknown key", "batch = 8", "batchsize = 8\nbatch = 8",
			`small.toml:48: train.batchsize: unknown key, want one of seed, init, cache_features, batch, epochs, ` +
				`max_steps, momentum, weight_decay, ema, layer_decay, label_smoothing, class_weights, ` +
				`balance_classes, stop_epochs, ` +
				`report_steps, schedule, validate_epochs, validate_steps, views, checkpoint_epochs, ` +
				`checkpoint_steps, ` +
				`checkpoint_start, keep`},
		{"misspelt key", "stride = 2", "strides = 2",
			`small.toml:25: network.layers[2].strides: unknown key, did you mean stride?`},
		{"upper case", "batch = 8", "Batch = 8", `small.toml:48: train.Batch: unknown key, did you mean batch?`},
		{"quoted unknown key", "batch = 8", "batch = 8\n\"a.b\" = 1",
			`small.toml:49: train."a.b": unknown key, want one of seed, init, cache_features, batch, epochs, ` +
				`max_steps, momentum, weight_decay, ema, layer_decay, label_smoothing, class_weights, ` +
				`balance_classes, stop_epochs, ` +
				`report_steps, schedule, validate_epochs, validate_steps, views, checkpoint_epochs, ` +
				`checkpoint_steps, ` +
				`checkpoint_start, keep`},

		{"string for integer", "kernel = 5", `kernel = "5"`, `small.toml:9: network.layers[0].kernel: "5", want an integer`},
		{"real for integer", "kernel = 5", `kernel = 5.5`, `small.toml:9: network.layers[0].kernel: 5.5, want an integer`},
		{"number for boolean", "exchange = true", `exchange = 1`,
			`small.toml:32: network.layers[3].exchange: 1, want true or false`},
		{"the key before activation", `activation = "relu"`, "relu = true",
			`small.toml:10: network.layers[0].relu: unknown key, want activation = "relu"`},
		{"activation of another name", `activation = "relu"`, `activation = "ReLU"`,
			`small.toml:10: network.layers[0].activation: "ReLU", want "relu", "tanh" or "none"`},
		{"activation without a name", `activation = "relu"`, `activation = ""`,
			`small.toml:10: network.layers[0].activation: "", want "relu", "tanh" or "none"`},
		{"activation that is no name", `activation = "relu"`, `activation = true`,
			`small.toml:10: network.layers[0].activation: true, want "relu", "tanh" or "none"`},
		{"activation of a pooling", "kernel = 3\nstride = 2", "kernel = 3\nactivation = \"tanh\"",
			`small.toml:25: network.layers[2].activation: a layer of type maxpool has no such key, it has name, type, ` +
				`kernel, stride, pad, ceil_mode`},
		{"number for string", `name = "small"`, `name = 7`, `small.toml:2: network.name: 7, want a string`},
		{"date for number", "rate = 0.01", `rate = 2012-12-03`,
			`small.toml:55: train.schedule.rate: 2012-12-03, want a finite number`},
		{"nan", "rate = 0.01", `rate = nan`, `small.toml:55: train.schedule.rate: nan, want a finite number`},
		{"infinity", "rate = 0.01", `rate = inf`, `small.toml:55: train.schedule.rate: inf, want a finite number`},
		{"negative seed", "batch = 8", "batch = 8\nseed = -1",
			`small.toml:49: train.seed: -1, want an integer of at least 0`},
		{"string for array", `["reference:0", "reference:1"]`, `"reference:0"`,
			`small.toml:45: devices.towers: "reference:0", want an array of strings, such as ["a", "b"]`},
		{"number in array of strings", `["reference:0", "reference:1"]`, "[\n\"reference:0\",\n1]",
			`small.toml:47: devices.towers[1]: 1, want a string`},
		{"value for table", "[train.schedule]\ntype = \"fixed\"\nrate = 0.01", `schedule = 3`,
			`small.toml:53: train.schedule: 3, want a table with the keys type, rate, gamma, every_epochs, every_steps, ` +
				`at_epochs, patience, threshold, drops, final_rate, warmup_steps`},

		{"three towers", "towers = 2\n", "towers = 3\n", `small.toml:3: network.towers: 3, want 1 or 2`},
		{"towers missing", "towers = 2\n", "\n", `small.toml:1: network.towers: missing, want 1 or 2`},
		{"unknown type", `"maxpool"`, `"minpool"`,
			`small.toml:23: network.layers[2].type: "minpool", want conv, linear, relu, tanh, lrn, maxpool, avgpool or dropout`},
		{"type missing", "type = \"maxpool\"\n", "\n",
			`small.toml:21: network.layers[2].type: missing, want conv, linear, relu, tanh, lrn, maxpool, avgpool or dropout`},
		{"name missing", "name = \"pool1\"\n", "\n",
			`small.toml:21: network.layers[2].name: missing, want a name such as "conv1"`},
		{"name twice", `"conv2"`, `"conv1"`,
			`small.toml:28: network.layers[3].name: "conv1" is an earlier layer's, want a unique name`},
		{"kernel 0", "kernel = 3\nstride = 2", "kernel = 0", `small.toml:24: network.layers[2].kernel: 0, want 1 to 16`},
		{"kernel missing", "kernel = 3\nstride = 2", "", `small.toml:21: network.layers[2].kernel: missing, want 1 to 16`},
		{"negative stride", "stride = 2", "stride = -1", `small.toml:25: network.layers[2].stride: -1, want 1 to 1024`},
		{"pad of a whole kernel", "stride = 2", "pad = 3",
			`small.toml:25: network.layers[2].pad: 3, want 0 to 2, less than the kernel`},
		{"negative maps", "maps = 8", "maps = -8", `small.toml:8: network.layers[0].maps: -8, want 1 to 1048576`},
		{"maps missing", "maps = 8\n", "\n", `small.toml:5: network.layers[0].maps: missing, want 1 to 1048576`},
		{"key of another type", "maps = 8", "maps = 8\nfeatures = 8",
			`small.toml:9: network.layers[0].features: a layer of type conv has no such key, it has ` + convKeys},
		{"alpha_over_n missing", "alpha_over_n = true\n", "\n",
			`small.toml:12: network.layers[1].alpha_over_n: missing, want true (alpha is divided by n, as the 2012 source and ` +
				`Caffe do) or false (the paper's formula)`},
		{"alpha missing", "alpha = 1e-4\n", "\n",
			`small.toml:12: network.layers[1].alpha: missing, want above 0, such as 1e-4`},
		{"even window", "n = 3", "n = 4", `small.toml:15: network.layers[1].n: 4, want an odd number of maps`},
		{"unknown initialisation", "maps = 8", "maps = 8\ninit = \"xavier\"",
			`small.toml:9: network.layers[0].init: "xavier", want he, normal or constant`},
		{"normal without deviation", "maps = 8", "maps = 8\ninit = \"normal\"",
			`small.toml:5: network.layers[0].std: missing, want above 0, such as 0.01`},
		{"deviation for He", "maps = 8", "maps = 8\nstd = 0.01",
			`small.toml:9: network.layers[0].std: 0.01, but init is he, whose deviation is sqrt(2/inputs); ` +
				`want init = "normal"`},
		{"negative rate of a layer", "maps = 8", "maps = 8\nbias_rate = -1",
			`small.toml:9: network.layers[0].bias_rate: -1, want at least 0`},
		{"dropout without rate", "[[network.layers]]\nname = \"fc3\"",
			"[[network.layers]]\nname = \"drop\"\ntype = \"dropout\"\n[[network.layers]]\nname = \"fc3\"",
			`small.toml:34: network.layers[4].drop_rate: missing, want 0 to below 1, such as 0.5`},
		{"last layer rectified", "features = 10", "features = 10\nactivation = \"tanh\"",
			`small.toml:36: network.layers[4].type: the last layer is linear with tanh, want linear without an activation: ` +
				`the classes' scores`},

		{"one tower, two devices", "towers = 2\n", "towers = 1\n",
			`small.toml:45: devices.towers: 2 devices for a network of 1 tower, want one device`},
		{"three devices", `"reference:1"]`, `"reference:1", "reference:2"]`,
			`small.toml:45: devices.towers: 3 devices, want one, or one for each of two towers`},
		{"unknown device", `["reference:0", "reference:1"]`, `["gpu1"]`,
			`small.toml:45: devices.towers[0]: device "gpu1": want BACKEND:NUMBER, such as dnnl:0`},
		{"two backends", `"reference:1"]`, `"cuda:1"]`,
			`small.toml:45: devices.towers: "reference:0" and "cuda:1" are of different backends, want two devices of one`},
		{"unknown precision", "[devices]", "[devices]\nprecision = \"fp16\"",
			`small.toml:45: devices.precision: "fp16", want fp32, bf16 or fp64`},
		{"fp64 off the reference", `["reference:0", "reference:1"]`, "[\"dnnl:0\"]\nprecision = \"fp64\"",
			`small.toml:46: devices.precision: fp64 on dnnl:0, want fp32 or bf16: only the reference backend has fp64`},

		{"negative batch", "batch = 8", "batch = -8", `small.toml:48: train.batch: -8, want 1 to 65536`},
		{"batch missing", "batch = 8\n", "\n", `small.toml:47: train.batch: missing, want 1 to 65536`},
		{"momentum missing", "momentum = 0.9\n", "\n",
			`small.toml:47: train.momentum: missing, want a value such as 0.9, or 0 for none`},
		{"momentum that float32 rounds to 1", "momentum = 0.9", "momentum = 0.99999999",
			`small.toml:50: train.momentum: 0.99999999, want 0 to below 1, also when rounded to float32`},
		{"average that never moves", "momentum = 0.9", "momentum = 0.9\nema = 1",
			`small.toml:51: train.ema: 1, want 0 (off) to below 1, also when rounded to float32, such as 0.999`},
		{"weight decay that float32 rounds to 0", "weight_decay = 0", "weight_decay = 1e-50",
			`small.toml:51: train.weight_decay: 1e-50, want a number that float32 holds: 0, or 1e-45 to 3.4e38 in size`},
		{"rate beyond float32", "rate = 0.01", "rate = 1e39",
			`small.toml:55: train.schedule.rate: 1e39, want a number that float32 holds: 0, or 1e-45 to 3.4e38 in size`},
		{"alpha that float32 rounds to 0", "alpha = 1e-4", "alpha = 1e-300",
			`small.toml:17: network.layers[1].alpha: 1e-300, want a number that float32 holds: 0, or 1e-45 to 3.4e38 in size`},
		{"bias beyond float32", `activation = "relu"`, "bias = -1e40",
			`small.toml:10: network.layers[0].bias: -1e40, want a number that float32 holds: 0, or 1e-45 to 3.4e38 in size`},
		{"scale that float32 rounds to 0", "crop = 16", "crop = 16\nscale = 1e-46",
			`small.toml:43: data.scale: 1e-46, want a number that float32 holds: 0, or 1e-45 to 3.4e38 in size`},
		{"too many threads", "[devices]", "[devices]\nthreads = 100_000",
			`small.toml:45: devices.threads: 100000, want 1 to 1024, or 0 for all cores`},
		{"threads below 0", "[devices]", "[devices]\nthreads = -1",
			`small.toml:45: devices.threads: -1, want 1 to 1024, or 0 for all cores`},
		{"a name that is a path", `"small"`, `"a/b"`,
			`small.toml:2: network.name: "a/b", want at most 200 bytes of printable characters, none of /\:*?"<>|, and no dot ` +
				`before them: runs are named after it`},
		{"velocity's name", `"conv1"`, `"momentum.conv1"`,
			`small.toml:6: network.layers[0].name: "momentum.conv1", want a name that does not begin with "momentum.": what ` +
				`belongs to a parameter is called so`},
		{"average's name", `"conv1"`, `"ema"`,
			`small.toml:6: network.layers[0].name: "ema", want a name that does not begin with "ema.": what belongs to a ` +
				`parameter is called so`},
		{"no end", "epochs = 2\n", "\n",
			`small.toml:47: train.epochs: neither epochs nor max_steps say when to end, want one of them`},
		{"rate missing", "rate = 0.01\n", "\n", `small.toml:53: train.schedule.rate: missing, want above 0, such as 0.01`},
		{"key of another schedule", "rate = 0.01", "rate = 0.01\npatience = 3",
			`small.toml:56: train.schedule.patience: a schedule of type fixed has no such key`},

		{"kernel larger than its input", "kernel = 3\nexchange", "kernel = 6\nexchange",
			`small.toml:31: network.layers[3].kernel: conv2: conv2d: kernel 6 is larger than the input 5 with pad 0`},
		{"pooling larger than its input", "crop = 16", "crop = 6",
			`small.toml:24: network.layers[2].kernel: pool1: max_pool: kernel 3 is larger than the input 2 with pad 0`},
		{"towers do not divide maps", "maps = 8", "maps = 7",
			`small.toml:8: network.layers[0].maps: conv1: 7, want a multiple of the 2 towers`},
		{"scores without exchange", "features = 10\nexchange = true", "features = 10",
			`small.toml:34: network.layers[4].exchange: fc3: runs on one tower but sees two: want exchange = true`},
		{"crop missing", "crop = 16\n", "\n",
			`small.toml:40: data.crop: missing, want 1 to 4096, the side in pixels that the network sees`},
		{"path missing", "path = \"data/small\"\n", "\n",
			`small.toml:40: data.path: missing, want a packed set, a folder, .tar, .tar.gz or .zip of images, or "generated"`},
		{"unknown mean", "crop = 16", "crop = 16\nmean = \"median\"",
			`small.toml:43: data.mean: "median", want "channel", "image", "none" or ` +
				"the mean of red, green and blue in grey levels, such as [123.675, 116.28, 103.53]"},
		{"two means", "crop = 16", "crop = 16\nmean = [1, 2]",
			`small.toml:43: data.mean: [1, 2], want "channel", "image", "none" or the mean of red, green and blue in grey ` +
				"levels, such as [123.675, 116.28, 103.53]"},
		{"a mean of words", "crop = 16", "crop = 16\nmean = [\"a\"]",
			`small.toml:43: data.mean: a is no number, want "channel", "image", "none" or the mean of red, green and blue ` +
				"in grey levels, such as [123.675, 116.28, 103.53]"},
		{"a mean beyond white", "crop = 16", "crop = 16\nmean = [1, 2, 256]",
			`small.toml:43: data.mean: [1, 2, 256], want grey levels of 0 to 255`},
		{"a mean of two sorts", "crop = 16", "crop = 16\nmean = true",
			`small.toml:43: data.mean: true, want "channel", "image", "none" or the mean of red, green and blue in grey ` +
				"levels, such as [123.675, 116.28, 103.53]"},
		{"an area of one number", "crop = 16", "crop = 16\ncrop_area = [0.5]",
			`small.toml:43: data.crop_area: [0.5], want the least and the greatest share of the image's area, above 0 to 1, ` +
				"such as [0.08, 1]"},
		{"an area of more than the image", "crop = 16", "crop = 16\ncrop_area = [0.5, 1.5]",
			`small.toml:43: data.crop_area: [0.5 1.5], want the least and the greatest share of the image's area, above 0 ` +
				"to 1, such as [0.08, 1]"},
		{"a shape of no width", "crop = 16", "crop = 16\ncrop_area = [0.5, 1]\ncrop_ratio = [0, 1]",
			`small.toml:44: data.crop_ratio: [0 1], want the least and the greatest width by height, 0.01 to 100, such as ` +
				"[0.75, 1.3333]"},
		{"a shape of no area", "crop = 16", "crop = 16\ncrop_ratio = [0.75, 1.3333]",
			`small.toml:43: data.crop_ratio: [0.75 1.3333], but no crop_area: want both`},
		{"a rate that grows towards the image", "momentum = 0.9", "momentum = 0.9\nlayer_decay = 1.5",
			`small.toml:51: train.layer_decay: 1.5, want above 0 to 1, such as 0.5`},
		{"a target of nothing but all classes", "momentum = 0.9", "momentum = 0.9\nlabel_smoothing = 1",
			`small.toml:51: train.label_smoothing: 1, want 0 to below 1, such as 0.1`},
		{"a class that counts against itself", "momentum = 0.9", "momentum = 0.9\nclass_weights = [1, -1]",
			`small.toml:51: train.class_weights[1]: -1, want at least 0`},
		{"no class counts", "momentum = 0.9", "momentum = 0.9\nclass_weights = [0, 0]",
			`small.toml:51: train.class_weights: all are 0, want at least one above`},
		{"two sorts of class weights", "momentum = 0.9", "momentum = 0.9\nclass_weights = [1]\nbalance_classes = true",
			`small.toml:52: train.balance_classes: class_weights are given too, want one of them`},
		{"never to stop", "momentum = 0.9", "momentum = 0.9\nstop_epochs = -1",
			`small.toml:51: train.stop_epochs: -1, want above 0`},
		{"more than a half turn", "crop = 16", "crop = 16\nrotate = 181",
			`small.toml:43: data.rotate: 181, want 0 to 180 degrees`},
		{"brightness below black", "crop = 16", "crop = 16\nbrightness = 1.5",
			`small.toml:43: data.brightness: 1.5, want 0 (off) to 1, such as 0.2`},
		{"contrast of less than none", "crop = 16", "crop = 16\ncontrast = -0.5",
			`small.toml:43: data.contrast: -0.5, want 0 (off) to 1, such as 0.2`},
		{"one deviation", "crop = 16", "crop = 16\nstd = [58.395]",
			`small.toml:43: data.std: [58.395], want one number for each of red, green and blue`},
		{"no deviation", "crop = 16", "crop = 16\nstd = [1, 0, 1]",
			`small.toml:43: data.std[1]: 0, want grey levels above 0, such as 58.395`},
		{"eleven generated classes", `"data/small"`, "\"generated\"\ngenerated.classes = 11",
			`small.toml:42: data.generated.classes: 11, want 2 to 10`},
		{"crop larger than the images", "crop = 16", "crop = 16\nsize = 12\npad = 1",
			`small.toml:42: data.crop: 16, want at most 14: images are 12 pixels wide with a pad of 1`},
		{"features other than the classes", `"data/small"`, "\"generated\"\ngenerated.classes = 4",
			`small.toml:37: network.layers[4].features: fc3: 10, but the data has 4 classes: want 4, or no features to take ` +
				`the data's`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(small, c.old) == 0 {
				t.Fatalf("the configuration has no %q", c.old)
			}
			_, err := configs.Parse("small.toml", []byte(strings.Replace(small, c.old, c.new, 1)), nil)
			if err == nil {
				t.Fatalf("accepted, want %s", c.want)
			}
			if err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// TestAllProblemsAtOnce: one a line, in the order of the file.
func TestAllProblemsAtOnce(t *testing.T) {
	text := strings.NewReplacer("batch = 8", "batch = -8", "towers = 2\n", "towers = 0\n", "maps = 8",
		"maps = -1").Replace(small)
	_, err := configs.Parse("small.toml", []byte(text), []string{"train.momentum=1"})
	want := `small.toml:3: network.towers: 0, want 1 or 2
small.toml:8: network.layers[0].maps: -1, want 1 to 1048576
small.toml:48: train.batch: -8, want 1 to 65536
--set train.momentum: 1, want 0 to below 1, also when rounded to float32`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var first *configs.Error
	if !errors.As(err, &first) || first.File != "small.toml" || first.Line != 3 || first.Key != "network.towers" {
		t.Errorf("the first error is %#v", first)
	}
}

// TestNoTable: what is asked for names the file alone where the file has nothing that is near.
func TestNoTable(t *testing.T) {
	text, _, _ := strings.Cut(small, "[train]")
	_, err := configs.Parse("small.toml", []byte(text), nil)
	if err == nil || !strings.Contains(err.Error(), "small.toml: train.batch: missing, want 1 to 65536\n") {
		t.Errorf("got %v", err)
	}
}
