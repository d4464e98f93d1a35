"""Compares what `duet prepare` makes of photographs with what Pillow does: compare.py DUET [FOLDER]

Pillow decodes to RGB, resizes the shorter side with BICUBIC and keeps the centre. The mean absolute difference over all
pictures must stay under the bound. FOLDER has photographs, at any depth; without it, every kind of picture is drawn.
Transparency is laid over black and 16 bits lose their lower byte before Pillow resizes, as in duet. Pictures in CMYK have a
bound of their own: what they look like is a matter of convention, of which duet's is R = C*K/255 of the inverted values.
"""

import argparse
import csv
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

from photographs import every_kind

SIZE = 256  # pixels
BOUND = 1.5  # grey levels, of the mean over all pictures
BOUND_CMYK = 3.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("duet", help="the duet binary")
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        photos = work / "source/photos"  # the one class
        photos.mkdir(parents=True)
        if arguments.folder is None:
            every_kind(photos)
        else:
            collect(arguments.folder, photos)
        subprocess.run([arguments.duet, "prepare", work / "source", work / "set", "--format", "folders", "--size", str(SIZE), "--val-fraction", "0"], check=True, stdout=sys.stderr)
        sys.exit(compare(work / "source", work / "set"))


def collect(folder, to):
    """Links the folder's files into one folder, numbered so that their names are all different."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        sys.exit(f"{folder}: no files")
    for i, path in enumerate(files):
        target = to / f"{i:06}-{path.name}"
        try:
            os.link(path, target)
        except OSError:
            shutil.copy(path, target)


def compare(source, packed):
    """Prints every picture's difference, most different first, and gives the exit status."""
    with open(packed / "train/files.csv", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    images = np.concatenate([np.load(path, mmap_mode="r") for path in sorted((packed / "train").glob("images*.npy"))])
    if len(names) != len(images):
        sys.exit(f"files.csv has {len(names)} names for {len(images)} images")
    missing = {name for name in (str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()) if decodes(source / name)} - set(names)
    rows = []
    for name, image in zip(names, images):
        try:
            with Image.open(source / name) as picture:
                mode, expected = picture.mode, prepare(picture)
        except OSError as error:
            print(f"{name}: duet decodes it, Pillow says: {error}")
            missing.add(name)
            continue
        difference = np.abs(image.astype(int) - expected)
        rows.append((difference.mean(), difference.max(), mode, name))
    rows.sort(reverse=True)
    print("  mean  max  mode   picture")
    for mean, largest, mode, name in rows[:30]:
        print(f"{mean:6.3f} {largest:4}  {mode:5}  {name}")
    if len(rows) > 30:
        print(f"  ... and {len(rows) - 30} that differ less")
    failed = False
    for kind, bound, means in (
        ("", BOUND, [row[0] for row in rows if row[2] != "CMYK"]),
        ("CMYK ", BOUND_CMYK, [row[0] for row in rows if row[2] == "CMYK"]),
    ):
        if means:
            mean = sum(means) / len(means)
            print(f"{len(means)} {kind}pictures differ by {mean:.3f} grey levels in the mean, {max(means):.3f} at most; the bound of the mean is {bound}")
            failed |= not mean < bound
    for name in sorted(missing):
        print(f"{name}: decoded by one of the two only")
    return int(failed or bool(missing) or not rows)


def decodes(path):
    """Does Pillow decode the file?"""
    try:
        with Image.open(path) as picture:
            picture.load()
    except (OSError, SyntaxError, Image.DecompressionBombError):
        return False
    return True


def prepare(picture):
    """The picture as [SIZE, SIZE, 3] by Pillow."""
    picture.load()
    if picture.mode.startswith("I"):  # 16 bits, which Pillow would clip
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture)
    picture = picture.convert("RGB")
    width, height = picture.size
    if width > height:
        to = max(SIZE, (width * SIZE + height // 2) // height), SIZE
    else:
        to = SIZE, max(SIZE, (height * SIZE + width // 2) // width)
    left, top = (to[0] - SIZE) // 2, (to[1] - SIZE) // 2
    return np.asarray(picture.resize(to, Image.BICUBIC).crop((left, top, left + SIZE, top + SIZE)), dtype=int)


if __name__ == "__main__":
    main()
