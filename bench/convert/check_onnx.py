"""The AlexNet that the package onnx carries for its own tests in duet: check_onnx.py DUET

It is bvlc_alexnet as Caffe2 has written it: of 224 pixels, normalised across the groups, its last pooling padded at the
end. Its weights are all 0.02, so its output, which comes with it, has all classes equally probable whatever the image.
It is imported as it is, and with seeded weights in the same graph, of which onnxruntime must say what duet says.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import cv2
import fixtures
import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

LIGHT = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
# The configuration that fits: Caffe's rounds up where this pools down to 26 and 12.
FITS = ["--as", "caffe", "--set", "data.crop=224", "--set", "data.mean=none", "--set",
        "network.layers.pool1.ceil_mode=false", "--set", "network.layers.pool2.ceil_mode=false"]
IMAGES, SIDE, CROP = 8, 256, 224
TOLERANCE = 1e-4  # of a probability, relative: float32 in both, over sums of up to 9216 products


def main():
    duet = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        images = [fixtures.picture(i, SIDE) for i in range(IMAGES)]
        for i, image in enumerate(images):
            assert cv2.imwrite(str(work / f"{i}.png"), image)
        light = LIGHT / "light_bvlc_alexnet.onnx"
        refused(duet, light, ["--as", "caffe"], 'input: node "n0" (Conv) sees 224x224 pixels')
        refused(duet, light, FITS[:6], 'pool1: node "n3" (MaxPool) has pads [0 0 0 0], ceil_mode false and gives 26x26')
        refused(duet, light, [*FITS, "--set", "network.layers.norm2.across=false"],
                'norm2: node "n6" (LRN) has windows within 256 maps')
        expected = numpy_helper.to_array(onnx.load_tensor(LIGHT / "light_bvlc_alexnet_output_0.pb"))
        compare(duet, "the fixture", light, work, np.repeat(expected, IMAGES, 0))

        model = onnx.load(light)
        seed(model.graph)
        onnx.save(model, work / "seeded.onnx")
        session = onnxruntime.InferenceSession(str(work / "seeded.onnx"), providers=["CPUExecutionProvider"])
        at = (SIDE - CROP) // 2
        x = np.stack([i[at:at + CROP, at:at + CROP, ::-1].transpose(2, 0, 1) for i in images]).astype(np.float32)
        want = np.concatenate([session.run(None, {"data_0": one[None]})[0] for one in x])
        assert np.ptp(want.max(1)) > 0.002, f"{want.max(1)}: the images hardly differ: the test shows little"
        compare(duet, "its graph with seeded weights", work / "seeded.onnx", work, want)


def refused(duet, model, options, says):
    run = subprocess.run([duet, "import", model, *options, "--out", "none.safetensors"], stderr=subprocess.PIPE, text=True)
    assert run.returncode != 0 and says in run.stderr, (run.returncode, run.stderr)


def compare(duet, what, model, work, want):
    """want: [image, class]."""
    out = work / f"{model.stem}.safetensors"
    subprocess.run([duet, "import", model, *FITS, "--out", out], check=True, stdout=subprocess.DEVNULL)
    said = subprocess.run([duet, "predict", out, *sorted(work.glob("*.png")), "--json"], check=True,
                          stdout=subprocess.PIPE).stdout
    guesses = [one["guesses"] for one in json.loads(said)]
    labels, got = (np.array([[g[key] for g in row] for row in guesses]) for key in ("label", "probability"))
    same = np.take_along_axis(want, labels, 1)
    worst = np.max(np.abs(got - same) / same)
    assert np.all(same[:, 0] >= want.max(1) * (1 - TOLERANCE)), "another class is the most probable"
    assert worst < TOLERANCE, (what, worst)
    print(f"{model.name}, {what}: the five most probable of {IMAGES} images within {worst:.1e}")


def seed(graph):
    """Gives weights that keep the size of what goes through, and biases of each sign."""
    random = np.random.default_rng(3)
    shapes = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for n in [n for n in graph.node if n.op_type == "ConstantOfShape"]:
        shape = shapes[n.input[0]]
        scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
        if n.output[0].startswith("fc6_w"):
            scale /= 30  # of maps that are as large as grey levels, so that the normalisation divides by more than 1
        weights = random.standard_normal(shape, np.float32) * np.float32(scale)
        graph.initializer.append(numpy_helper.from_array(weights, n.output[0]))
        graph.node.remove(n)
    for values in graph.initializer, graph.input:
        for value in [v for v in values if v.name.endswith("__SHAPE")]:
            values.remove(value)  # else onnxruntime warns of each


if __name__ == "__main__":
    main()
