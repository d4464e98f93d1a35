#!/usr/bin/env bash
# Prints the Python that has Pillow and NumPy: $PYTHON, else the first that is found. Where there is none it installs
# Debian's and Ubuntu's python3-pil and python3-numpy if it may (with --find: not), else it says how.
set -u
find_python() {
	for python in ${PYTHON:-python3 /usr/bin/python3}; do
		if "$python" -c 'import PIL.Image, numpy' >/dev/null 2>&1; then
			command -v "$python"
			return
		fi
	done
	return 1
}

find_python && exit
if [ -z "${PYTHON:-}" ] && [ "${1-}" != --find ] && command -v apt-get >/dev/null; then
	root=
	[ "$(id -u)" = 0 ] || root="sudo -n"
	if [ -z "$root" ] || $root true 2>/dev/null; then
		echo "installing python3-pil and python3-numpy" >&2
		{ $root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends python3-pil python3-numpy; } >/dev/null
		find_python && exit
	fi
fi
echo "${PYTHON:-no Python that was found} has not both Pillow and NumPy: apt-get install python3-pil python3-numpy, or set PYTHON" >&2
exit 1
