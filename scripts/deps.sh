#!/bin/sh
# Installs what the CPU build needs, oneDNN, libjpeg-turbo and a C++ compiler, on Debian or Ubuntu where it may. Never
# fails: without them duet is built in pure Go, slower; it says so. Also run by the Dockerfile.
set -u
here=$(dirname "$0")
packages=
missing=
if ! "$here/has-dnnl.sh"; then
	packages="libdnnl-dev g++"
	missing="oneDNN or a C++ compiler is missing: duet will train in pure Go, which is slow. "
fi
if ! "$here/has-turbo.sh"; then # libjpeg-dev is libjpeg-turbo's on both
	packages="libjpeg-dev ${packages:-gcc libc6-dev}"
	missing="${missing}libjpeg-turbo or a C compiler is missing: duet will decode images in pure Go, which is slow. "
fi
[ -n "$packages" ] || exit 0
instruction="${missing}To get what is missing: apt-get install $packages"
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
if ! { $root apt-get update -qq &&
	DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $packages; } >/dev/null; then
	echo "$instruction" >&2
fi
exit 0
