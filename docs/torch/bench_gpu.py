"""Measures training steps of a network in PyTorch on a GPU and in duet, in turn, and prints a Markdown table or JSON.

A step is forward, backward and update with the images in the GPU's memory. PyTorch runs in fp32, TF32 and bf16
(autocast), contiguous and channels_last, eager and compiled; duet in fp32 and bf16. Every measurement is a process of
its own; the programs take turns for several rounds, and medians over the rounds count.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

CONFIG = pathlib.Path(__file__).resolve().parents[1] / "configs/alexnet.toml"
PRECISIONS = ["fp32", "tf32", "bf16"]
WARM_UP = 10


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("duet", help="the duet binary")
    parser.add_argument("--config", type=pathlib.Path, default=CONFIG)
    parser.add_argument("--devices", nargs="+", default=["cuda:0"], help="duet's placements: cuda:0, cuda:0,cuda:0")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", nargs=3, metavar=("PRECISION", "LAYOUT", "MODE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(pytorch_step(arguments, *arguments.measure))
        return
    results = measure(arguments)
    medians = {name: statistics.median(speeds) for name, speeds in results.items() if speeds}
    if arguments.json:
        print(json.dumps({name: {"images_per_second": medians[name], "rounds": speeds} for name, speeds in results.items() if speeds}, indent=1))
        return
    base = max((speed for name, speed in medians.items() if name.startswith("PyTorch fp32")), default=None)
    print("| program | images/s, median | least to most | to PyTorch fp32 |\n|---|---|---|---|")
    for name, speed in sorted(medians.items(), key=lambda item: item[1]):
        ratio = f"{speed / base:.2f}x" if base else "-"
        print(f"| {name} | {speed:.0f} | {min(results[name]):.0f} to {max(results[name]):.0f} | {ratio} |")


def pytorch_step(arguments, precision, layout, mode):
    """Median seconds of a training step in this process, between events of the GPU."""
    import tomllib

    import torch
    import torch.nn.functional as F

    from alexnet import Network

    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    config = tomllib.loads(arguments.config.read_text())
    network = Network(config, config["network"]["layers"][-1].get("features", 1000)).cuda()
    x = torch.randn(arguments.batch, 3, config["data"]["crop"], config["data"]["crop"], device="cuda")
    labels = torch.randint(0, network.classes, (arguments.batch,), device="cuda")
    if layout == "channels_last":
        network, x = network.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4, foreach=True)
    forward = torch.compile(network) if mode == "compiled" else network
    events = []
    for _ in range(WARM_UP + arguments.steps):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16"):
            loss = F.cross_entropy(forward(x), labels)
        loss.backward()
        optimizer.step()
        end.record()
        events.append((begin, end))
    torch.cuda.synchronize()
    return statistics.median(begin.elapsed_time(end) for begin, end in events[WARM_UP:]) / 1000


def measure(arguments):
    """Images a second of each program: a list of one number a round. What fails is reported and left out."""
    results = {}
    modes = ["eager"] if arguments.no_compile else ["eager", "compiled"]
    for _ in range(arguments.rounds):
        for precision in PRECISIONS:
            for layout in ("contiguous", "channels_last"):
                for mode in modes:
                    command = [sys.executable, __file__, arguments.duet, "--config", arguments.config, "--batch", arguments.batch,
                               "--steps", arguments.steps, "--measure", precision, layout, mode]
                    note(results, f"PyTorch {precision} {layout} {mode}", command, lambda out: arguments.batch / float(out))
            if precision == "tf32":
                continue
            for devices in arguments.devices:
                command = [arguments.duet, "bench", arguments.config, "--devices", devices, "--batch", arguments.batch,
                           "--precision", precision, "--steps", arguments.steps, "--json"]
                note(results, f"duet {precision} {devices}", command, lambda out: json.loads(out)["images_per_second"])
    return results


def note(results, name, command, speed):
    """Runs a measurement and keeps its speed."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        print(f"{name}: failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}", file=sys.stderr)
        return
    results.setdefault(name, []).append(speed(done.stdout.strip().splitlines()[-1] if name.startswith("PyTorch") else done.stdout))
    print(f"{name}: {results[name][-1]:.0f} images/s", file=sys.stderr)


if __name__ == "__main__":
    main()
