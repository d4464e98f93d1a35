#!/usr/bin/env bash
# Trains with duet and again with PyTorch, and compares every loss and the weights: test.sh DUET [DEVICES...]
#
#   bench/torch/test.sh bin/duet dnnl:0 dnnl:0,dnnl:1 reference:0
#
# DEVICES is a device, or one for each tower. Each trains a narrow network with the conventions that alexnet.toml does
# not use; and the full one of alexnet.toml, but for the reference backend, which would take long.
# PYTHON is the Python with PyTorch and NumPy. Everything is written to a temporary folder (1.5 GB) and removed.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
duet=$(realpath "$1")
shift
[ $# -ge 1 ] || set -- dnnl:0
cd "$(dirname "$0")"
configs=$(realpath ../../configs)
python=$(./python.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What makes a run that PyTorch can repeat, and ten steps that change the losses much. The decay is a hundred times the
# paper's, with which ten steps would not tell whether there is one.
plain=(data.shuffle=false data.random_crop=false data.mirror=false data.color_noise=0
	train.batch=8 train.max_steps=10 train.report_steps=1 train.checkpoint_start=true train.keep=2
	train.validate_epochs=0 train.validate_steps=0 train.checkpoint_epochs=0 train.checkpoint_steps=0
	'train.schedule={ type = "fixed", rate = 0.01 }' train.momentum=0.9 train.weight_decay=0.05)

# As configs/alexnet.toml says, with a drop rate of 0. At its rate of 0.01 the first loss of 6.8 is followed by one of
# 17: such a training amplifies the last digit, and float32 differs from float64 by 1e-3 after ten steps in PyTorch
# alone.
full=(network.layers.drop6.drop_rate=0 network.layers.drop7.drop_rate=0 train.schedule.rate=0.001)

# A twelfth of the maps, smaller pictures, and what alexnet.toml leaves at its default: the paper's alpha, which counts
# more here, He's initialisation, a mean value instead of a mean image, pixels of about 1, multipliers of rate and
# decay.
narrow=("${full[@]}" train.schedule.rate=0.01 data.size=100 data.crop=95 data.mean=channel data.scale=0.015625
	network.layers.norm1.alpha_over_n=false network.layers.norm1.alpha=0.1 network.layers.norm2.alpha=0.1
	network.layers.conv1.maps=8 network.layers.conv2.maps=16 network.layers.conv3.maps=32 network.layers.conv4.maps=32
	network.layers.conv5.maps=16 network.layers.fc6.features=64 network.layers.fc7.features=48
	network.layers.fc7.exchange=false network.layers.fc8.features=10
	network.layers.conv2.rate=0.5 network.layers.conv2.bias_rate=2 network.layers.conv2.bias_decay=0)
for layer in conv1 conv2 conv3 conv4 conv5 fc6 fc7 fc8; do
	narrow+=("network.layers.$layer.init=he" "network.layers.$layer.std=0")
done

# images NAME CLASSES IMAGES SIDE: random images in $work/NAME, packed with a side of SIDE pixels.
images() {
	[ -d "$work/$1" ] && return
	"$python" images.py "$work/$1-png" "$2" "$3" 64
	"$duet" prepare "$work/$1-png" "$work/$1" --size "$4" --val-fraction 0 >"$work/log" 2>&1 ||
		{ cat "$work/log" >&2; return 1; }
	rm -rf "$work/$1-png"
}

# compare NAME DEVICES SET...: trains configs/alexnet.toml with the overrides on images of $work/NAME, and compares.
compare() {
	local name=$1 devices=$2 sets=()
	shift 2
	for s in "${plain[@]}" "$@" "data.path=$work/$name" "devices.towers=[\"${devices//,/\",\"}\"]"; do
		sets+=(--set "$s")
	done
	rm -rf "$work/run"
	"$duet" train "$configs/alexnet.toml" --runs "$work" --run run "${sets[@]}" >"$work/log" 2>&1 ||
		{ cat "$work/log" >&2; return 1; }
	"$python" compare.py "$work/run" "$work/$name" --steps 10
}

failed=0
for devices in "$@"; do
	images narrow 10 2 100 # seen more than once in ten steps
	compare narrow "$devices" "${narrow[@]}" || failed=1
	case $devices in reference*) continue ;; esac
	images full 1000 1 256 # the full network has 1000 classes
	compare full "$devices" "${full[@]}" || failed=1
done
exit $failed
