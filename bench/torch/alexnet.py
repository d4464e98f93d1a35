"""The network of a duet configuration in PyTorch, and the files that duet writes, read with NumPy alone.

A tower is a group: a layer without exchange divides its maps among the towers, and a tower sees its own maps only. Here
everything runs on one device, so that a convolution of two towers is one with two groups.
"""

import json
import math

import numpy as np
import torch
import torch.nn.functional as F


ACTIVATIONS = {"relu": F.relu, "tanh": torch.tanh, "none": lambda x: x}


def read_safetensors(path):
    """The metadata (str to str) and the tensors (name to float32 array, memory-mapped) of a checkpoint.

    The file is: 8 bytes n, little endian; n bytes of JSON; the data. https://huggingface.co/docs/safetensors
    """
    data = np.memmap(path, np.uint8, "r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8:start].tobytes())
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{path}: tensor {name} is {entry['dtype']}, want F32")
        begin, end = entry["data_offsets"]
        tensors[name] = data[start + begin : start + end].view("<f4").reshape(entry["shape"])
    return metadata, tensors


class Conv(torch.nn.Conv2d):
    """A convolution; of two towers without exchange: with two groups."""

    def __init__(self, layer, inputs, groups):
        super().__init__(inputs, layer["maps"], layer["kernel"], stride=max(layer.get("stride", 0), 1),
                         padding=layer.get("pad", 0), groups=groups)


class Linear(torch.nn.Module):
    """A linear layer, which flattens maps first; of two towers without exchange: each half of the features by itself."""

    def __init__(self, inputs, outputs, groups):
        super().__init__()
        self.groups = groups
        self.weight = torch.nn.Parameter(torch.zeros(outputs, inputs // groups))
        self.bias = torch.nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        halves = zip(x.flatten(1).chunk(self.groups, 1), self.weight.chunk(self.groups), self.bias.chunk(self.groups))
        ys = [F.linear(*half) for half in halves]
        return ys[0] if len(ys) == 1 else torch.cat(ys, 1)


class LRN(torch.nn.Module):
    """y[c] = x[c] * (k + a * sum of x[j]^2)^-beta over the n maps j around c in the same tower.

    a is alpha/n with alpha_over_n, else alpha. PyTorch's own function divides by n always. The towers become images of
    the batch, so that no window crosses a tower's edge.
    """

    def __init__(self, layer, groups):
        super().__init__()
        self.n, self.k, self.beta, self.groups = layer["n"], layer["k"], layer["beta"], groups
        self.alpha = layer["alpha"] * (1 if layer["alpha_over_n"] else self.n)

    def forward(self, x):
        towers = x.reshape(x.shape[0] * self.groups, -1, *x.shape[2:])
        return F.local_response_norm(towers, self.n, self.alpha, self.beta, self.k).reshape(x.shape)


class Dropout(torch.nn.Module):
    """Zeroes features with a probability. The paper's form scales at test time; the inverted form at training."""

    def __init__(self, layer):
        super().__init__()
        self.rate = layer.get("drop_rate", 0)
        self.scale = 1 if layer.get("inverted") else 1 - self.rate

    def forward(self, x):
        y = F.dropout(x, self.rate, self.training)
        return y if self.scale == 1 else y * self.scale


class Network(torch.nn.Module):
    """The layers of a configuration's [network] table. Parameters have the names that duet gives them.

    config is the whole configuration, classes the number of the data's classes.
    """

    def __init__(self, config, classes):
        super().__init__()
        network = config["network"]
        self.classes, self.towers = classes, network["towers"]
        self.maps, self.side, self.split = 3, config["data"]["crop"], 1  # of the output so far; split: among how many towers
        self.names = []
        for i, layer in enumerate(network["layers"]):
            self.add_module(layer["name"], self.build(layer, last=i == len(network["layers"]) - 1))
            self.names.append((layer["name"], ACTIVATIONS[layer.get("activation", "none")]))

    def build(self, layer, last):
        """The module of a layer; keeps count of the shape of its output."""
        kind = layer["type"]
        if kind == "relu":
            return torch.nn.ReLU()
        if kind == "tanh":
            return torch.nn.Tanh()
        if kind == "lrn":
            return LRN(layer, self.split)
        if kind == "dropout":
            return Dropout(layer)
        if kind in ("maxpool", "avgpool"):
            return self.pool(layer)
        towers = 1 if last else layer.get("towers", self.towers)
        groups = 1 if layer.get("exchange") or self.split == 1 else towers
        inputs, self.split = self.maps, towers
        if kind == "conv":
            module = Conv(layer, inputs, groups)
            self.maps, self.side = layer["maps"], (self.side + 2 * module.padding[0] - layer["kernel"]) // module.stride[0] + 1
            return module
        module = Linear(inputs * self.side**2, layer.get("features", self.classes), groups)
        self.maps, self.side = module.bias.numel(), 1
        return module

    def pool(self, layer):
        """A pooling, whose windows overlap where the stride is less than the kernel."""
        kernel, stride, pad, ceil = layer["kernel"], max(layer.get("stride", 0), 1), layer.get("pad", 0), layer.get("ceil_mode", False)
        windows = (self.side + 2 * pad - kernel) / stride
        self.side = (math.ceil(windows) if ceil else math.floor(windows)) + 1
        if layer["type"] == "avgpool":
            return torch.nn.AvgPool2d(kernel, stride, pad, ceil_mode=ceil, count_include_pad=layer.get("count_include_pad", False))
        return torch.nn.MaxPool2d(kernel, stride, pad, ceil_mode=ceil)

    def forward(self, x):
        for name, activation in self.names:
            x = activation(getattr(self, name)(x))
        return x

    def load(self, tensors):
        """Takes the weights from a checkpoint's tensors, by name."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if list(tensors[name].shape) != list(parameter.shape):
                    raise ValueError(f"{name}: the checkpoint has {list(tensors[name].shape)}, the configuration {list(parameter.shape)}")
                parameter.copy_(torch.from_numpy(np.array(tensors[name])))

