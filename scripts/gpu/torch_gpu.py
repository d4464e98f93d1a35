"""Training steps of the two-tower AlexNet in PyTorch on a GPU, in the fastest forms known, beside duet: medians of rounds in turn.

usage: torch_gpu.py [--duet PROGRAM] [--forms FORM...] [--seconds 150] [--rounds 3] [--json FILE] BATCH:PRECISION...     such as 128:bf16 512:tf32
       torch_gpu.py ceilings                         what the card copies and multiplies

A step is forward, backward and update with images, in channels_last, that are there already. Forms differ in how local response
normalisation is written (a sum of shifted slices, which torch.compile makes one kernel of; an average pool over channels;
F.local_response_norm), in whether convolutions of two groups are one call or two, and in how they are compiled. SGD is fused.
Every form is a process of its own. All compile at the same time, until SECONDS are over; then one at a time measures. Forms that
were not ready are named, as are those that failed.
"""

import argparse
import json
import pathlib
import selectors
import statistics
import subprocess
import sys
import tempfile
import time

FORMS = {  # name: LRN, mode of torch.compile, groups apart
    "compiled": ("slices", "default", False),
    "compiled, groups apart": ("slices", "default", True),
    "CUDA graphs": ("slices", "reduce-overhead", False),
    "CUDA graphs, groups apart": ("slices", "reduce-overhead", True),
    "compiled, LRN by pooling": ("pooling", "default", False),
    "eager, LRN by pooling": ("pooling", None, False),
    "eager": ("built in", None, False),
    "max-autotune, groups apart": ("slices", "max-autotune", True),
}
LRN_SIZE, LRN_ALPHA, LRN_BETA, LRN_K = 5, 1e-4, 0.75, 2.0
PARTS, STEPS = 3, 60


