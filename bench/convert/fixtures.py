"""Models as ONNX's and Caffe's own code writes them, for the tests of alexnet/convert: fixtures.py alexnet/convert

The numbers of a tensor are 0.25 i - 3, of integers i - 3.
"""

import pathlib
import sys

import cv2
import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.append(str(pathlib.Path(sys.prefix)))  # where python.sh has put it
import caffe_pb2


def numbers(*shape, dtype=np.float32):
    i = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    return (i - 3 if np.issubdtype(dtype, np.integer) else 0.25 * i - 3).astype(dtype)


def picture(seed, side):
    """An image with edges, colours and gradients of all sizes, blue, green and red."""
    random = np.random.default_rng(seed)
    smooth = cv2.resize(random.integers(0, 256, (3 + seed, 4 + seed, 3), dtype=np.uint8), (side, side),
                        interpolation=cv2.INTER_CUBIC)
    blocks = cv2.resize(random.integers(0, 256, (8, 8, 3), dtype=np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)
    return cv2.addWeighted(smooth, 0.6, blocks, 0.4, 0)


def main():
    out = pathlib.Path(sys.argv[1])
    for package in ("caffe", "onnx"):
        (out / package / "testdata").mkdir(parents=True, exist_ok=True)
    caffe(out / "caffe" / "testdata")
    models(out / "onnx" / "testdata")


def fill(blob, array, old=False, double=False):
    if old:
        blob.num, blob.channels, blob.height, blob.width = (1,) * (4 - array.ndim) + array.shape
    else:
        blob.shape.dim.extend(array.shape)
    (blob.double_data if double else blob.data).extend(array.ravel().tolist())
    return blob


def caffe(folder):
    """Of both forms: a convolution, LRN without weights, an inner product whose bias is of double precision."""
    net = caffe_pb2.NetParameter(name="small")
    old = caffe_pb2.NetParameter(name="small")
    types = caffe_pb2.V1LayerParameter
    for name, kind, number, shapes in (
            ("data", "Data", types.DATA, []), ("conv1", "Convolution", types.CONVOLUTION, [(4, 3, 2, 2), (4,)]),
            ("relu1", "ReLU", types.RELU, []), ("norm1", "LRN", types.LRN, []),
            ("fc2", "InnerProduct", types.INNER_PRODUCT, [(5, 8), (5,)])):
        layer, layers = net.layer.add(name=name, type=kind), old.layers.add(name=name, type=number)
        layer.bottom.append("x"), layers.bottom.append("x")
        for shape in shapes:
            double = (name, len(shape)) == ("fc2", 1)
            fill(layer.blobs.add(), numbers(*shape), double=double)
            fill(layers.blobs.add(), numbers(*shape), old=True, double=double)
    norm = net.layer.add(name="bn3", type="BatchNorm")
    for shape in ((4,), (4,), (1,)):
        fill(norm.blobs.add(), numbers(*shape))
    (folder / "new.caffemodel").write_bytes(net.SerializeToString())
    (folder / "old.caffemodel").write_bytes(old.SerializeToString())
    mean = fill(caffe_pb2.BlobProto(), numbers(3, 4, 5), old=True)
    (folder / "mean.binaryproto").write_bytes(mean.SerializeToString())


TYPES = {"float": (TensorProto.FLOAT, np.float32), "double": (TensorProto.DOUBLE, np.float64),
         "float16": (TensorProto.FLOAT16, np.float16), "bfloat16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16),
         "int32": (TensorProto.INT32, np.int32), "int64": (TensorProto.INT64, np.int64),
         "bool": (TensorProto.BOOL, np.bool_)}

RAW = [TYPES[t][0] for t in ("float", "float16", "int32", "int64")]  # what duet writes


def tensors():
    """One of each type, once in a list of its own and once as raw data."""
    for name, (number, dtype) in TYPES.items():
        array = numbers(2, 4, dtype=dtype)
        yield helper.make_tensor(name + ".list", number, array.shape, array.ravel().tolist())
        yield helper.make_tensor(name + ".raw", number, array.shape, array.tobytes(), raw=True)
    yield helper.make_tensor("scalar", TensorProto.INT64, [], [-7])
    yield helper.make_tensor("empty", TensorProto.FLOAT, [0, 3], [])


def models(folder):
    constant = numpy_helper.from_array(numbers(2, 3), "of no account")
    nodes = [
        helper.make_node("Constant", [], ["c"], value=constant),
        helper.make_node("Constant", [], ["f"], value_float=1.5),
        helper.make_node("Constant", [], ["fs"], value_floats=[1.5, -2.0]),
        helper.make_node("Constant", [], ["i"], value_int=-4),
        helper.make_node("Constant", [], ["is"], value_ints=[3, -4, 1 << 40]),
        helper.make_node("Constant", [], ["s"], value_string="text"),
        helper.make_node("LRN", ["x"], ["n"], name="norm1", alpha=1e-4, beta=0.75, bias=2.0, size=5),
        helper.make_node("Conv", ["n", "w", ""], ["y"], name="conv1", kernel_shape=[3, 3],
                         pads=[1, 1, 1, 1], group=1, auto_pad="NOTSET"),
        helper.make_node("Special", ["y"], ["z"], domain="of.somebody", words=["a", "b"],
                         body=helper.make_graph([], "body", [], [])),
    ]
    w = numbers(2, 3, 3, 3)
    graph = helper.make_graph(
        nodes, "small", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, None, 8], "RGB")],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None),
         helper.make_tensor_sequence_value_info("q", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(w, "w"), *tensors()], doc_string="a graph")
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("of.somebody", 2)]
    model = helper.make_model(graph, ir_version=7, opset_imports=opsets, producer_name="fixtures",
                              producer_version="1.0", doc_string="a model")
    helper.set_model_props(model, {"mean": "120,110,100", "classes": "two"})
    (folder / "small.onnx").write_bytes(model.SerializeToString())
    del model.graph.node[-1], model.graph.output[:]  # what is left has the form that duet writes
    raw = [t for t in model.graph.initializer if t.HasField("raw_data") and t.data_type in RAW]
    del model.graph.initializer[:]
    model.graph.initializer.extend(raw)
    (folder / "plain.onnx").write_bytes(model.SerializeToString())
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["s"]), helper.make_node("Add", ["s", "b"], ["y"])], "beside",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 3])],
        [numpy_helper.from_array(numbers(4, 3), "w"), numpy_helper.from_array(numbers(3), "b")])
    (folder / "beside.onnx.data").unlink(missing_ok=True)
    onnx.save_model(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)]),
                    folder / "beside.onnx", save_as_external_data=True, location="beside.onnx.data", size_threshold=0)


if __name__ == "__main__":
    main()
