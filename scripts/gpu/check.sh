#!/usr/bin/env bash
# check.sh RESULTS: on a machine with a GPU, in at most seven minutes: is duet right there, and how fast is it? Needs
# nothing but the driver (python3, compute-sanitizer and a CIFAR-10 archive in the bundle where they are). Leaves
# check.txt and check.tgz. DEVICE (cuda:0), TOTAL (400 seconds), SMALL=1 (tiny sizes, for the simulator).
TOTAL=${TOTAL:-400}
. "$(dirname "$0")/steps.sh"

quick() {
	./duet train smoke --runs runs --run "$1" --set "devices.towers=[\"${2//,/\",\"}\"]" --set "devices.precision=$3" \
		${small:+--set devices.tune=false} "${@:4}"
}
losses() { # losses NAME TOLERANCE: those of the first 50 steps, against the CPU's
	awk -v tol="$2" -v name="$1" '
		/"loss"/ && !/top5/ { match($0, /"step":[0-9]+/); step = substr($0, RSTART + 7, RLENGTH - 7)
			match($0, /"loss":[-+0-9.eE]+/); loss = substr($0, RSTART + 7, RLENGTH - 7) + 0
			if (FILENAME ~ /\/cpu\//) cpu[step] = loss; else gpu[step] = loss }
		END { for (s = 1; s <= 50; s++) { if (!(s in cpu) || !(s in gpu)) { print name ": step " s " is missing"; exit 1 }
				d = gpu[s] / cpu[s] - 1; if (d < 0) d = -d; if (!(d <= worst)) worst = d }
			printf "%s: 50 losses within %.2g of the CPU'"'"'s\n", name, worst; exit !(worst <= tol) }
	' runs/cpu/metrics.jsonl "runs/$1/metrics.jsonl"
}
killed() { # SIGKILL after the third checkpoint, resumed: the bytes of a run that was not
	set -- --set "devices.towers=[\"$d\"]" --set train.checkpoint_steps=10 --set train.epochs=8 \
		--set devices.tune=false # two runs that measure may choose otherwise
	./duet train smoke --runs runs --run whole "$@" || return 1
	./duet train smoke --runs runs --run cut "$@" &
	local p=$!
	until [ "$(ls runs/cut/checkpoints 2>/dev/null | wc -l)" -ge 3 ]; do kill -0 $p 2>/dev/null || break; sleep 0.02; done
	kill -9 $p
	wait $p
	./duet train --runs runs --run cut --resume || return 1
	cmp "$(ls runs/whole/checkpoints/step-* | tail -n 1)" "$(ls runs/cut/checkpoints/step-* | tail -n 1)" &&
		echo "the same bytes"
}
cifar() { # a whole training of CIFAR-10; on the simulator two steps
	./duet prepare cifar10.tar.gz data/cifar10 &&
		./duet train cifar10 --runs runs --run cifar --set "devices.towers=[\"$d\"]" --set devices.precision=bf16 \
			--set data.path=data/cifar10 \
			${small:+--set devices.tune=false --set train.max_steps=2 --set train.validate_epochs=0}
}
bench() {
	./duet bench configs/alexnet.toml --devices "$d" --batch "$1" --precision "$2" --steps "$3" --kernels \
		--set "devices.tune=$4"
}
sanitize() { # sanitize TOOL TESTS; tests launch what the driver must refuse, so that calls that fail are no findings
	"$sanitizer" --tool "$1" --error-exitcode 9 --leak-check no --report-api-errors no \
		./cuda.test -test.run "$2" -test.timeout 10m
}
races() { # of all tiles at once: the tool, not the card, takes the time
	local tile pids=() code=0
	for tile in 0 1 2 3 4 5; do
		sanitize racecheck "TestCandidates/bf16/tensor_$tile/op/(linear|conv2d)" &
		pids+=($!)
	done
	for tile in "${pids[@]}"; do wait "$tile" || code=$?; done
	return $code
}
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
export here d small sanitizer
export -f quick losses killed cifar bench sanitize races

rm -rf runs data
step 20 card sh -c '! command -v nvidia-smi >/dev/null || nvidia-smi; ./duet devices && ./duet version'
step 150 conformance ./cuda.test -test.v -test.timeout 145s \
	-test.run "${CONFORMANCE:-Conformance|Candidates|Tune|Pins|Count}"
t=20
[ -z "$small" ] || t=90 # the simulator's tensor cores are slow
step $t train-cpu quick cpu reference:0 fp32
step $t train-fp32 quick fp32 "$d" fp32
step 5 losses-fp32 losses fp32 1e-3
step $t train-bf16 quick bf16 "$d" bf16
step $t train-two-streams quick pair "$d,$d" fp32
step 5 losses-two-streams losses pair 1e-3
step $((t + 10)) kill-and-resume killed
if [ -n "$small" ]; then
	step 60 bench-1-fp32 bench 1 fp32 1 false
else
	for b in 128 512; do for p in bf16 fp32; do step 25 "bench-$b-$p" bench $b $p 60 true; done; done
	step 20 bench-128-bf16-untuned bench 128 bf16 60 false
fi
if [ -f cifar10.tar.gz ]; then
	step 75 cifar10-bf16 cifar
else
	skip cifar10-bf16 "the bundle has no archive: make gpu-bundle CIFAR10=archive"
fi
if [ -n "$sanitizer" ]; then
	step 130 memcheck sanitize memcheck "${CONFORMANCE:-Conformance|Candidates}"
	step 75 racecheck-tensor races
else
	skip memcheck "there is no compute-sanitizer"
fi
finish
