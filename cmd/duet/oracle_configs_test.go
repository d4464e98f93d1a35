package main

// configurations have between them every key that changes a number, on images of 12x12 of seven classes.
var configurations = map[string]string{
	// The paper's network, made small: exchanges, both forms of LRN, overlapping pooling, dropout that scales at test
	// time, mean image, crops, mirrors and colour noise, warm-up and two drops, multipliers. Its seed has a high half.
	"paper": `
[network]
name = "paper"
towers = 2
layers = [
  {name = "conv1", type = "conv", maps = 8, kernel = 3, pad = 1, activation = "relu", init = "normal", std = 0.2},
  {name = "norm1", type = "lrn", n = 5, k = 2, alpha = 0.3, beta = 0.75, alpha_over_n = true},
  {name = "pool1", type = "maxpool", kernel = 3, stride = 2, ceil_mode = true},
  {name="conv2", type="conv", maps=12, kernel=3, pad=2, activation="relu", bias=0.5, rate=0.5, decay=3},
  {name = "norm2", type = "lrn", n = 3, k = 1, alpha = 0.05, beta = 0.6, alpha_over_n = false, across = true},
  {name = "pool2", type = "maxpool", kernel = 3, stride = 2},
  {name="conv3", type="conv", maps=10, kernel=2, stride=1, exchange=true, activation="relu", bias_rate=2, bias_decay=0},
  {name = "fc4", type = "linear", features = 14, exchange = true, activation = "tanh", bias = 1},
  {name = "drop4", type = "dropout", drop_rate = 0.3},
  {name = "fc5", type = "linear", features = 12, activation = "relu"},
  {name = "drop5", type = "dropout", drop_rate = 0.5},
  {name = "fc6", type = "linear", exchange = true},
]
[data]
path = "set"
crop = 9
pad = 1
random_crop = true
mirror = true
color_noise = 0.3
mean = "image"
scale = 0.01
[devices]
towers = ["reference:0"]
[train]
seed = 81985529216486895
batch = 8
epochs = 2
momentum = 0.9
weight_decay = 0.05
validate_steps = 3
views = 10
[train.schedule]
type = "step"
rate = 0.03
gamma = 0.1
at_epochs = [0.9, 1.3]
warmup_steps = 2
`,
	// One tower, as today's frameworks have it: inverted dropout, means and deviations given, a rate that falls all the
	// time.
	"modern": `
[network]
name = "modern"
towers = 1
layers = [
  {name = "conv1", type = "conv", maps = 6, kernel = 4, stride = 2, pad = 1},
  {name = "relu1", type = "relu"},
  {name = "pool1", type = "maxpool", kernel = 2, pad = 1},
  {name = "tanh1", type = "tanh"},
  {name = "mean1", type = "avgpool", kernel = 3, stride = 2, pad = 1},
  {name = "norm1", type = "lrn", n = 3, k = 1, alpha = 0.2, beta = 0.75, alpha_over_n = true},
  {name = "drop1", type = "dropout", drop_rate = 0.3, inverted = true},
  {name = "fc2", type = "linear", features = 16, activation = "relu", init = "normal", std = 0.15},
  {name = "drop2", type = "dropout", drop_rate = 0.4, inverted = true},
  {name = "fc3", type = "linear", features = 7, rate = 2, bias_rate = 0.5, decay = 0},
]
[data]
path = "set"
crop = 10
random_crop = true
crop_area = [0.3, 0.9]
rotate = 40
brightness = 0.3
contrast = 0.4
mean = [123.675, 116.28, 103.53]
std = [58.395, 57.12, 57.375]
[devices]
towers = ["reference:0"]
[train]
seed = 7
batch = 5
max_steps = 5
momentum = 0.8
label_smoothing = 0.2
class_weights = [1, 0.5, 2, 1, 1, 0, 1.5]
layer_decay = 0.5
weight_decay = 0.01
validate_epochs = 0.5
[train.schedule]
type = "cosine"
rate = 0.02
final_rate = 0.001
`,
	// What else there is: a layer on one tower, towers that do not meet in a linear layer, pixels as they are, their order
	// too, constant weights, a rate that falls where nothing improves.
	"rest": `
[network]
name = "rest"
towers = 2
layers = [
  {name = "conv1", type = "conv", maps = 4, kernel = 3, stride = 2, activation = "relu"},
  {name = "conv2", type = "conv", maps = 6, kernel = 2, exchange = true, activation = "relu", towers = 1},
  {name = "norm2", type = "lrn", n = 9, k = 1, alpha = 0.1, beta = 1, alpha_over_n = false},
  {name="pool2", type="avgpool", kernel=3, stride=2, pad=1, ceil_mode=true, count_include_pad=true},
  {name="conv3", type="conv", maps=8, kernel=2, pad=1, exchange=true, activation="tanh", init="constant", std=0.05},
  {name = "fc4", type = "linear", features = 10, activation = "relu", rate = 0},
  {name = "drop4", type = "dropout", drop_rate = 0.25, inverted = true},
  {name = "fc5", type = "linear", exchange = true, init = "normal", std = 0.3},
]
[data]
path = "set"
crop = 12
mirror = true
shuffle = false
mean = "none"
scale = 0.004
[devices]
towers = ["reference:0"]
[train]
seed = 3
batch = 6
max_steps = 5
momentum = 0
weight_decay = 0
validate_steps = 1
[train.schedule]
type = "plateau"
rate = 0.05
gamma = 0.5
patience = 1
threshold = 0.01
drops = 9
`,
	// No convolution: dropout of the image, which both towers see whole, and of maps that nobody has made.
	"linear": `
[network]
name = "linear"
towers = 2
layers = [
  {name = "drop0", type = "dropout", drop_rate = 0.3},
  {name = "fc1", type = "linear", features = 12, activation = "relu"},
  {name = "drop1", type = "dropout", drop_rate = 0.5, inverted = true},
  {name = "fc2", type = "linear", exchange = true},
]
[data]
path = "set"
crop = 8
mean = "channel"
scale = 0.015625
[devices]
towers = ["reference:0"]
[train]
seed = 5
batch = 6
max_steps = 5
momentum = 0.5
weight_decay = 0.01
validate_steps = 2
[train.schedule]
type = "fixed"
rate = 0.02
`,
}
