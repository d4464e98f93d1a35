#!/bin/sh
# Compiles every kernel's PTX for every architecture that duet supports, as the driver would, and prints what each
# takes: registers, shared memory, and the share of a multiprocessor's threads that run at once (occupancy), on the
# architecture where that is least. Exit status 1 when a kernel spills registers or uses local memory anywhere.
#
#   kernels/report.sh PTXAS [ARCH...]
set -eu
ptxas=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- 70 75 80 86 89 90
cd "$(dirname "$0")/ptx"
# What ptxas says of each file for each architecture, on all cores.
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
for ptx in *.ptx; do
	needs=$(sed -n 's/^\.target sm_\([0-9]*\).*/\1/p' "$ptx")
	for arch in "$@"; do
		[ "$arch" -lt "$needs" ] || echo "$ptx $arch"
	done
done | PTXAS=$ptxas SAID=$said xargs -P "$(getconf _NPROCESSORS_ONLN)" -L 1 sh -c \
	'"$PTXAS" -arch="sm_$1" -v "$0" -o /dev/null >"$SAID/$0.$1" 2>&1 || :'
for ptx in *.ptx; do
	for arch in "$@"; do
		[ -e "$said/$ptx.$arch" ] || continue
		echo "file ${ptx%.ptx} $arch"
		# Threads of a block, from the launch bounds.
		awk '/\.entry/ { name = $3; sub(/\(.*/, "", name) }
			/\.maxntid/ { gsub(/,/, ""); print "threads", name, $2 * $3 * $4 }' "$ptx"
		cat "$said/$ptx.$arch"
	done
done | awk '
	# What a multiprocessor has: threads, registers, bytes of shared memory.
	function limits(arch) {
		regs = 65536
		if (arch == 70) { most = 2048; memory = 98304 }
		else if (arch == 75) { most = 1024; memory = 65536 }
		else if (arch == 80) { most = 2048; memory = 167936 }
		else if (arch == 90) { most = 2048; memory = 233472 }
		else { most = 1536; memory = 102400 }
	}
	# Registers are given by the warp in units of 256, shared memory with 1 KiB of the system'"'"'s.
	function blocks(t, r, s,    n, warps) {
		warps = int((t + 31) / 32)
		n = int(most / (32 * warps))
		r = int((r * 32 + 255) / 256) * 256 * warps
		if (r * n > regs) n = int(regs / r)
		if (s > 0 && (s + 1024) * n > memory) n = int(memory / (s + 1024))
		return n > 32 ? 32 : n
	}
	$1 == "file" { arch = $3; file = $2; limits(arch) }
	$1 == "threads" { threads[$2] = $3 }
	/Compiling entry function/ { split($0, part, "\047"); name = part[2]; of[name] = file }
	/stack frame/ { local = $1 + $5 + $9; if (local > 0) { print name " on sm_" arch ": " $0 > "/dev/stderr"; bad = 1 } }
	/Used [0-9]+ registers/ {
		match($0, /Used [0-9]+/); r = substr($0, RSTART + 5, RLENGTH - 5) + 0
		s = 0; if (match($0, /[0-9]+ bytes smem/)) s = substr($0, RSTART, RLENGTH) + 0
		t = name in threads ? threads[name] : 256
		o = blocks(t, r, s) * t / most
		if (!(name in least) || o < least[name]) { least[name] = o; where[name] = arch }
		if (r > registers[name]) registers[name] = r
		if (s > shared[name]) shared[name] = s
		if (!(name in seen)) { seen[name] = ++n; order[n] = name }
	}
	/^ptxas (error|fatal)/ { print > "/dev/stderr"; bad = 1 }
	END {
		print "| kernel | file | threads | registers | shared bytes | occupancy, least |"
		print "|---|---|---|---|---|---|"
		for (i = 1; i <= n; i++) {
			k = order[i]
			printf "| %s | %s.cu | %d | %d | %d | %.0f %% (sm_%d) |\n", k, of[k], threads[k], registers[k], shared[k],
				100 * least[k], where[k]
		}
		if (!bad) print "\nno spills, no local memory"
		exit bad
	}'
