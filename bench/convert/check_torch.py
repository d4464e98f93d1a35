"""torchvision's AlexNet in duet: check_torch.py DUET

A state dict with seeded weights, as torch.save writes it (zip and legacy) and as safetensors, is imported; for 16 images
the probabilities of duet's backends and PyTorch's, in float64, must agree.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torchvision
from PIL import Image

IMAGES, SIDE, CROP = 16, 256, 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TOLERANCE = 1e-4  # of a probability, relative: float32 over sums of up to 9216 products, in another order


def main():
    duet = pathlib.Path(sys.argv[1]).resolve()
    torch.manual_seed(1)
    net = torchvision.models.alexnet(weights=None).eval()
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        images = [picture(i) for i in range(IMAGES)]
        for i, image in enumerate(images):
            image.save(folder / f"{i:02}.png")
        want = probabilities(net.double(), images)
        np.savez(folder / "expected.npz", **activations(net, images[0]))
        state = {name: x.float() for name, x in net.state_dict().items()}
        torch.save(state, folder / "zip.pth")
        torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
        torch.save({"epoch": 90, "state_dict": {"module." + n: x for n, x in state.items()}}, folder / "nested.pth")
        safetensors(state, folder / "plain.safetensors")
        for name in ("zip.pth", "legacy.pth", "nested.pth", "plain.safetensors"):
            out = folder / f"{name}.duet"
            run(duet, "import", folder / name, "--as", "torchvision", "--out", out, "--check", folder / "00.png",
                "--expect", folder / "expected.npz")
            backends = [d["name"] for d in json.loads(run(duet, "devices", "--json"))]
            for device in backends if name == "zip.pth" else backends[:1]:
                labels, got = predicted(duet, out, device, folder)
                same = np.take_along_axis(want, labels, 1)
                worst = np.max(np.abs(got - same) / same)
                assert np.all(same[:, 0] >= want.max(1) * (1 - TOLERANCE)), "another class is the most probable"
                assert worst < TOLERANCE, (name, device, worst)
                print(f"{name} on {device}: the five most probable of {IMAGES} images within {worst:.1e}")


def picture(seed):
    """An image with edges, colours and gradients of all sizes, of the size that is stored, so that nobody resizes it."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (2 + seed, 3 + seed, 3), dtype=np.uint8)
    smooth = Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    blocks = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    return Image.blend(smooth, blocks, 0.3)


LAYERS = {"conv1": "features.1", "pool1": "features.2", "conv2": "features.4", "pool2": "features.5",
          "conv3": "features.7", "conv4": "features.9", "conv5": "features.11", "pool5": "features.12",
          "fc6": "classifier.2", "fc7": "classifier.5", "fc8": "classifier.6"}


def activations(net, image):
    """What PyTorch's layers give, under duet's names; a layer of duet's has its rectifier in it."""
    seen, modules = {}, dict(net.named_modules())
    hooks = [modules[theirs].register_forward_hook(
        lambda _, __, y, name=name: seen.__setitem__(name, y[0].float().numpy().copy())) for name, theirs in LAYERS.items()]
    probabilities(net, [image])
    for hook in hooks:
        hook.remove()
    return seen


def probabilities(net, images):
    """[image, class]: PyTorch's."""
    at = (SIDE - CROP) // 2
    pixels = np.stack([np.asarray(i)[at:at + CROP, at:at + CROP] for i in images]).transpose(0, 3, 1, 2) / 255
    x = (torch.from_numpy(pixels) - torch.tensor(MEAN).double().view(3, 1, 1)) / torch.tensor(STD).double().view(3, 1, 1)
    with torch.no_grad():
        return torch.softmax(net(x), 1).numpy()


def predicted(duet, checkpoint, device, folder):
    """[image, 5], twice: the labels of duet's most probable classes, and their probabilities."""
    said = run(duet, "predict", checkpoint, *sorted(folder.glob("*.png")), "--json", "--devices", device)
    guesses = [one["guesses"] for one in json.loads(said)]
    return [np.array([[g[key] for g in row] for row in guesses]) for key in ("label", "probability")]


def safetensors(state, path):
    header, blobs, at = {}, [], 0
    for name, x in sorted(state.items()):
        blob = x.numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(blobs))


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


main()