def network(lrn_form, apart):
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    def slices(x):
        c, around = x.shape[1] // 2, LRN_SIZE // 2
        squares = F.pad((x.float() ** 2).unflatten(1, (2, c)), (0, 0, 0, 0, around, around))
        total = sum(squares[:, :, i : i + c] for i in range(LRN_SIZE)).flatten(1, 2)
        return (x * torch.pow(LRN_K + LRN_ALPHA / LRN_SIZE * total, -LRN_BETA)).to(x.dtype)

    def pooling(x):
        mean = F.avg_pool3d((x * x).unflatten(1, (2, x.shape[1] // 2)), (LRN_SIZE, 1, 1), 1, (LRN_SIZE // 2, 0, 0)).flatten(1, 2)
        return x * torch.pow(LRN_K + LRN_ALPHA * mean, -LRN_BETA)

    def built_in(x):
        return torch.cat([F.local_response_norm(tower, LRN_SIZE, LRN_ALPHA, LRN_BETA, LRN_K) for tower in x.chunk(2, 1)], 1)

    lrn = {"slices": slices, "pooling": pooling, "built in": built_in}[lrn_form]

    class Grouped(nn.Module):
        """A convolution of two groups, as two convolutions."""

        def __init__(self, channels, maps, size, padding):
            super().__init__()
            self.parts = nn.ModuleList(nn.Conv2d(channels // 2, maps // 2, size, padding=padding) for _ in range(2))

        def forward(self, x):
            return torch.cat([conv(half) for conv, half in zip(self.parts, x.chunk(2, 1))], 1)

    def grouped(channels, maps, size, padding):
        return Grouped(channels, maps, size, padding) if apart else nn.Conv2d(channels, maps, size, padding=padding, groups=2)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(3, 96, 11, 4), grouped(96, 256, 5, 2)
            self.conv3, self.conv4, self.conv5 = nn.Conv2d(256, 384, 3, padding=1), grouped(384, 384, 3, 1), grouped(384, 256, 3, 1)
            self.fc6, self.fc7, self.fc8 = nn.Linear(9216, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 1000)

        def forward(self, x):
            x = F.max_pool2d(lrn(F.relu(self.conv1(x))), 3, 2)
            x = F.max_pool2d(lrn(F.relu(self.conv2(x))), 3, 2)
            x = F.relu(self.conv4(F.relu(self.conv3(x))))
            x = F.max_pool2d(F.relu(self.conv5(x)), 3, 2).flatten(1)
            x = F.dropout(F.relu(self.fc6(x)), 0.5)
            x = F.dropout(F.relu(self.fc7(x)), 0.5)
            return self.fc8(x)

    return Network()


def work(batch, precision, form):
    """Prints "ready" when the form is compiled, and for every line read the images/s of STEPS steps."""
    import torch
    import torch.nn.functional as F

    lrn, mode, apart = FORMS[form]
    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    net = network(lrn, apart).to(device, memory_format=torch.channels_last)
    x = torch.randn(batch, 3, 227, 227, device=device).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 1000, (batch,), device=device)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4, fused=True)
    forward = net if mode is None else torch.compile(net, mode=mode)

    def steps(n):
        for _ in range(n):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
                loss = F.cross_entropy(forward(x), labels)
            loss.backward()
            optimizer.step()
        if cuda:
            torch.cuda.synchronize()

    n = STEPS if cuda else 1
    steps(10 if cuda else 1)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        steps(n)
        print(batch * n / (time.perf_counter() - began), flush=True)


class Worker:
    """A form in a process of its own."""

    def __init__(self, batch, precision, form):
        self.case, self.form, self.speeds, self.state = (batch, precision), form, [], "not ready"
        self.errors = tempfile.TemporaryFile("w+")  # a pipe that nobody reads could be full
        self.process = subprocess.Popen([sys.executable, __file__, "--work", str(batch), precision, form], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def answered(self):
        """Reads that it is ready, or why it ended."""
        if self.process.stdout.readline().strip() == "ready":
            self.state = "ready"
            return
        status = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines()
        self.state = "failed: " + (lines[-1] if lines else f"status {status}")[:150]

    def measure(self):
        speeds = []
        for _ in range(PARTS):
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
            speeds.append(float(self.process.stdout.readline()))
        self.speeds.append(statistics.median(speeds))

    def end(self):
        self.process.kill()
        self.process.wait()


def duet_speed(program, device, case):
    batch, precision = case
    command = [program, "bench", str(pathlib.Path(__file__).with_name("configs") / "alexnet.toml"), "--devices", device, "--json",
               "--batch", str(batch), "--precision", "fp32" if precision == "tf32" else precision, "--steps", str(PARTS * STEPS), "--set", "devices.tune=true"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout)["images_per_second"]


def compare(arguments):
    cases = [(int(batch), precision) for batch, precision in (case.split(":") for case in arguments.cases)]
    workers = [Worker(*case, form) for case in cases for form in arguments.forms]
    try:
        waiting, deadline = selectors.DefaultSelector(), time.time() + arguments.seconds
        for w in workers:
            waiting.register(w.process.stdout, selectors.EVENT_READ, w)
        while waiting.get_map() and time.time() < deadline:
            for key, _ in waiting.select(deadline - time.time()):
                key.data.answered()
                waiting.unregister(key.fileobj)
                print(f"{time.time() - deadline + arguments.seconds:5.0f} s  {key.data.case} {key.data.form}: {key.data.state}", flush=True)
        for w in workers:
            if w.state == "not ready":
                w.end()
        duet = {case: [] for case in cases}
        for _ in range(arguments.rounds):
            for case in cases:
                if arguments.duet:
                    duet[case].append(duet_speed(arguments.duet, arguments.device, case))
                for w in workers:
                    if w.case == case and w.state == "ready":
                        w.measure()
            table(cases, workers, duet)  # of what there is, should the time be over
    finally:
        for w in workers:
            w.end()
    if arguments.json:
        results = [{"batch": w.case[0], "precision": w.case[1], "program": "PyTorch", "form": w.form, "state": w.state, "rounds": w.speeds} for w in workers]
        results += [{"batch": case[0], "precision": case[1], "program": "duet", "rounds": speeds} for case, speeds in duet.items()]
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=1))
    for case in cases:
        if not any(w.speeds for w in workers if w.case == case):
            sys.exit(f"{case}: no form of PyTorch was measured")


def table(cases, workers, duet):
    print("\n| batch | precision | program | images/s, median | least to most |\n|---|---|---|---|---|")
    for case in cases:
        rows = [(f"PyTorch {w.form}", w.speeds, w.state) for w in workers if w.case == case] + [("duet", duet[case], "")]
        for name, speeds, state in sorted(rows, key=lambda row: statistics.median(row[1] or [0])):
            what = f"{statistics.median(speeds):.0f} | {min(speeds):.0f} to {max(speeds):.0f}" if speeds else f"{state} |"
            print(f"| {case[0]} | {case[1]} | {name} | {what} |")
    sys.stdout.flush()


def ceilings():
    """A copy of 4 GiB within the card, read and written, and matrix products of 8192 x 8192 x 8192."""
    import torch

    def seconds(run, times=20):
        for _ in range(3):
            run()
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(times):
            run()
        torch.cuda.synchronize()
        return (time.perf_counter() - began) / times

    print(torch.__version__, torch.cuda.get_device_name())
    a = torch.empty(1 << 30, dtype=torch.float32, device="cuda")
    b = torch.empty_like(a)
    print(f"copy {2 * a.numel() * 4 / seconds(lambda: b.copy_(a)) / 1e9:.0f} GB/s")
    n = 8192
    for name, dtype, tf32 in (("bf16", torch.bfloat16, False), ("tf32", torch.float32, True), ("fp32", torch.float32, False)):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        x, y = torch.randn(n, n, device="cuda", dtype=dtype), torch.randn(n, n, device="cuda", dtype=dtype)
        print(f"{name} {2 * n**3 / seconds(lambda: x @ y) / 1e12:.0f} TFLOP/s")


def main():
    if sys.argv[1:2] == ["--work"]:
        return work(int(sys.argv[2]), *sys.argv[3:])
    if sys.argv[1:] == ["ceilings"]:
        return ceilings()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", metavar="BATCH:PRECISION")
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=list(FORMS), metavar="FORM", help="; ".join(FORMS))
    parser.add_argument("--duet", help="the duet program, measured in turn")
    parser.add_argument("--device", default="cuda:0", help="duet's")
    parser.add_argument("--seconds", type=float, default=150, help="for compiling")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="a file for the results")
    compare(parser.parse_args())


if __name__ == "__main__":
    main()
