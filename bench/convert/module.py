"""Runs a module that duet has exported: module.py FOLDER IMAGES.npy OUT.npy writes the probabilities of the images."""

import importlib.util
import pathlib
import sys

import numpy as np
import torch


def main():
    folder, images, out = map(pathlib.Path, sys.argv[1:])
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.load()
    with torch.inference_mode():
        probabilities = torch.softmax(model(torch.from_numpy(np.load(images))), 1)
    assert probabilities.shape[1] == len(module.classes()), module.classes()
    model.train()
    loss = model(torch.from_numpy(np.load(images))).square().mean()
    loss.backward()  # it can be trained on
    assert all(p.grad is not None for p in model.parameters())
    np.save(out, probabilities.numpy())


if __name__ == "__main__":
    main()
