"""Writes values.N.pickle, of the protocols 0 to 5, with Python 3.11; pickle_test.go says what they hold."""
import collections
import pickle

shared = [1, 2]
value = {
    "ints": [0, 255, 256, 65535, 65536, -1, -(2**31), 2**31, 2**40, -(2**40), 2**63 - 1, -(2**63), 2**63, -(2**70), 2**100],
    "floats": [0.0, -0.0, 1.5, -1e300, float("inf")],
    "constants": (None, True, False),
    "texts": ["", "a", "\u00e9\u20ac\U0001f600", "line\nback\\slash", "x" * 300],
    "bytes": [b"", b"b", b"\x00\xff\n", bytearray(b"array")],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "dicts": [{}, {1: "one", "two": 2, None: True}, collections.OrderedDict(), collections.OrderedDict(b=1, a=2)],
    "shared": [shared, shared, "shared"],
    "nested": [[[[]]]],
    "default": collections.defaultdict(list, k=[1]),
}
for protocol in range(6):
    with open(f"values.{protocol}.pickle", "wb") as f:
        pickle.dump(value, f, protocol=protocol)
