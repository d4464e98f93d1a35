#!/bin/sh
# Prints the Debian or Ubuntu packages of the shared libraries that a program is linked to: scripts/packages.sh PROGRAM
set -eu
libraries=$(ldd "$1")
packages=$(for library in $(echo "$libraries" | awk '$2 == "=>" { print $3 }'); do
	# A library of /usr/lib may be listed under /lib, the older name of the same folder.
	real=$(readlink -f "$library")
	owner=$(dpkg-query -S "$real" 2>/dev/null || dpkg-query -S "${real#/usr}") || exit 1
	echo "${owner%%:*}"
done)
echo "$packages" | sort -u
