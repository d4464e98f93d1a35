"""Measures training steps of a network in PyTorch and in duet, in turn, and prints a Markdown table.

A step is forward, backward and update with all images in memory. Every measurement is a process of its own, so that no
program's idle threads disturb the other; the programs take turns for several rounds, and medians over the rounds count.
"""

import argparse
import datetime
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

CONFIG = pathlib.Path(__file__).resolve().parents[2] / "configs/alexnet.toml"
PYTORCH = [("contiguous", "fp32"), ("channels_last", "fp32"), ("contiguous", "bf16"), ("channels_last", "bf16")]
BASE = "PyTorch fp32"  # the best of its layouts: what the ratios are to


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("duet", help="the duet binary")
    parser.add_argument("--config", type=pathlib.Path, default=CONFIG)
    parser.add_argument("--devices", default="dnnl:0")
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="steps of each measurement, after two to warm up")
    parser.add_argument("--measure", nargs=2, metavar=("LAYOUT", "PRECISION"), help=argparse.SUPPRESS)  # in the process of its own
    arguments = parser.parse_args()
    if arguments.measure:
        print(pytorch_step(arguments.config, arguments.batch[0], *arguments.measure, arguments.steps))
        return
    print(machine(arguments.duet), end="\n\n")
    for i, batch in enumerate(arguments.batch):
        table(measure(arguments, batch), batch, arguments.rounds, header=i == 0)


def pytorch_step(config, batch, layout, precision, steps):
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
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)
    times = []
    for _ in range(2 + steps):
        began = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = F.cross_entropy(network(x), labels)
        loss.backward()
        optimizer.step()
        times.append(time.perf_counter() - began)
    return statistics.median(times[2:])


def measure(arguments, batch):
    """Images a second of each program: a list of one number a round."""
    results = {}
    for r in range(arguments.rounds):
        for layout, precision in PYTORCH:
            seconds = float(output([sys.executable, __file__, arguments.duet, "--config", arguments.config, "--batch", batch,
                                    "--steps", arguments.steps, "--measure", layout, precision]))
            results.setdefault(f"PyTorch {precision} {layout}", []).append(batch / seconds)
            print(f"batch {batch}, round {r + 1}: PyTorch {precision} {layout}: {batch / seconds:.1f} images/s", file=sys.stderr)
            if layout == "contiguous":  # between PyTorch's, so that both see the same machine
                result = json.loads(output([arguments.duet, "bench", arguments.config, "--devices", arguments.devices, "--batch", batch,
                                            "--precision", precision, "--steps", arguments.steps, "--json"]))
                results.setdefault(f"duet {precision}", []).append(result["images_per_second"])
                print(f"batch {batch}, round {r + 1}: duet {precision}: {result['images_per_second']:.1f} images/s", file=sys.stderr)
    return results


def output(command):
    """The standard output of a command."""
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def table(results, batch, rounds, header):
    """Prints the rows of a batch size."""
    medians = {name: statistics.median(speeds) for name, speeds in results.items()}
    base = max(speed for name, speed in medians.items() if name.startswith(BASE))
    if header:
        print(f"| batch | program | images/s, median of {rounds} | least to most | to {BASE} |\n|---|---|---|---|---|")
    for name, speed in sorted(medians.items(), key=lambda item: item[1]):
        print(f"| {batch} | {name} | {speed:.1f} | {min(results[name]):.1f} to {max(results[name]):.1f} | {speed / base:.2f}x |", flush=True)


def cores():
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def machine(duet):
    """One line: processor, cores, versions, date."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    special = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    description = {d["name"]: d["description"] for d in json.loads(output([duet, "devices", "--json"]))}.get("dnnl:0", "no dnnl")
    return (f"{model}, {cores()} cores ({', '.join(special)}); PyTorch {torch.__version__}; duet's dnnl:0: {description}; "
            f"load {os.getloadavg()[0]:.1f}; {datetime.date.today()}")


if __name__ == "__main__":
    main()
