#!/usr/bin/env bash
# Prints the Python that has PyTorch, NumPy and tomllib: $PYTHON, else the first that is found.
for python in ${PYTHON:-python3 /usr/bin/python3}; do
	if "$python" -c 'import torch, numpy, tomllib' 2>/dev/null; then
		command -v "$python"
		exit
	fi
done
echo "no Python 3.11 or newer with PyTorch and NumPy: apt-get install python3-torch, or set PYTHON" >&2
exit 1
