"""Holds what alexnet/convert reads and writes against the Python packages of ONNX, Caffe and OpenCV: check.py CONVERT

CONVERT is the program of main.go. Read: the models of fixtures.py, every one that the package onnx carries for its own
tests, and AlexNet as a caffemodel of both forms with random weights, whose every number must be the same bit for bit.
Written: a network that onnx's checker takes, and of which onnxruntime computes what NumPy does.
"""

import base64
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
from fixtures import caffe_pb2
from onnx import numpy_helper

# AlexNet's layers with weights, in two towers.
LAYERS = {"conv1": (96, 3, 11, 11), "conv2": (256, 48, 5, 5), "conv3": (384, 256, 3, 3), "conv4": (384, 192, 3, 3),
          "conv5": (256, 192, 3, 3), "fc6": (4096, 9216), "fc7": (4096, 4096), "fc8": (1000, 4096)}


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for package in ("caffe", "onnx"):
            (work / package / "testdata").mkdir(parents=True)
        fixtures.caffe(work / "caffe" / "testdata")
        fixtures.models(work / "onnx" / "testdata")
        light = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
        for path in sorted([*(work / "onnx" / "testdata").glob("*.onnx"), *light.glob("*.onnx")]):
            compare_model(program, path)
        for path in (work / "caffe" / "testdata").glob("*.caffemodel"):
            compare_net(program, path)
        compare_mean(program, work / "caffe" / "testdata" / "mean.binaryproto")
        for old in (False, True):
            alexnet(program, work / "alexnet.caffemodel", old)
        for kind in ("float", "float16"):
            written(program, work / "written.onnx", kind)


def read(program, what, path):
    said = subprocess.run([program, what, path], check=True, stdout=subprocess.PIPE).stdout
    return [(a["Name"], np.frombuffer(base64.b64decode(a["Data"] or ""), "<i8" if a["Ints"] else "<f4")
             .reshape(a["Shape"])) for a in json.loads(said)]


def same(path, got, want):
    """Names, shapes and bits agree, in their order; want has numbers of any type."""
    assert [n for n, _ in got] == [n for n, _ in want], f"{path}: {[n for n, _ in got]}, want {[n for n, _ in want]}"
    for (name, a), (_, b) in zip(got, want):
        b = b.astype(a.dtype)
        assert a.shape == b.shape and a.tobytes() == b.tobytes(), f"{path}: {name}: {a}, want {b}"
    print(f"{path.name}: {len(want)} tensors, {sum(b.size for _, b in want)} numbers agree")


def compare_model(program, path):
    graph = onnx.load(path).graph
    want = [(t.name, numpy_helper.to_array(t)) for t in graph.initializer]
    want += [(n.output[0], numpy_helper.to_array(a.t)) for n in graph.node for a in n.attribute
             if a.type == onnx.AttributeProto.TENSOR]
    same(path, read(program, "onnx", path), want)


def compare_net(program, path):
    net = caffe_pb2.NetParameter.FromString(path.read_bytes())
    want = []
    for layer in net.layer or net.layers:
        learns = layer.type in ("Convolution", "InnerProduct", 4, 14)
        for i, blob in enumerate(layer.blobs):
            array = np.array(blob.double_data or blob.data, np.float32)
            shape = blob.shape.dim or [blob.num, blob.channels, blob.height, blob.width]
            if learns and not blob.shape.dim:
                shape = shape[-1:] if i else shape[2:] if layer.type == 14 else shape
            want.append((f"{layer.name}.{('weight', 'bias')[i] if learns else i}", array.reshape(shape)))
    same(path, read(program, "caffe", path), want)


def compare_mean(program, path):
    blob = caffe_pb2.BlobProto.FromString(path.read_bytes())
    array = np.array(blob.data, np.float32).reshape(blob.channels, blob.height, blob.width)
    same(path, read(program, "mean", path), [("mean", array)])


