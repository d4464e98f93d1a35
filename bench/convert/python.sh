#!/usr/bin/env bash
# Prints the Python of build/convert, where it installs from PyPI what is named here (350 MB), and makes of Caffe's own
# caffe.proto, which brocolli-caffe carries, the module caffe_pb2.
set -eu
packages="onnx==1.23.2 onnxruntime==1.32.0 opencv-python-headless==4.14.0.94 grpcio-tools==1.85.1"
beside=safetensors==0.8.0 # for another Python, that of build/torch
here=$(cd "$(dirname "$0")" && pwd)
venv=$here/../../build/convert
if [ "$(cat "$venv/packages" 2>/dev/null)" != "$packages $beside" ]; then
	base=$("$here/../python.sh" "tomllib, venv, ensurepip" python3-venv)
	echo "installing $packages from PyPI into build/convert" >&2
	"$base" -m venv --clear "$venv"
	# shellcheck disable=SC2086
	"$venv/bin/pip" install -q $packages setuptools >&2
	"$venv/bin/pip" install -q --no-deps --target "$venv/beside" "$beside" >&2
	sdist=brocolli-caffe-9.0.2
	"$venv/bin/pip" download -q --no-deps --no-binary :all: --no-build-isolation -d "$venv" "${sdist%-*}==${sdist##*-}" >&2
	proto=$sdist/src/caffe/proto models=$sdist/models
	tar -xzf "$venv/$sdist.tar.gz" -C "$venv" "$proto/caffe.proto" "$models/bvlc_alexnet/deploy.prototxt" \
		"$models/bvlc_reference_caffenet/deploy.prototxt" "$sdist/python/caffe/imagenet/ilsvrc_2012_mean.npy"
	"$venv/bin/python" -m grpc_tools.protoc -I "$venv/$proto" --python_out "$venv" caffe.proto >&2
	echo "$packages $beside" >"$venv/packages"
fi
(cd "$venv/bin" && echo "$PWD/python")
