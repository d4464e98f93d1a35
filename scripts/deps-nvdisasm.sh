#!/bin/sh
# Finds nvdisasm, which lists a kernel's machine code: the CUDA toolkit's, or the machine's, or one of 6 MB that is
# fetched from NVIDIA's Python wheel into build/nvdisasm, which reads what older toolkits compile, too. Prints its path.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
version=13.5.37
if cuda=$("$here/scripts/deps-gpu.sh" --find) && [ -x "$cuda/bin/nvdisasm" ]; then
	echo "$cuda/bin/nvdisasm"
	exit 0
fi
if found=$(command -v nvdisasm); then
	echo "$found"
	exit 0
fi
kept=$here/build/nvdisasm
if ! [ -x "$kept" ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	echo "fetching nvdisasm $version from its Python wheel" >&2
	if ! python3 -m pip -q --disable-pip-version-check download --no-deps -d "$work" \
		"nvidia-cuda-nvdisasm==$version" >&2 ||
		! python3 -m zipfile -e "$work"/*.whl "$work/x"; then
		echo "no nvdisasm: install a CUDA toolkit that has it, or pip for python3" >&2
		exit 1
	fi
	mkdir -p "$here/build"
	cp "$work"/x/nvidia/*/bin/nvdisasm "$kept.new"
	chmod +x "$kept.new"
	mv "$kept.new" "$kept"
fi
echo "$kept"
