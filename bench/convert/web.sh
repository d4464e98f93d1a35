#!/usr/bin/env bash
# Prints the folder of build/onnx-web, in whose node_modules npm installs the onnxruntime-web that is named here (150
# MB).
set -eu
package=onnxruntime-web@1.30.0
here=$(cd "$(dirname "$0")" && pwd)
folder=$here/../../build/onnx-web
if [ "$(cat "$folder/package" 2>/dev/null)" != "$package" ]; then
	if ! command -v npm >/dev/null; then
		echo "npm is missing: apt-get install npm (or your system's package of it)" >&2
		exit 1
	fi
	echo "installing $package from npm into build/onnx-web" >&2
	rm -rf "$folder"
	mkdir -p "$folder"
	npm install --silent --no-save --ignore-scripts --no-audit --no-fund --prefix "$folder" "$package" >&2
	echo "$package" >"$folder/package"
fi
(cd "$folder" && pwd)
