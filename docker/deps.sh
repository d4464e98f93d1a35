#!/bin/sh
# Installs what the CPU build needs, oneDNN and a C++ compiler, on Debian or Ubuntu where it may. Never fails: without
# them duet is built in pure Go, slower; it says so. Also run by the Dockerfile.
set -u
here=$(dirname "$0")
"$here/has-dnnl.sh" && exit 0
packages="libdnnl-dev g++"
instruction="oneDNN or a C++ compiler is missing: duet will be built in pure Go, which is slow. To get them: apt-get install $packages"
if ! command -v apt-get >/dev/null; then
	echo "$instruction (or your system's packages of the same)" >&2
	exit 0
fi
if [ "$(id -u)" = 0 ]; then
	root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
	root="sudo -n"
else
	echo "$instruction, as root" >&2
	exit 0
fi
echo "installing $packages" >&2
# shellcheck disable=SC2086
if ! { $root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $packages; } >/dev/null; then
	echo "$instruction" >&2
fi
exit 0
