"""Caffe's two networks in duet: check_caffe.py DUET

For Caffe's own deploy.prototxt of bvlc_alexnet and of CaffeNet caffemodels with seeded weights are written, imported, and
on 8 images the probabilities of duet and of OpenCV's reader of Caffe's networks must agree: which they only do where the
channels are turned, the mean is right, and the normalisation goes across the groups.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import cv2
import fixtures
import numpy as np
from fixtures import caffe_pb2
from google.protobuf import text_format

CAFFE = next(pathlib.Path(sys.prefix).glob("brocolli-caffe-*/"))
MEAN = CAFFE / "python/caffe/imagenet/ilsvrc_2012_mean.npy"  # [3, 256, 256], blue, green, red
IMAGES, SIDE, CROP = 8, 256, 227
TOLERANCE = 1e-4  # of a probability, relative: float32 in both, over sums of up to 9216 products


def main():
    duet = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        images = [fixtures.picture(i, SIDE) for i in range(IMAGES)]
        for i, image in enumerate(images):
            cv2.imwrite(str(work / f"{i}.png"), image)
        for name, preset, old in (("bvlc_alexnet", "caffe", False), ("bvlc_reference_caffenet", "caffenet", True)):
            prototxt = CAFFE / "models" / name / "deploy.prototxt"
            model(prototxt, work / "model.caffemodel", old)
            mean = np.load(MEAN)
            options = ["--mean", MEAN]
            if preset == "caffenet":
                mean, options = np.float32([104, 117, 123]).reshape(3, 1, 1), []
            subprocess.run([duet, "import", work / "model.caffemodel", "--as", preset, "--out", work / preset, *options],
                           check=True, stdout=subprocess.DEVNULL)
            want = probabilities(prototxt, work / "model.caffemodel", images, mean)
            said = subprocess.run([duet, "predict", work / preset, *sorted(work.glob("*.png")), "--json"], check=True,
                                  stdout=subprocess.PIPE).stdout
            guesses = [one["guesses"] for one in json.loads(said)]
            labels, got = (np.array([[g[key] for g in row] for row in guesses]) for key in ("label", "probability"))
            same = np.take_along_axis(want, labels, 1)
            worst = np.max(np.abs(got - same) / same)
            assert np.all(same[:, 0] >= want.max(1) * (1 - TOLERANCE)), "another class is the most probable"
            assert np.ptp(got[:, 0]) > 0.002, f"{got[:, 0]}: the images hardly differ: the test shows little"
            assert worst < TOLERANCE, (name, worst)
            print(f"{name}: the five most probable of {IMAGES} images within {worst:.1e} of OpenCV's")


def model(prototxt, path, old):
    """A caffemodel with weights that keep the size of what goes through, and a bias of each sign."""
    random = np.random.default_rng(3)
    described = text_format.Parse(prototxt.read_text(), caffe_pb2.NetParameter())
    net, channels, side = caffe_pb2.NetParameter(), 3, CROP
    for layer in described.layer:
        if layer.type == "Pooling":
            side = -(-(side - 3) // 2) + 1
        if layer.type not in ("Convolution", "InnerProduct"):
            continue
        inner = layer.type == "InnerProduct"
        if inner:
            outputs = layer.inner_product_param.num_output
            shape = (outputs, channels * side * side)
            side = 1
        else:
            p = layer.convolution_param
            outputs, kernel, pad, stride = p.num_output, p.kernel_size[0], (*p.pad, 0)[0], (*p.stride, 1)[0]
            shape = (outputs, channels // p.group, kernel, kernel)
            side = (side + 2 * pad - kernel) // stride + 1
        channels = outputs
        one = (net.layers if old else net.layer).add(name=layer.name)
        one.type = (14 if inner else 4) if old else layer.type
        weight = random.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        if layer.name == "fc8":
            weight *= 1.5
        if layer.name == "fc6":
            weight /= 30  # of maps that are as large as grey levels, so that the normalisation divides by more than 1
        fixtures.fill(one.blobs.add(), weight, old)
        fixtures.fill(one.blobs.add(), random.standard_normal(outputs, np.float32) * np.float32(0.1), old)
    path.write_bytes(net.SerializeToString())


def probabilities(prototxt, weights, images, mean):
    at = (SIDE - CROP) // 2
    x = np.stack([(i.astype(np.float32).transpose(2, 0, 1) - mean)[:, at:at + CROP, at:at + CROP] for i in images])
    net = cv2.dnn.readNetFromCaffe(str(prototxt), str(weights))
    net.enableWinograd(False)  # whose rounding is ten times as large
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    net.setInput(x)
    return net.forward().reshape(len(images), -1)


main()
