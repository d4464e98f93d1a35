"""Writes class folders of random PNG images: images.py FOLDER CLASSES IMAGES SIDE, IMAGES being those of each class.

Neighbouring pixels differ, so that no two places of a pooling window have the same value, which programs that round
differently would tell apart differently.
"""

import pathlib
import struct
import sys
import zlib

import numpy as np


def write_png(path, image):
    """Writes an 8-bit RGB image [H, W, 3]: signature, IHDR, IDAT (each row after a 0, for no filter), IEND."""
    height, width, _ = image.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, -1)], 1)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows.tobytes(), 1)), (b"IEND", b"")]
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in chunks:
            file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))


def main():
    folder, (classes, images, side) = pathlib.Path(sys.argv[1]), map(int, sys.argv[2:])
    random = np.random.default_rng(1)
    for label in range(classes):
        (folder / f"{label:04}").mkdir(parents=True)
        tint = random.integers(-30, 31, 3)  # what the classes differ in
        for i in range(images):
            write_png(folder / f"{label:04}" / f"{i}.png", (random.integers(40, 216, (side, side, 3)) + tint).astype(np.uint8))


if __name__ == "__main__":
    main()
