#!/bin/sh
# Prints the Python that has Pillow and NumPy; see bench/python.sh.
exec "$(dirname "$0")/../python.sh" ${1:+"$1"} "PIL.Image, numpy" python3-pil python3-numpy
