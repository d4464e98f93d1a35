#!/usr/bin/env bash
# Prints the Python of build/tensorboard, where it installs the TensorBoard that is named here from PyPI (70 MB).
set -eu
version=2.21.0
here=$(cd "$(dirname "$0")" && pwd)
venv=$here/../../build/tensorboard
if ! "$venv/bin/python" -c "import tensorboard; assert tensorboard.__version__ == '$version'" 2>/dev/null; then
	base=$("$here/../python.sh" "tomllib, venv, ensurepip" python3-venv)
	echo "installing TensorBoard $version from PyPI into build/tensorboard" >&2
	"$base" -m venv --clear "$venv"
	"$venv/bin/pip" install -q "tensorboard==$version" "setuptools<81" >&2 # tensorboard imports pkg_resources
fi
readlink -f "$venv/bin" | sed 's|$|/python|'