def alexnet(program, path, old):
    """61 million weights, which OpenCV's own reader of caffemodels gives too."""
    random = np.random.default_rng(1)
    net = caffe_pb2.NetParameter(name="AlexNet")
    text = 'name: "AlexNet" input: "data" input_dim: 1 input_dim: 3 input_dim: 227 input_dim: 227\n'
    bottom = "data"
    types = caffe_pb2.V1LayerParameter
    for name, shape in LAYERS.items():
        inner = len(shape) == 2
        kind = (types.INNER_PRODUCT if inner else types.CONVOLUTION) if old else \
            ("InnerProduct" if inner else "Convolution")
        layer = (net.layers if old else net.layer).add(name=name, type=kind, bottom=[bottom], top=[name])
        group = 1 if inner or shape[1] in (3, 256) else 2
        parameter = layer.inner_product_param if inner else layer.convolution_param
        parameter.num_output = shape[0]
        for s in (shape, shape[:1]):
            fixtures.fill(layer.blobs.add(), random.standard_normal(s, np.float32), old)
        # The network's text stands for itself: only types and blobs are taken from the weights.
        own = f"inner_product_param {{ num_output: {shape[0]} }}" if inner else \
            f"convolution_param {{ num_output: {shape[0]} kernel_size: {shape[2]} group: {group} " + \
            f"stride: {4 if name == 'conv1' else 1} pad: {shape[2] // 2 if name != 'conv1' else 0} }}"
        text += f'layer {{ name: "{name}" type: "{"InnerProduct" if inner else "Convolution"}" ' + \
            f'bottom: "{bottom}" top: "{name}" {own} }}\n'
        bottom = name
        if name in ("conv1", "conv2", "conv5"):
            bottom = f"pool{name[-1]}"
            text += f'layer {{ name: "{bottom}" type: "Pooling" bottom: "{name}" top: "{bottom}" ' + \
                "pooling_param { pool: MAX kernel_size: 3 stride: 2 } }\n"
    path.write_bytes(net.SerializeToString())
    (path.parent / "net.prototxt").write_text(text)
    theirs = cv2.dnn.readNetFromCaffe(str(path.parent / "net.prototxt"), str(path))
    want = []
    for name, shape in LAYERS.items():
        want += [(name + ".weight", theirs.getParam(name, 0).reshape(shape)),
                 (name + ".bias", theirs.getParam(name, 1).reshape(shape[0]))]
    same(path, read(program, "caffe", path), want)


def written(program, path, kind):
    subprocess.run([program, "write", kind, path], check=True)
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(path)
    assert (model.ir_version, model.opset_import[0].version) == (7, 13), model
    assert {p.key: p.value for p in model.metadata_props} == {"classes": "five"}, model.metadata_props
    compare_model(program, path)
    weights = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer}
    x = np.random.default_rng(2).standard_normal((3, 4, 6, 6)).astype(np.float16)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [got] = session.run(None, {"x": x.astype(np.float32 if kind == "float" else np.float16)})
    # Rounding is by 2^-24 or 2^-11 of sums below 2.
    tolerance = 1e-6 if kind == "float" else 1e-3
    difference = np.abs(got - forward(weights, x.astype(np.float64))).max()
    assert difference <= tolerance, f"{path.name}: {difference}"
    print(f"written as {kind}: onnxruntime computes what NumPy does, within {difference:.1e}")


def forward(weights, x):
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3)).reshape(-1, 2, 2, 6, 6, 3, 3)
    kernels = weights["conv1.weight"].reshape(2, 4, 2, 3, 3)
    y = np.einsum("ngchwij,gocij->ngohw", windows, kernels) + weights["conv1.bias"].reshape(1, 2, 4, 1, 1)
    squares = np.pad(y * y, ((0, 0), (0, 0), (1, 1), (0, 0), (0, 0)))
    sums = squares[:, :, :-2] + squares[:, :, 1:-1] + squares[:, :, 2:]
    y = (y * (1 + 0.5 / 3 * sums) ** -0.75).reshape(len(x), -1)
    y = y @ weights["fc2.weight"].T + weights["fc2.bias"]
    e = np.exp(y - y.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    main()
