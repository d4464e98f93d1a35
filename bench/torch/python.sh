#!/usr/bin/env bash
# python.sh [--find]: prints the Python (3.11 or newer) that has PyTorch and NumPy: $PYTHON, else that of build/torch,
# where it installs the PyTorch that is named here from PyPI (5.4 GB). Where PyPI cannot be reached it takes Debian's or
# Ubuntu's, as bench/python.sh does. With --find it installs nothing.
set -u
version=2.15.0
here=$(cd "$(dirname "$0")" && pwd)
venv=$here/../../build/torch

if [ -z "${PYTHON:-}" ]; then
	installed() {
		"$venv/bin/python" -c "import torch, numpy; assert torch.__version__.split('+')[0] == '$version'" 2>/dev/null
	}
	if ! installed && [ "${1:-}" != --find ] &&
		base=$("$here/../python.sh" "tomllib, venv, ensurepip" python3-venv python3-dev g++); then
		echo "installing PyTorch $version from PyPI into build/torch" >&2
		"$base" -m venv --clear "$venv" && "$venv/bin/pip" install -q "torch==$version" numpy >&2 ||
			echo "PyPI's PyTorch cannot be had: looking for the system's, which is older" >&2
	fi
	if installed; then
		readlink -f "$venv/bin" | sed 's|$|/python|'
		exit
	fi
fi
exec "$here/../python.sh" ${1:+"$1"} "torch, numpy, tomllib" python3-torch python3-numpy
