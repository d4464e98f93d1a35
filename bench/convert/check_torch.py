"""torchvision's AlexNet in duet: check_torch.py DUET [PHOTOGRAPHS]

A state dict with seeded weights, as torch.save writes it (zip and legacy) and as safetensors, and the network as both of
PyTorch's exporters write it in ONNX, is imported; for 16 images, of the folder PHOTOGRAPHS where there is one, the scores
and probabilities of duet's backends and PyTorch's, in float64, must agree. What duet exports again has the weights bit
for bit, and torchvision's own AlexNet loads it.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file, save_file

IMAGES, SIDE, CROP = 16, 256, 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Of a probability, and of the largest score of an image, relative: float32 over sums of up to 9216 products, in another
# order.
TOLERANCE = 1e-4
MODULES = {"conv1": "features.0", "conv2": "features.3", "conv3": "features.6", "conv4": "features.8",
           "conv5": "features.10", "fc6": "classifier.1", "fc7": "classifier.4", "fc8": "classifier.6"}


def main():
    duet = pathlib.Path(sys.argv[1]).resolve()
    torch.manual_seed(1)
    net = torchvision.models.alexnet(weights=None).eval()
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        images = photographs(pathlib.Path(sys.argv[2])) if len(sys.argv) > 2 else [picture(i) for i in range(IMAGES)]
        for i, image in enumerate(images):
            of = folder / f"images/{2 * i // IMAGES}"  # duet wants folders of two classes at least
            of.mkdir(parents=True, exist_ok=True)
            image.save(of / f"{i:02}.png")
        onnx(net, folder)
        logits = scores(net.double(), images)
        want = torch.softmax(logits, 1).numpy()
        np.savez(folder / "expected.npz", **activations(net, images[0]))
        state = {name: x.float() for name, x in net.state_dict().items()}
        torch.save(state, folder / "zip.pth")
        torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
        torch.save({"epoch": 90, "state_dict": {"module." + n: x for n, x in state.items()}}, folder / "nested.pth")
        save_file(state, folder / "plain.safetensors")
        for name in ("zip.pth", "legacy.pth", "nested.pth", "plain.safetensors", "dynamo.onnx", "torchscript.onnx"):
            out = folder / f"{name}.duet"
            run(duet, "import", folder / name, "--as", "torchvision", "--out", out, "--check", folder / "images/0/00.png",
                "--expect", folder / "expected.npz")
            backends = [d["name"] for d in json.loads(run(duet, "devices", "--json"))]
            for device in backends if name == "zip.pth" else backends[:1]:
                labels, got = predicted(duet, out, device, folder)
                same = np.take_along_axis(want, labels, 1)
                worst = np.max(np.abs(got - same) / same)
                assert np.all(same[:, 0] >= want.max(1) * (1 - TOLERANCE)), "another class is the most probable"
                assert worst < TOLERANCE, (name, device, worst)
                run(duet, "features", out, folder / "images", "--layer", "fc8", "--devices", device, "--out",
                    folder / "fc8")
                difference = np.abs(np.load(folder / "fc8/features.npy") - logits.numpy()).max(1)
                shutil.rmtree(folder / "fc8")
                off = np.max(difference / np.abs(logits.numpy()).max(1))
                assert off < TOLERANCE, (name, device, off)
                print(f"{name} on {device}: the scores of {IMAGES} images within {off:.1e} of the largest, "
                      f"the five most probable within {worst:.1e}")
            back(duet, out, state, folder / f"{name}.back")


def onnx(net, folder):
    """PyTorch's two exporters, of any batch."""
    x = torch.zeros(2, 3, CROP, CROP)
    torch.onnx.export(net, (x,), folder / "dynamo.onnx", dynamo=True, verbose=False,
                      dynamic_shapes=({0: torch.export.Dim("batch")},))
    with warnings.catch_warnings(action="ignore"):  # that it is deprecated
        torch.onnx.export(net, (x,), folder / "torchscript.onnx", dynamo=False, input_names=["x"],
                          dynamic_axes={"x": {0: "batch"}})


def back(duet, checkpoint, state, out):
    """What duet exports has the weights of the state dict bit for bit, and torchvision's AlexNet takes it."""
    out.mkdir()
    run(duet, "export", "safetensors", checkpoint, "--names", "torchvision", "--out", out / "weights.safetensors")
    run(duet, "export", "pytorch", checkpoint, "--out", out / "module")
    own = load_file(out / "module/model.safetensors")
    named = {f"{theirs}.{kind}": own[f"{layer}.{kind}"] for layer, theirs in MODULES.items()
             for kind in ("weight", "bias")}
    for weights in load_file(out / "weights.safetensors"), named:
        net = torchvision.models.alexnet(weights=None)
        net.load_state_dict(weights, strict=True)
        for name, x in net.state_dict().items():
            assert x.numpy().tobytes() == state[name].numpy().tobytes(), (out, name)
    print(f"{out.name}: torchvision's AlexNet loads both, bit for bit")
    shutil.rmtree(out)


def photographs(folder):
    """The first images of a folder, of the size that is stored, so that nobody resizes them."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpeg", ".jpg", ".png"))[:IMAGES]
    assert len(paths) == IMAGES, f"{folder} has {len(paths)} images, want {IMAGES}"
    return [Image.open(p).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC) for p in paths]


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
    scores(net, [image])
    for hook in hooks:
        hook.remove()
    return seen


def scores(net, images):
    """[image, class]: PyTorch's, in the precision of the network."""
    at = (SIDE - CROP) // 2
    pixels = np.stack([np.asarray(i)[at:at + CROP, at:at + CROP] for i in images]).transpose(0, 3, 1, 2) / 255
    x = (torch.from_numpy(pixels) - torch.tensor(MEAN).double().view(3, 1, 1)) / torch.tensor(STD).double().view(3, 1, 1)
    with torch.no_grad():
        return net(x.to(next(net.parameters()).dtype))


def predicted(duet, checkpoint, device, folder):
    """[image, 5], twice: the labels of duet's most probable classes, and their probabilities."""
    said = run(duet, "predict", checkpoint, *sorted(folder.glob("images/*/*.png")), "--json", "--devices", device)
    guesses = [one["guesses"] for one in json.loads(said)]
    return [np.array([[g[key] for g in row] for row in guesses]) for key in ("label", "probability")]


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


main()
