#!/usr/bin/env bash
# python.sh [--find] MODULES PACKAGE...: prints the Python that has all modules ("torch, numpy"): $PYTHON, else the
# first that is found. Where there is none it installs Debian's and Ubuntu's packages if it may (with --find: not), else
# it says how.
set -u
install=yes
[ "$1" = --find ] && install=no && shift
modules=$1
shift
find_python() {
	for python in ${PYTHON:-python3 /usr/bin/python3}; do
		if "$python" -c "import $modules" >/dev/null 2>&1; then
			command -v "$python"
			return
		fi
	done
	return 1
}

find_python && exit
if [ -z "${PYTHON:-}" ] && [ $install = yes ] && command -v apt-get >/dev/null; then
	root=
	[ "$(id -u)" = 0 ] || root="sudo -n"
	if [ -z "$root" ] || $root true 2>/dev/null; then
		echo "installing $*" >&2
		{ $root apt-get update -qq &&
			DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null
		find_python && exit
	fi
fi
echo "${PYTHON:-no Python that was found} has not all of $modules: apt-get install $*, or set PYTHON" >&2
exit 1
