#!/usr/bin/env bash
# compare.sh RESULTS: on a machine with a GPU and PyTorch, in at most five minutes: PyTorch in its fastest forms beside
# duet, in turn; then every kernel of a step under ncu, where it is. Leaves compare.txt, compare.tgz and torch.json.
# DEVICE, TOTAL, SMALL as in check.sh; CASES ("128:bf16 512:bf16 128:tf32").
. "$(dirname "$0")/steps.sh"

warm() { # compiles what a bench needs
	for precision in fp32 bf16; do
		./duet bench configs/alexnet.toml --devices "$d" --batch 8 --steps 1 --precision $precision || return 1
	done
}
# shellcheck disable=SC2086
torch() { # the forms that were fastest when all were tried (docs/gpu-runs.md), and the simplest one
	python3 torch_gpu.py --duet ./duet --device "$d" --seconds 100 --rounds 1 --json "$results/torch.json" $cases \
		--forms compiled "compiled, groups apart" "CUDA graphs, groups apart" "eager, LRN by pooling"
}
profile() { # of the second step: the first one, and what initialises the weights, come before
	ncu --csv --page raw --launch-skip 100 --launch-count 100 --section SpeedOfLight --section WarpStateStats \
		--section Occupancy --metrics dram__bytes.sum,lts__t_bytes.sum,sm__inst_executed.sum \
		./duet bench configs/alexnet.toml --devices "$d" --batch 128 --precision bf16 --steps 1 >log/ncu.csv
	tail -n 1 log/ncu.csv | cut -c1-150
}
cases=${CASES:-128:bf16 512:bf16 128:tf32}
export d cases results
export -f warm torch profile

if [ -n "$small" ]; then
	step 90 duet-1-fp32 ./duet bench configs/alexnet.toml --devices "$d" --batch 1 --steps 1 \
		--set devices.tune=false --json
	finish
fi
step 60 warm-up warm
if python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
	step 20 ceilings python3 torch_gpu.py ceilings
	step 200 torch torch
	cat log/ceilings.log log/torch.log
else
	skip torch "python3 has no PyTorch with CUDA"
fi
if command -v ncu >/dev/null; then step 60 ncu profile; else skip ncu "there is no ncu"; fi
finish
