#!/bin/sh
# What `make lint` holds sources against beside gofmt, vet and staticcheck: .clang-format, and lines of at most 120
# bytes.
set -eu
cd "$(dirname "$0")/.."
export LC_ALL=C

# The reference is clang-format 14, Debian 12's; later ones are taken where it is not there.
format=
for f in clang-format-14 clang-format; do
	version=$("$f" --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p') || version=
	if [ "${version:-0}" -ge 14 ]; then
		format=$f
		break
	fi
done
if [ -n "$format" ]; then
	echo "$format --dry-run -Werror"
	git ls-files '*.cu' '*.cuh' '*.h' '*.hpp' '*.cpp' ':!:*/testdata/*' | xargs "$format" --dry-run -Werror
else
	echo "the layout of C, C++ and CUDA was not checked: apt-get install clang-format, version 14 or later" >&2
fi

echo "lines of at most 120 bytes"
git ls-files '*.go' '*.cu' '*.cuh' '*.h' '*.hpp' '*.cpp' '*.sh' '*.mk' '*Makefile' '*Dockerfile' '*.md' \
	':!:*/testdata/*' |
	awk '
	{
		file = $0
		fenced = 0
		for (at = 1; (getline line <file) > 0; at++) {
			if (file ~ /\.md$/ && line ~ /^```/) fenced = !fenced
			if (length(line) <= 120 || line ~ /https?:\/\//) continue
			if (file ~ /\.md$/ && (fenced || line ~ /^( *\||    )/)) continue # commands, what a program prints, and tables
			printf "%s:%d: a line of %d bytes, want at most 120\n", file, at, length(line)
			failed = 1
		}
		close(file)
	}
	END { exit failed }' >&2
