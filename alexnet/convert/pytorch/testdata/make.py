"""Writes the files that pytorch_test.go reads, with PyTorch 2.15; what they hold is in the test too."""
import argparse
from collections import OrderedDict

import torch

base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
types = OrderedDict(
    float32=torch.tensor([[0.1, -2.5, float("inf")], [-0.0, 1e-40, 3.0]]),
    float64=torch.tensor([0.1, 1e300]).double(),
    float16=torch.tensor([0.1, 65504, -6e-8]).half(),
    bfloat16=torch.tensor([0.1, -3e38]).bfloat16(),
    int64=torch.tensor([-1, 2**40]),
    int32=torch.tensor([-1, 2**31 - 1], dtype=torch.int32),
    int16=torch.tensor([-1, 300], dtype=torch.int16),
    int8=torch.tensor([-128, 127], dtype=torch.int8),
    uint8=torch.tensor([0, 255], dtype=torch.uint8),
    bool=torch.tensor([True, False]),
)
views = OrderedDict(
    base=base,
    transposed=base.t(),
    steps=base[::2, 1::2],
    part=base[1:, 2:],
    scalar=torch.tensor(7.0),
    empty=torch.zeros(0, 3),
    parameter=torch.nn.Parameter(torch.ones(2)),
    uint16=torch.tensor([0, 65535], dtype=torch.uint16),  # a type whose storages have no class
)
torch.save(types, "types.zip.pth")
torch.save(views, "views.zip.pth", pickle_protocol=4)
torch.save(types, "types.stream.pth", _use_new_zipfile_serialization=False)
torch.save(views, "views.stream.pth", _use_new_zipfile_serialization=False, pickle_protocol=4)

torch.manual_seed(1)
model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
with torch.no_grad():
    for p in model.parameters():
        p.fill_(0.5)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
model(torch.ones(2, 2)).sum().backward()
optimizer.step()
model.load_state_dict({k: torch.full_like(v, 2) for k, v in model.state_dict().items()})
checkpoint = {
    "epoch": 3,
    "arch": "linear",
    "best": torch.tensor(0.5),
    "args": argparse.Namespace(lr=0.1, size=torch.Size([1])),
    "state_dict": torch.nn.DataParallel(model).state_dict(),
    "optimizer": optimizer.state_dict(),
}
torch.save(checkpoint, "checkpoint.pth", _use_new_zipfile_serialization=False)
torch.save(torch.nn.Linear(2, 1), "module.pth")
