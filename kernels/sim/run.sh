#!/bin/sh
# run.sh [fast|checked|ptx] COMMAND...: runs a command with the simulated driver in place of the machine's.
# OUT says where `make -C kernels/sim` built it.
case $1 in
fast | checked | ptx) variant=$1 && shift ;;
*) variant=fast ;;
esac
out=${OUT:-$(cd "$(dirname "$0")/../.." && pwd)/build/sim}
library=$out/$variant/libcuda.so.1
if [ ! -f "$library" ]; then
	echo "$library is not there: make -C kernels/sim $variant" >&2
	exit 2
fi
LD_PRELOAD=$library${LD_PRELOAD:+:$LD_PRELOAD} DUET_CUDA_DRIVER=$library exec "$@"
