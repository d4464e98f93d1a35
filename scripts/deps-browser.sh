#!/bin/sh
# Installs the browser that `make test-board` looks with, on Debian or Ubuntu where it may; fails where there is none.
set -u
for browser in chromium chromium-browser google-chrome; do
	command -v "$browser" >/dev/null && exit 0
done
instruction="Chromium is missing: apt-get install chromium"
if ! command -v apt-get >/dev/null; then
	echo "$instruction (or your system's package of it)" >&2
	exit 1
fi
if [ "$(id -u)" = 0 ]; then
	root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
	root="sudo -n"
else
	echo "$instruction, as root" >&2
	exit 1
fi
echo "installing chromium" >&2
if ! { $root apt-get update -qq &&
	DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends chromium; } >/dev/null; then
	echo "$instruction" >&2
	exit 1
fi
