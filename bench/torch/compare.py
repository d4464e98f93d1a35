"""Trains a duet run again in PyTorch, from its first checkpoint and its packed images, and compares the numbers.

The run must be plain: a fixed learning rate, images in their order and from the centre, no dropout, a checkpoint at
step 0 (train.checkpoint_start) and one at the end. Exit status: 0 the numbers agree, 1 they do not, 2 nothing to compare.
"""

import argparse
import json
import os
import pathlib
import sys
import tomllib

import numpy as np
import torch
import torch.nn.functional as F

from alexnet import Network, read_safetensors

# Both programs add up products in float32, in another order: thousands of terms at rounding 6e-8 each give about 1e-6 of
# a layer's output, and each update carries that on. A wrong formula or constant shows in the third digit or earlier.
LOSS_TOLERANCE = 1e-4  # |difference| / loss, of each step

# A loss is a mean over the batch and hides what weights show: a feature next to the edge of its ReLU, or two pixels that
# are nearly the same in a pooling window, go one way in one program and the other way in the other, and each time more
# follow. So a tensor is judged as a whole, against what the training changed of it: |w - w'| / |w - w0|, Euclidean norms.
# Ten steps of the full network in float32 reach 1.5e-2, one step 3e-4, ten steps of a network without such places 1e-6.
CHANGE_TOLERANCE = 5e-2


class Unfit(Exception):
    """The run or the data cannot be compared."""


def main():
    arguments = parse()
    try:
        run = Run(arguments.run, arguments.data, arguments.steps)
    except (Unfit, OSError) as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2
    dtype = torch.float64 if arguments.double else torch.float32
    network, losses = train(run, dtype)
    print(f"{arguments.run}: {run.config['network']['name']}, {sum(p.numel() for p in network.parameters()):,} parameters, "
          f"batch {run.batch}, devices {' + '.join(run.config['devices']['towers'])}; PyTorch {torch.__version__} in {dtype}")
    agree = compare_losses(run.losses, losses)
    agree = compare_weights(run, network) and agree
    print("the numbers agree" if agree else "THE NUMBERS DO NOT AGREE")
    return 0 if agree else 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path, metavar="RUN_FOLDER")
    parser.add_argument("data", type=pathlib.Path, metavar="DATA_FOLDER", help="the packed set that the run learned from")
    parser.add_argument("--steps", type=int, default=10, help="steps of the run (default 10)")
    parser.add_argument("--double", action="store_true", help="PyTorch in float64: tells which program a difference is due to")
    return parser.parse_args()


class Run:
    """What a duet run wrote: configuration, first and last checkpoint, losses; and the images that it saw."""

    def __init__(self, folder, data, steps):
        self.steps = steps
        metadata, self.first = read_safetensors(checkpoint(folder, 0))
        _, self.last = read_safetensors(checkpoint(folder, steps))
        self.config = tomllib.loads(metadata["duet.config"])
        self.classes = len(json.loads(metadata["classes"]))
        self.batch = self.config["train"]["batch"]
        require_plain(self.config)
        self.images = np.concatenate([np.load(path) for path in sorted((data / "train").glob("images-*.npy"))])
        self.labels = np.load(data / "train/labels.npy")
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        self.losses = [line["loss"] for line in lines if "loss" in line]
        if len(self.losses) != steps:
            raise Unfit(f"{folder}: {len(self.losses)} losses, want {steps}: a run of --steps, "
                        "with train.report_steps = 1")

    def batch_of(self, step, dtype):
        """Images [N, 3, crop, crop] and labels of a step, counted from 0: the images in order, again from the start."""
        c = self.config["data"]
        chosen = np.arange(step * self.batch, (step + 1) * self.batch) % len(self.labels)
        x = self.images[chosen].transpose(0, 3, 1, 2).astype(np.float32) - self.first["input.mean"]
        top, left = (x.shape[2] - c["crop"]) // 2, (x.shape[3] - c["crop"]) // 2
        x = x[:, :, top : top + c["crop"], left : left + c["crop"]] * np.float32(c["scale"])
        return torch.from_numpy(np.ascontiguousarray(x)).to(dtype), torch.from_numpy(self.labels[chosen].astype(np.int64))


