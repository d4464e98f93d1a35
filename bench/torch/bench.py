"""Measures training steps of networks in PyTorch and in duet, in turn, and prints Markdown tables.

A step is forward, backward and update with all images in memory. PyTorch runs eager and compiled, contiguous and
channels_last, in fp32 and in bf16 (autocast), with its fused SGD where it has one; duet is compared with the fastest of
them in the same precision, and both with the speed of PyTorch's own product of two matrices of 2048x2048 in it. Every
measurement is a process of its own, so that no program's idle threads disturb the other; the programs take turns for
several rounds, and medians over the rounds count.
"""

import argparse
import collections
import datetime
import inspect
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import tomllib

import torch
import torch.nn.functional as F

from alexnet import Network

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"
# Configuration, batch, and steps of each measurement: some seconds.
NETWORKS = [("alexnet.toml", 32, 5), ("cifar10.toml", 128, 20), ("quick.toml", 64, 50)]
PRECISIONS = ["fp32", "bf16"]  # those of them that duet's device has
VARIANTS = [(layout, mode) for mode in ("eager", "compiled") for layout in ("contiguous", "channels_last")]
WARM_UP = 2  # steps
SIDE = 2048  # of the matrices


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("duet", help="the duet binary")
    default = ", ".join(f"{config} {batch} {steps}" for config, batch, steps in NETWORKS)
    parser.add_argument("--network", nargs=3, action="append", metavar=("CONFIG", "BATCH", "STEPS"),
                        help=f"instead of {default}; may be given more than once")
    parser.add_argument("--devices", default="dnnl:0")
    parser.add_argument("--rounds", type=int, default=3)
    # What a process of its own does:
    parser.add_argument("--measure", nargs=3, metavar=("PRECISION", "LAYOUT", "MODE"), help=argparse.SUPPRESS)
    parser.add_argument("--product", metavar="PRECISION", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    networks = [(CONFIGS / c if (CONFIGS / c).exists() else pathlib.Path(c), int(batch), int(steps))
                for c, batch, steps in arguments.network or NETWORKS]
    if arguments.measure:
        print(pytorch_step(*networks[0], *arguments.measure))
    elif arguments.product:
        print(product(arguments.product))
    else:
        devices = {d["name"]: d for d in json.loads(output([arguments.duet, "devices", "--json"]))}
        print(machine(arguments.devices, devices), flush=True)
        used = [devices[name]["precisions"] for name in arguments.devices.split(",")]
        precisions = [p for p in PRECISIONS if all(p in of_device for of_device in used)]
        if precisions != PRECISIONS:
            print(f"measuring only {', '.join(precisions)}, as {arguments.devices} has nothing else", file=sys.stderr)
        results = measure(arguments, networks, precisions)
        print_best(results, arguments.rounds)
        print_all(results)


def pytorch_step(config, batch, steps, precision, layout, mode):
    """Median seconds of a training step in this process."""
    torch.set_num_threads(cores())
    torch.manual_seed(1)
    config = tomllib.loads(config.read_text())
    classes = config["network"]["layers"][-1].get("features", 10)
    network = Network(config, classes)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.01)
    x = torch.randn(batch, 3, config["data"]["crop"], config["data"]["crop"])
    labels = torch.randint(0, classes, (batch,))
    if layout == "channels_last":
        network, x = network.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    fused = {"fused": True} if fused_sgd() else {}
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4, **fused)
    forward = torch.compile(network) if mode == "compiled" else network
    times = []
    for _ in range(WARM_UP + steps):
        began = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = F.cross_entropy(forward(x), labels)
        loss.backward()
        optimizer.step()
        times.append(time.perf_counter() - began)
    return statistics.median(times[WARM_UP:])


def fused_sgd():
    """Has this PyTorch an SGD for the CPU that updates a tensor in one pass (2.4 or later)?"""
    if "fused" not in inspect.signature(torch.optim.SGD).parameters:
        return False
    try:
        torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-4, fused=True)
    except RuntimeError:  # fused, but for GPUs alone
        return False
    return True


def product(precision):
    """GFLOP/s of a product of two square matrices."""
    torch.set_num_threads(cores())
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    a, b = torch.randn(SIDE, SIDE).to(dtype), torch.randn(SIDE, SIDE).to(dtype)
    times = []
    for _ in range(WARM_UP + 20):
        began = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - began)
    return 2 * SIDE**3 / statistics.median(times[WARM_UP:]) / 1e9


class Speeds:
    """What was measured of a network in a precision, a number a round: images/s by program, GFLOP/s of the product."""

    def __init__(self):
        self.pytorch = collections.defaultdict(list)  # by (layout, mode)
        self.duet, self.product, self.gflop = [], [], 0  # gflop: of convolutions and linear layers, an image

    def best(self):
        """The fastest variant of PyTorch and its median."""
        medians = {variant: statistics.median(speeds) for variant, speeds in self.pytorch.items()}
        return max(medians.items(), key=lambda pair: pair[1])

    def share(self, speed):
        """The part of the matrix product's speed that so many images a second make use of."""
        return speed * self.gflop / statistics.median(self.product)


