#!/bin/sh
# Prints the Python that has PyTorch, NumPy and tomllib (3.11); see docs/python.sh.
exec "$(dirname "$0")/../python.sh" "torch, numpy, tomllib" python3-torch python3-numpy
