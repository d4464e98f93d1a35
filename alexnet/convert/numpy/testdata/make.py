"""Writes the files that numpy_test.go reads: make.py PREFIX, with NumPy 1.26 as "v1." and 2.4 as "v2."; of v1 some are kept."""
import pickle
import sys

import numpy as np

prefix = sys.argv[1]
rows = np.arange(6).reshape(2, 3)
arrays = {t: rows.astype(t) for t in ["<f2", ">f4", "<f8", "<i1", ">i2", "<i4", ">i8", "|u1", "<u2", ">u4", "<u8"]}
arrays["bool"] = rows > 2
arrays["special"] = np.array([np.nan, np.inf, -0.0, 1e-40], "<f4")
order = {
    "fortran": np.asfortranarray(rows.astype(">f4")),
    "steps": np.arange(20, dtype="<f4").reshape(4, 5)[::2, 1::2],
    "moved": np.arange(24, dtype="<f4").reshape(2, 3, 4).transpose(2, 0, 1),
    "scalar": np.array(7.0),
    "empty": np.zeros((0, 3), "<f4"),
}
value = {"layer": {"types": arrays, "kernel": order["moved"]}, "order": order, "rate": np.float32(0.5)}
for protocol in range(6):
    if protocol == 0:  # as text it is long
        value, whole = {"order": order}, value
    with open(f"{prefix}{protocol}.pickle", "wb") as f:
        pickle.dump(value, f, protocol=protocol)
    value = whole
np.savez(prefix + "npz", **order)
np.savez_compressed(prefix + "deflated.npz", **arrays)
np.save(prefix + "npy", order["moved"])