def measure(arguments, networks, precisions):
    """The speeds by (configuration's name, batch, precision)."""
    results = collections.defaultdict(Speeds)
    variants = VARIANTS
    if not hasattr(torch, "compile"):
        print(f"PyTorch {torch.__version__} has no torch.compile: measured eager alone", file=sys.stderr)
        variants = [variant for variant in VARIANTS if variant[1] == "eager"]
    for r in range(arguments.rounds):

        def say(what, speed):
            print(f"round {r + 1} of {arguments.rounds}: {what}: {speed}", file=sys.stderr)

        for config, batch, steps in networks:
            for precision in precisions:
                s = results[config.stem, batch, precision]
                s.product.append(product_in_process(arguments, precision))
                say(f"matrix product {precision}", f"{s.product[-1]:.0f} GFLOP/s")
                for i, variant in enumerate(variants):
                    if i == len(variants) // 2:  # between PyTorch's, so that both see the same machine
                        bench = duet_in_process(arguments, config, batch, steps, precision)
                        s.duet.append(bench["images_per_second"])
                        s.gflop = bench["gflop_per_step"] / batch
                        say(f"{config.stem} {batch} {precision} duet", f"{s.duet[-1]:.1f} images/s")
                    speed = pytorch_in_process(arguments, config, batch, steps, precision, variant)
                    s.pytorch[variant].append(speed)
                    say(f"{config.stem} {batch} {precision} PyTorch {' '.join(variant)}", f"{speed:.1f} images/s")
    return results


def product_in_process(arguments, precision):
    """GFLOP/s of the matrix product."""
    return float(output([sys.executable, __file__, arguments.duet, "--product", precision]))


def pytorch_in_process(arguments, config, batch, steps, precision, variant):
    """Images a second of PyTorch."""
    printed = output([sys.executable, __file__, arguments.duet, "--network", config, batch, steps,
                      "--measure", precision, *variant])
    return batch / float(printed.splitlines()[-1])  # the compiler may print too


def duet_in_process(arguments, config, batch, steps, precision):
    """What `duet bench` measured."""
    return json.loads(output([arguments.duet, "bench", config, "--devices", arguments.devices, "--batch", batch,
                              "--precision", precision, "--steps", steps, "--json"]))


def output(command):
    """The standard output of a command."""
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def print_best(results, rounds):
    """The table of ratios to the best of PyTorch."""
    print(f"\nMedians of {rounds} rounds; shares are of PyTorch's product of two {SIDE}x{SIDE} matrices, and count the "
          "convolutions and linear layers alone.\n\n| network, batch | precision | PyTorch's best, images/s "
          "| duet, images/s | ratio | matrix product, GFLOP/s | share: PyTorch | share: duet |\n|---|---|---|---|---|---|---|---|")
    for (network, batch, precision), s in results.items():
        (variant, best), duet = s.best(), statistics.median(s.duet)
        print(f"| {network}, {batch} | {precision} | {best:.1f} ({' '.join(variant)}) | {duet:.1f} | {duet / best:.2f}x "
              f"| {statistics.median(s.product):.0f} | {s.share(best):.0%} | {s.share(duet):.0%} |")


def print_all(results):
    """The table of everything that was measured."""
    print("\n| network, batch | program | images/s, median | least to most |\n|---|---|---|---|")
    for (network, batch, precision), s in results.items():
        rows = {f"PyTorch {precision} {' '.join(variant)}": speeds for variant, speeds in s.pytorch.items()}
        rows[f"duet {precision}"] = s.duet
        for name, speeds in sorted(rows.items(), key=lambda row: statistics.median(row[1])):
            median = statistics.median(speeds)
            print(f"| {network}, {batch} | {name} | {median:.1f} | {min(speeds):.1f} to {max(speeds):.1f} |")


def cores():
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def machine(names, devices):
    """One line: processor, cores, versions, date."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    special = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    missing = [name for name in names.split(",") if name not in devices]
    if missing:
        sys.exit(f"duet has no device {missing[0]}; want of {', '.join(devices)}")
    description = ", ".join(f"{name}: {devices[name]['description']}" for name in names.split(","))
    sgd = " with fused SGD" if fused_sgd() else ""
    return (f"{model}, {cores()} cores ({', '.join(special)}); PyTorch {torch.__version__}{sgd}; duet's {description}; "
            f"load {os.getloadavg()[0]:.1f}; {datetime.date.today()}")


if __name__ == "__main__":
    main()
