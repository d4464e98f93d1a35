"""Measures how fast Pillow and `duet prepare` bring the same files to 256x256, in turn: bench.py DUET [FOLDER]

Pillow decodes, resizes the shorter side with BICUBIC and crops, in as many processes as there are cores; the start of the
processes is not counted, nor does Pillow write anything. duet is measured from its start to its end, with the packed set
written and on disk. Both take turns for several rounds, and medians over the rounds count. FOLDER has photographs, at any
depth; without it, some are drawn. They are linked under many names until there are --images of them.
"""

import argparse
import multiprocessing
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import tempfile
import time

import PIL
from PIL import Image, features

from photographs import photographs

SIZE = 256


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("duet", help="the duet binary")
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    parser.add_argument("--images", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="of Pillow; and duet's --workers")
    parser.add_argument("--work", type=pathlib.Path, help="where the files and the set are written; removed afterwards")
    arguments = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory(dir=arguments.work) as work:
        work = pathlib.Path(work)
        files = gather(work, arguments.folder, arguments.images)
        size = sum(os.path.getsize(file) for file in files)
        print(f"{len(files)} JPEG files, {size / len(files) / 1024:.0f} KiB each; {platform.machine()}, {arguments.processes} processes;", end=" ")
        print(f"Pillow {PIL.__version__} with libjpeg-turbo {features.version('libjpeg_turbo')}, duet {version(arguments.duet)}\n")
        pillow, duet, peaks = [], [], []
        for _ in range(arguments.rounds):
            pillow.append(len(files) / run_pillow(files, arguments.processes))
            seconds, peak = run_duet(arguments.duet, work, arguments.processes)
            duet.append(len(files) / seconds)
            peaks.append(peak)
    print("| | images/s, median | of the rounds | peak memory |\n|---|---|---|---|")
    print(f"| Pillow | {statistics.median(pillow):.0f} | {listed(pillow)} | |")
    print(f"| duet prepare | {statistics.median(duet):.0f} | {listed(duet)} | {max(peaks):.0f} MiB |")
    print(f"\nduet is {statistics.median(duet) / statistics.median(pillow):.2f} times as fast")


def gather(work, folder, count):
    """Links count files into the one class of a source; those of the folder come again and again."""
    drawn = work / "drawn"
    if folder is None:
        drawn.mkdir()
        photographs(drawn, 64)
        folder = drawn
    given = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not given:
        raise SystemExit(f"{folder}: no .jpg or .jpeg files")
    originals, photos = work / "originals", work / "source/photos"
    originals.mkdir()
    photos.mkdir(parents=True)
    for i, path in enumerate(given):
        shutil.copy(path, originals / f"{i:06}.jpg")
    files = []
    for i in range(count):
        files.append(photos / f"{i:06}.jpg")
        os.link(originals / f"{i % len(given):06}.jpg", files[-1])
    return files


def prepare(file):
    """Bytes [SIZE, SIZE, 3] of a file; only their number is given back, so that nothing is copied between processes."""
    with Image.open(file) as picture:
        picture = picture.convert("RGB")
    width, height = picture.size
    if width > height:
        to = max(SIZE, (width * SIZE + height // 2) // height), SIZE
    else:
        to = SIZE, max(SIZE, (height * SIZE + width // 2) // width)
    left, top = (to[0] - SIZE) // 2, (to[1] - SIZE) // 2
    return len(picture.resize(to, Image.BICUBIC).crop((left, top, left + SIZE, top + SIZE)).tobytes())


def run_pillow(files, processes):
    """Seconds for all files."""
    with multiprocessing.Pool(processes) as pool:
        pool.map(prepare, files[: 4 * processes], chunksize=1)  # everything is loaded
        start = time.perf_counter()
        pool.map(prepare, files, chunksize=16)
        return time.perf_counter() - start


def run_duet(duet, work, workers):
    """Seconds for all files, and the process's peak memory in MiB."""
    out = work / "set"
    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    process = subprocess.Popen(
        [duet, "prepare", work / "source", out, "--format", "folders", "--size", str(SIZE), "--workers", str(workers)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"duet prepare failed: {message.decode()}")
    return seconds, usage.ru_maxrss / 1024


def version(duet):
    return subprocess.run([duet, "version"], check=True, capture_output=True, text=True).stdout.splitlines()[0].removeprefix("duet ")


def listed(values):
    return " ".join(f"{value:.0f}" for value in values)


if __name__ == "__main__":
    main()
