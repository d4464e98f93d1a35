#!/bin/sh
# Says by its exit status whether a C compiler finds the headers and the library of libjpeg-turbo (2.1 or later).
command -v "${CC:-cc}" >/dev/null || exit 1
"${CC:-cc}" -x c - -ljpeg -o /dev/null 2>/dev/null <<'EOF'
#include <stddef.h>
#include <stdio.h>
#include <jpeglib.h>
#if !defined(LIBJPEG_TURBO_VERSION) || LIBJPEG_TURBO_VERSION_NUMBER < 2001000
#error another libjpeg
#endif
int main(void) {
	struct jpeg_decompress_struct d;
	jpeg_create_decompress(&d);
	return 0;
}
EOF
