"""Holds what duet exports against ONNX's own code, onnxruntime and PyTorch: export.py DUET [TORCH]

DUET is the program. Networks are trained for a few steps, AlexNet for none; onnx's checker must take the files,
and what onnxruntime computes of random images, one at a time and seven, must be what `duet predict` says. duet itself
must import the files as the same network, with the weights bit for bit. TORCH is a Python with PyTorch, which runs the
generated modules; without it they are not tried.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import cv2
import numpy as np
import onnx
import onnxruntime

sys.path.append(f"{sys.prefix}/beside")  # where python.sh has put it
from safetensors.numpy import load_file

TOLERANCE = 1e-4  # of a probability
HALF_TOLERANCE = 2e-2  # of weights that were rounded to float16 against those that were not: one part in 2000 of each

DATA = ["data.generated.classes=10", "data.generated.train=256", "data.generated.val=32"]
NETWORKS = {  # by the preset, and a word where it is there twice
    "quick": ["train.max_steps=20"],
    "quick averaged": ["train.max_steps=20", "network.layers.norm1.type=tanh", "network.layers.conv2.activation=tanh",
                       *(f"network.layers.{pool}.type=avgpool" for pool in ("pool1", "pool2", "pool3")),
                       "network.layers.pool1.pad=1", "network.layers.pool1.ceil_mode=true",
                       "network.layers.pool1.count_include_pad=true",  # of windows that reach beyond it
                       "network.layers.pool2.pad=1", "network.layers.pool3.pad=2",  # more than PyTorch's own takes
                       "network.layers.pool3.count_include_pad=true"],
    "cifar10": ["data.generated.size=32", "train.max_steps=20", "train.batch=32"],
    "torchvision": ["data.generated.size=128", "data.size=128", "data.crop=112", "network.layers.fc6.features=64",
                    "network.layers.fc7.features=64", "train.max_steps=5", "train.batch=16"],
    "caffe": ["data.generated.size=128", "data.size=128", "data.crop=115", "network.layers.fc6.features=64",
              "network.layers.fc7.features=64", "train.max_steps=2", "train.batch=16"],
    "alexnet": ["data.generated.size=256", "data.generated.train=20", "data.generated.val=10", "train.max_steps=1",
                "train.batch=4", "train.checkpoint_start=true"],
}


def main():
    duet = pathlib.Path(sys.argv[1]).resolve()
    torch = sys.argv[2] if len(sys.argv) > 2 else None
    if not torch:
        print("no Python with PyTorch was named: the generated modules are not tried")
    for name, sets in NETWORKS.items():
        with tempfile.TemporaryDirectory() as work:
            check(duet, torch, pathlib.Path(work), name, sets)


def check(duet, torch, work, name, sets):
    def run(*args):
        return subprocess.run([duet, *args], cwd=work, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    best = "dnnl:0" if b"dnnl:0" in run("devices") else "reference:0"
    run("train", name.split()[0], "--data", "generated", "--run", "run", "--devices", best,
        *(arg for s in DATA + sets for arg in ("--set", s)))
    checkpoint = "runs/run/checkpoints/step-00000000.safetensors" if name == "alexnet" else "runs/run"
    run("export", "onnx", checkpoint, "--out", "model.onnx")
    run("export", "onnx", checkpoint, "--out", "half.onnx", "--half")
    run("export", "pytorch", checkpoint, "--out", "module")
    model = onnx.load(work / "model.onnx")
    assert (model.ir_version, model.opset_import[0].version) == (7, 13), model.opset_import
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    images = np.random.default_rng(1).integers(0, 256, (7, *shape), np.uint8)
    images[1], images[2] = 0, 255
    names = [f"{i}.png" for i in range(len(images))]
    for path, image in zip(names, images):
        assert cv2.imwrite(str(work / path), image[:, :, ::-1])  # which wants BGR
    guesses = json.loads(run("predict", checkpoint, "--json", "--precision", "fp32", *names))

    def compare(what, probabilities, tolerance):
        labels = [[g["label"] for g in one["guesses"]] for one in guesses]
        want = [[g["probability"] for g in one["guesses"]] for one in guesses]
        difference = np.abs(np.take_along_axis(probabilities, np.array(labels), 1) - want).max()
        assert difference <= tolerance, f"{name}: {what}: {difference}"
        print(f"{name}: {what}: probabilities differ by at most {difference:.1e}")

    for file, tolerance in ("model.onnx", TOLERANCE), ("half.onnx", HALF_TOLERANCE):
        onnx.checker.check_model(str(work / file), full_check=True)
        session = onnxruntime.InferenceSession(str(work / file), providers=["CPUExecutionProvider"])
        for batch in 1, 7:
            parts = [session.run(None, {"images": images[i:i + batch]})[0] for i in range(0, 7, batch)]
            compare(f"{file} by onnxruntime, {batch} at a time", np.concatenate(parts), tolerance)
    weights = load_file(work / "runs/run/checkpoints/best.safetensors" if checkpoint == "runs/run" else work / checkpoint)
    for file, dtype in ("model.onnx", np.float32), ("half.onnx", np.float16):
        run("import", file, "--as", name.split()[0], "--out", f"{file}.safetensors",
            *(arg for s in DATA + sets + ["data.mean=none"] for arg in ("--set", s)))
        back = load_file(work / f"{file}.safetensors")
        names = [n for n in weights if n.endswith((".weight", ".bias")) and not n.startswith("momentum.")]
        assert len(names) >= 10, names
        for n in names:
            assert back[n].tobytes() == weights[n].astype(dtype).astype(np.float32).tobytes(), f"{name}: {file}: {n}"
    print(f"{name}: duet imports what it has exported, bit for bit")
    if torch:
        np.save(work / "images.npy", images)
        module = pathlib.Path(__file__).with_name("module.py")
        beside = {**os.environ, "PYTHONPATH": f"{sys.prefix}/beside"}  # safetensors
        subprocess.run([torch, module, work / "module", work / "images.npy", work / "out.npy"], check=True, env=beside)
        compare("model.py by PyTorch", np.load(work / "out.npy"), TOLERANCE)


if __name__ == "__main__":
    main()
