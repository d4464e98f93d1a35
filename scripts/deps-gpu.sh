#!/bin/sh
# Finds a CUDA toolkit for nvcc and the headers, or makes a small one in DIR (default build/cuda) out of Debian's
# packages: nvcc, ptxas, nvdisasm and the headers, about 150 MB, nothing installed into the system. Prints the toolkit's
# folder.
#
#   scripts/deps-gpu.sh [DIR]       find, else fetch
#   scripts/deps-gpu.sh --find      find only; exit status 1 when there is none
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
find_only=
if [ "${1-}" = --find ]; then
	find_only=1
	shift
fi
dir=${1-$here/build/cuda}

# usable says whether a folder is a toolkit: nvcc, ptxas, the driver's header and the compiler's.
usable() {
	[ -x "$1/bin/nvcc" ] && [ -x "$1/bin/ptxas" ] && [ -r "$1/include/cuda.h" ] && [ -r "$1/include/cuda_runtime.h" ]
}

for candidate in "${CUDA_HOME-}" "$dir" /usr/local/cuda /opt/cuda; do
	if [ -n "$candidate" ] && usable "$candidate"; then
		echo "$candidate"
		exit 0
	fi
done
if nvcc=$(command -v nvcc); then
	root=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
	for candidate in "$root" /usr; do
		if usable "$candidate"; then
			echo "$candidate"
			exit 0
		fi
	done
fi
[ -z "$find_only" ] || exit 1

fail() {
	echo "no CUDA toolkit: $1" >&2
	echo "install CUDA 11.8 to 12.x and set CUDA_HOME to its folder" >&2
	exit 1
}

command -v apt-get >/dev/null || fail "this system has no apt-get to fetch Debian's nvidia-cuda-toolkit with"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

# The toolkit is in the components contrib and non-free, which a machine's sources may leave out: lists of our own, made
# from the machine's, add them without touching the system.
mkdir -p "$work/parts" "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
for f in /etc/apt/sources.list /etc/apt/sources.list.d/debian*; do
	[ -r "$f" ] || continue
	sed -E -e 's/^Components:.*/Components: main contrib non-free/' \
		-e 's/^(deb .* main)( .*)?$/\1 contrib non-free/' -e '/^deb-src/d' "$f" \
		>"$work/parts/$(basename "$f" | sed 's/^sources.list$/base.list/')"
done
apt() {
	apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/parts" \
		-o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User= "$@"
}
echo "fetching the CUDA compiler from Debian's nvidia-cuda-toolkit" >&2
apt update >&2 || fail "apt-get update failed"

# headers takes them from the runtime's Python wheels of the compiler's version, which are small, or from Debian's
# nvidia-cuda-dev (770 MB).
headers() {
	cuda=$(dpkg-deb -f "$work"/debs/nvidia-cuda-toolkit_*.deb Version | cut -d. -f1,2)
	if python3 -m pip --version >/dev/null 2>&1 &&
		python3 -m pip -q --disable-pip-version-check download --no-deps -d "$work/wheels" \
		"nvidia-cuda-runtime-cu${cuda%.*}==$cuda.*" "nvidia-cuda-nvcc-cu${cuda%.*}==$cuda.*" >&2; then
		for w in "$work"/wheels/*.whl; do python3 -m zipfile -e "$w" "$work/wheels/x"; done
		cp -r "$work/wheels/x/nvidia/cuda_runtime/include/." "$work/wheels/x/nvidia/cuda_nvcc/include/." "$work/cuda/include/"
		return
	fi
	echo "no pip: fetching the headers from Debian's nvidia-cuda-dev, which takes longer" >&2
	(cd "$work/debs" && apt download nvidia-cuda-dev) >&2
	mkdir -p "$work/dev"
	dpkg-deb --fsys-tarfile "$work"/debs/nvidia-cuda-dev_*.deb | tar -x -C "$work/dev" ./usr/include
	cp -r "$work/dev/usr/include/." "$work/cuda/include/"
}

(cd "$work/debs" && apt download nvidia-cuda-toolkit) >&2 || fail "Debian's nvidia-cuda-toolkit could not be fetched"
mkdir -p "$work/toolkit" "$work/cuda/bin" "$work/cuda/include" "$work/cuda/nvvm"
dpkg-deb -x "$work"/debs/nvidia-cuda-toolkit_*.deb "$work/toolkit"
lib=$work/toolkit/usr/lib/nvidia-cuda-toolkit
cp "$lib/bin/nvcc" "$lib/bin/cicc" "$work/toolkit/usr/bin/ptxas" "$work/toolkit/usr/bin/cudafe++" \
	"$work/toolkit/usr/bin/fatbinary" "$work/toolkit/usr/bin/cuobjdump" "$work/toolkit/usr/bin/nvdisasm" "$work/cuda/bin/"
cp -r "$lib/bin/crt" "$work/cuda/bin/crt"
cp -r "$lib/libdevice" "$work/cuda/nvvm/libdevice"
cat >"$work/cuda/bin/nvcc.profile" <<'PROFILE'
TOP                = $(_HERE_)/..
NVVMIR_LIBRARY_DIR = $(TOP)/nvvm/libdevice
PATH              += $(_HERE_):
INCLUDES          += "-I$(TOP)/include" $(_SPACE_)
PROFILE
headers || fail "the headers could not be fetched"
usable "$work/cuda" || fail "what was fetched is not complete"
mkdir -p "$(dirname "$dir")"
rm -rf "$dir.new"
cp -r "$work/cuda" "$dir.new"
rm -rf "$dir"
mv "$dir.new" "$dir"
echo "$dir"
