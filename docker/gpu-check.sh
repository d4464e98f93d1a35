#!/usr/bin/env bash
# Checks duet on a machine with a GPU, from a bundle that `make gpu-bundle` made; needs neither Go nor a network.
#
#   ./gpu-check.sh [REPORT_DIR]
#
# Runs, in turn: the device query, the conformance suite on cuda:0 and on two contexts of it, compute-sanitizer where it is
# installed, short trainings on the GPU beside the CPU's losses, kill and resume, and `duet bench` beside PyTorch where
# python3 has it with CUDA. Writes REPORT_DIR/report.md and report.json (default: report) and every log beside them.
# Exit status 1 when a check failed. BATCH and STEPS are those of the benches (default 128 and 30).
set -u
cd "$(dirname "$0")"
report=${1-report}
mkdir -p "$report"
results=$report/results.tsv
: >"$results"
batch=${BATCH-128} steps=${STEPS-30}
export DUET_TEST_DEVICES=${DUET_TEST_DEVICES-cuda:0}

# check NAME COMMAND...: runs it, notes how it ended and how long it took; its output is in NAME.log.
check() {
	local name=$1 began status=passed
	shift
	echo "== $name" >&2
	began=$(date +%s.%N)
	"$@" >"$report/$name.log" 2>&1 || status=failed
	printf '%s\t%s\t%s\t%s\n' "$name" "$status" "$(awk -v a="$began" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }')" \
		"$(tail -n 1 "$report/$name.log" | tr '\t"\\' '   ' | cut -c1-200)" >>"$results"
	[ $status = passed ] || { echo "   failed: $report/$name.log" >&2; tail -n 5 "$report/$name.log" >&2; }
}

skip() { printf '%s\tnot run\t0\t%s\n' "$1" "$2" >>"$results"; }

# two: does this machine have a second GPU?
two() { ./duet devices 2>/dev/null | grep -q '^cuda:1'; }

# training NAME DEVICES PRECISION: the smoke network, from the same seed on every device.
training() {
	rm -rf "$report/runs/$1"
	./duet train smoke --runs "$report/runs" --run "$1" --set "devices.towers=[\"${2//,/\",\"}\"]" --set "devices.precision=$3"
}

# same NAME TOLERANCE: the losses of a run differ from the CPU's by no more than that, relatively, in the first 50 steps.
same() {
	awk -v tol="$2" -v name="$1" '
		/"loss"/ && !/top5/ { match($0, /"step":[0-9]+/); step = substr($0, RSTART + 7, RLENGTH - 7)
			match($0, /"loss":[-+0-9.eE]+/); loss = substr($0, RSTART + 7, RLENGTH - 7) + 0
			if (FILENAME ~ /\/cpu\//) cpu[step] = loss; else gpu[step] = loss }
		END { for (s = 1; s <= 50; s++) { if (!(s in cpu) || !(s in gpu)) { print name ": step " s " is missing"; exit 1 }
				d = gpu[s] / cpu[s] - 1; if (d < 0) d = -d; if (d > worst) worst = d }
			printf "%s: losses of 50 steps differ from the CPU by at most %.2g\n", name, worst; exit !(worst <= tol) }
	' "$report/runs/cpu/metrics.jsonl" "$report/runs/$1/metrics.jsonl"
}

# resumed: a run that is killed and resumed ends with the bytes of one that was not.
resumed() {
	rm -rf "$report/runs/killed"
	./duet train smoke --runs "$report/runs" --run killed --set 'devices.towers=["cuda:0"]' --set train.checkpoint_steps=10 &
	local pid=$!
	while [ "$(ls "$report/runs/killed/checkpoints" 2>/dev/null | wc -l)" -lt 3 ]; do kill -0 $pid 2>/dev/null || break; sleep 0.05; done
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	./duet train smoke --runs "$report/runs" --run killed --resume --set 'devices.towers=["cuda:0"]' --set train.checkpoint_steps=10 || return 1
	./duet train smoke --runs "$report/runs" --run unkilled --set 'devices.towers=["cuda:0"]' --set train.checkpoint_steps=10 || return 1
	cmp "$(newest killed)" "$(newest unkilled)"
}

newest() { ls "$report/runs/$1"/checkpoints/step-*.safetensors | sort | tail -n 1; }

check devices ./duet devices
[ -x "$(command -v nvidia-smi)" ] && check nvidia-smi nvidia-smi
check conformance ./cuda.test -test.v -test.timeout 20m
DUET_TEST_DEVICES=cuda:0,cuda:0 check conformance-two-contexts ./cuda.test -test.v -test.timeout 20m
if two; then DUET_TEST_DEVICES=cuda:0,cuda:1 check conformance-two-gpus ./cuda.test -test.v -test.timeout 20m; fi
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
if [ -n "$sanitizer" ]; then
	for tool in memcheck racecheck synccheck initcheck; do
		DUET_TEST_SMALL=1 check "sanitizer-$tool" timeout 300 "$sanitizer" --tool $tool --error-exitcode 9 --leak-check no ./cuda.test -test.run 'TestConformance/fp32/op' -test.timeout 5m
	done
else
	skip sanitizer "compute-sanitizer is not installed"
fi
check train-cpu training cpu reference:0 fp32
check train-gpu training gpu cuda:0 fp32
check train-two-contexts training pair cuda:0,cuda:0 fp32
check train-bf16 training bf16 cuda:0 bf16
if two; then check train-two-gpus training two cuda:0,cuda:1 fp32; fi
check losses-gpu same gpu 1e-3
check losses-two-contexts same pair 1e-3
if two; then check losses-two-gpus same two 1e-3; fi
check resume resumed
check bench-fp32 ./duet bench configs/alexnet.toml --devices cuda:0 --batch "$batch" --steps "$steps" --kernels
check bench-bf16 ./duet bench configs/alexnet.toml --devices cuda:0 --batch "$batch" --steps "$steps" --precision bf16 --kernels
if python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
	placements="cuda:0 cuda:0,cuda:0"
	if two; then placements="$placements cuda:0,cuda:1"; fi
	# shellcheck disable=SC2086
	check bench-torch python3 torch/bench_gpu.py ./duet --config configs/alexnet.toml --devices $placements --rounds 3 --batch "$batch" --steps "$steps" ${BENCH_TORCH_ARGS-}
else
	skip bench-torch "python3 has no PyTorch with CUDA"
fi

{
	echo "# duet on $(./duet devices 2>/dev/null | awk '/^cuda:0/' | sed 's/  */ /g')"
	echo
	echo "$(date -u +%Y-%m-%dT%H:%MZ), $(./duet version 2>/dev/null | head -n 1)"
	echo
	echo '| check | result | seconds | last line |'
	echo '|---|---|---|---|'
	awk -F'\t' '{ gsub(/\|/, "/", $4); printf "| %s | %s | %s | %s |\n", $1, $2, $3, $4 }' "$results"
	for log in devices bench-torch bench-fp32 bench-bf16; do
		[ -f "$report/$log.log" ] && printf '\n## %s\n\n```\n%s\n```\n' "$log" "$(cat "$report/$log.log")"
	done
} >"$report/report.md"
awk -F'\t' 'BEGIN { print "[" } { printf "%s {\"check\": \"%s\", \"result\": \"%s\", \"seconds\": %s, \"last\": \"%s\"}", (NR > 1 ? ",\n" : ""), $1, $2, $3, $4 } END { print "\n]" }' \
	"$results" >"$report/report.json"
cat "$report/report.md"
! grep -q "$(printf '\tfailed\t')" "$results"
