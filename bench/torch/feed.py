"""Measures how fast batches come from a packed set, by a PyTorch DataLoader and by duet, in turn.

Both give shuffled batches of uint8 [N, H, W, 3] from the same memory-mapped arrays, with nothing done in between. The
DataLoader's processes are started before the clock is; every measurement is an epoch or more, medians over the rounds
count. With --cold it is the first epoch after the system has been told to forget the files: then the disk counts.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time

import numpy as np
import torch


class Packed(torch.utils.data.Dataset):
    """The images and labels of a split, whichever of its shards they are in."""

    def __init__(self, split):
        self.shards = [np.load(path, mmap_mode="r") for path in sorted(split.glob("images-*.npy"))]
        self.starts = np.cumsum([0] + [len(shard) for shard in self.shards])
        self.labels = np.load(split / "labels.npy")

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        shard = np.searchsorted(self.starts, i, side="right") - 1
        return torch.from_numpy(np.array(self.shards[shard][i - self.starts[shard]])), int(self.labels[i])


def forget(split):
    """Has the system drop the files of a split from memory."""
    for path in split.glob("images-*.npy"):
        with open(path, "rb") as file:
            os.fsync(file.fileno())  # what is not written yet stays
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def pytorch(split, batch, workers, seconds, cold):
    """Images per second of a DataLoader."""
    loader = torch.utils.data.DataLoader(Packed(split), batch_size=batch, shuffle=True, num_workers=workers,
                                         persistent_workers=workers > 0, drop_last=True)
    if cold:
        forget(split)
        epoch, images, began = iter(loader), 0, time.perf_counter()
        for pixels, _ in epoch:
            images += len(pixels)
        return images / (time.perf_counter() - began)
    for _ in loader:  # an epoch: the processes are there, and the pages
        pass
    images, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for pixels, _ in loader:
            images += len(pixels)
    return images / (time.perf_counter() - began)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("duet", help="the duet binary")
    parser.add_argument("set", type=pathlib.Path, help="a packed set, of codec raw")
    parser.add_argument("--config", default="configs/alexnet.toml")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cold", action="store_true", help="the first epoch, from the disk")
    arguments = parser.parse_args()
    split, batch, workers = arguments.set / "train", arguments.batch, arguments.workers
    rates = {"duet": [], "plain copies": [], "PyTorch, in the process": [], f"PyTorch, {workers} workers": []}
    if arguments.cold:
        del rates["plain copies"]
    for _ in range(arguments.rounds):
        if arguments.cold:
            forget(split)
        ours = json.loads(subprocess.run(
            [arguments.duet, "data", "bench", arguments.config, "--json", "--rounds", "1", "--batch", str(batch), "--set",
             f"data.path={arguments.set}", "--set", f"data.workers={workers}"],
            check=True, capture_output=True, text=True).stdout)
        if arguments.cold:
            rates["duet"].append(ours["first_images_per_second"])
        else:
            rates["duet"].append(ours["images_per_second"])
            rates["plain copies"].append(ours["images_per_second"] / ours["share"])
        rates["PyTorch, in the process"].append(pytorch(split, batch, 0, 2, arguments.cold))
        rates[f"PyTorch, {workers} workers"].append(pytorch(split, batch, workers, 2, arguments.cold))
    duet = statistics.median(rates["duet"])
    print("| batches from | images/s | duet is faster by |\n|---|---|---|")
    for name, values in rates.items():
        rate = statistics.median(values)
        print(f"| {name} | {rate:.0f} | {duet / rate:.2f} |")


if __name__ == "__main__":
    main()
