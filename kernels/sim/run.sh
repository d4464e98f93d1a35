#!/bin/sh
# run.sh [fast|checked|ptx] COMMAND...: runs a command with the simulated driver in place of the machine's: duet finds
# it by DUET_CUDA_DRIVER and DUET_NVML, a program that is linked to libcuda.so.1 by LD_LIBRARY_PATH. OUT says where
# `make -C kernels/sim` built it.
case $1 in
fast | checked | ptx) variant=$1 && shift ;;
*) variant=fast ;;
esac
out=${OUT:-$(cd "$(dirname "$0")/../.." && pwd)/build/sim}
if [ ! -f "$out/$variant/libcuda.so.1" ]; then
	echo "$out/$variant/libcuda.so.1 is not there: make -C kernels/sim $variant" >&2
	exit 2
fi
export DUET_CUDA_DRIVER="$out/$variant/libcuda.so.1"
export DUET_NVML="$out/$variant/libcuda.so.1"
export LD_LIBRARY_PATH="$out/$variant${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$@"