def checkpoint(folder, step):
    """The path of the checkpoint of a step."""
    path = folder / f"checkpoints/step-{step:08}.safetensors"
    if not path.exists():
        raise Unfit(f"{path} is missing: want a run with train.checkpoint_start = true and train.max_steps = {step or 'STEPS'}")
    return path


def require_plain(config):
    """Refuses what PyTorch could not repeat: random numbers, and schedules."""
    data, train = config["data"], config["train"]
    want = {"data.shuffle": data["shuffle"] is False, "data.random_crop": data["random_crop"] is False,
            "data.mirror": data["mirror"] is False, "data.color_noise": data["color_noise"] == 0, "data.pad": data["pad"] == 0,
            "train.schedule.type": train["schedule"]["type"] == "fixed",
            "train.schedule.warmup_steps": not train["schedule"].get("warmup_steps"),
            "devices.precision": config["devices"]["precision"] in ("fp32", "fp64")}
    for layer in config["network"]["layers"]:
        want[f"network.layers.{layer['name']}.drop_rate"] = not layer.get("drop_rate")
    for key, plain in want.items():
        if not plain:
            raise Unfit(f"{key} makes a run that cannot be compared; want no random numbers, a fixed schedule, and fp32 or fp64")


def train(run, dtype):
    """Trains as duet does and gives the network and the loss of each step, before its update."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    network = Network(run.config, run.classes).to(dtype)
    network.load(run.first)
    update = SGD(network, run.config)
    losses = []
    for step in range(run.steps):
        x, labels = run.batch_of(step, dtype)
        loss = F.cross_entropy(network(x), labels)
        network.zero_grad(set_to_none=True)
        loss.backward()
        update.step()
        losses.append(loss.item())
    return network, losses


class SGD:
    """v = momentum*v - rate*(g + decay*w), w = w + v, with the multipliers of rate and decay that a layer may have.

    Unlike in torch.optim.SGD the rate is inside v, which is the same while the rate stays the same.
    """

    def __init__(self, network, config):
        train = config["train"]
        self.momentum, self.parameters = train["momentum"], []
        for layer in config["network"]["layers"]:
            if layer["type"] not in ("conv", "linear"):
                continue
            rate, decay = layer.get("rate", 1), layer.get("decay", 1)
            multipliers = {"weight": (rate, decay), "bias": (layer.get("bias_rate", rate), layer.get("bias_decay", decay))}
            for name, (rate, decay) in multipliers.items():
                w = network.get_parameter(f"{layer['name']}.{name}")
                self.parameters.append((w, torch.zeros_like(w), rate * train["schedule"]["rate"], decay * train["weight_decay"]))

    @torch.no_grad()
    def step(self):
        for w, v, rate, decay in self.parameters:
            v.mul_(self.momentum).sub_(w.grad + decay * w, alpha=rate)
            w.add_(v)


def compare_losses(duet, pytorch):
    """Prints the losses of each step; tells whether all agree."""
    print(f"{'step':>4}  {'duet':>12}  {'PyTorch':>12}  {'relative':>9}")
    agree = True
    for step, (a, b) in enumerate(zip(duet, pytorch), 1):
        difference = abs(a - b) / abs(b)
        within = difference <= LOSS_TOLERANCE  # false for NaN
        agree = agree and within
        print(f"{step:4}  {a:12.6f}  {b:12.6f}  {difference:9.1e}{'' if within else f'  above {LOSS_TOLERANCE:.0e}'}")
    return agree


def compare_weights(run, network):
    """Prints the weights' differences after the last step; tells whether all are small against the weights' change."""
    print(f"{'tensor':<14}  {'largest difference':>18}  {'largest change':>14}  {'relative':>9}")
    agree = True
    for name, parameter in network.named_parameters():
        w = parameter.detach().numpy()
        difference, change = run.last[name] - w, w - run.first[name]
        relative = np.linalg.norm(difference) / np.linalg.norm(change)
        within = bool(relative <= CHANGE_TOLERANCE)  # false for NaN
        agree = agree and within
        print(f"{name:<14}  {np.abs(difference).max():18.1e}  {np.abs(change).max():14.1e}  {relative:9.1e}"
              f"{'' if within else f'  above {CHANGE_TOLERANCE:.0e}'}")
    return agree


if __name__ == "__main__":
    sys.exit(main())
