"""Holds what duet writes for TensorBoard against the run's own records: check.py DUET

A run of quick is killed, goes on, and is exported; so is one that was trained without --tensorboard. Of each, what
TensorBoard's EventAccumulator reads must be the numbers of metrics.jsonl, each once, the histograms that TensorBoard
itself makes of the checkpoints' tensors, a picture and the configuration. A TensorBoard that runs from before the kill,
once with each of its two readers of files, must come to show the same.
"""

import contextlib
import io
import json
import logging
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.util import tensor_util

STEPS, SAVED, KILLED = 48, 16, 24  # of a run; between checkpoints; the step from which on it is killed
SETS = [f"train.max_steps={STEPS}", "train.epochs=0", "train.validate_epochs=0", "train.validate_steps=16",
        "train.checkpoint_epochs=0", f"train.checkpoint_steps={SAVED}", "train.keep=2", "train.batch=256",
        "data.generated.train=2560", "data.generated.val=64"]
PATIENCE = 30  # seconds that TensorBoard has to read a file
TAGS = {"epoch": "train/epoch", "loss": "train/loss", "learning_rate": "train/learning_rate",
        "images_per_second": "train/images_per_second", "train_top1_error": "train/top1_error",
        "data_wait_ms": "train/data_wait_ms", "data_ready": "train/data_ready", "device_bytes": "train/device_bytes",
        "val_loss": "validation/loss", "val_top1_error": "validation/top1_error",
        "val_top5_error": "validation/top5_error"}


def main():
    duet = pathlib.Path(sys.argv[1]).resolve()
    logging.disable(logging.WARNING)  # of what TensorBoard forgets of an earlier file
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as stack:
        os.chdir(work)
        run = pathlib.Path("runs/killed")
        kill(duet, run)
        servers = [stack.enter_context(serve("runs", fast)) for fast in ("false", "true")]
        for server in servers:
            wait_until(lambda: shown(server, "killed"), "the first file")
        command(duet, "train", "--run", "killed", "--resume", "--tensorboard")
        command(duet, "train", "quick", "--run", "plain", *sets())
        command(duet, "export", "tensorboard", run, "out/killed")
        command(duet, "export", "tensorboard", "runs/plain", "out/plain")
        whole = recorded(run)
        compare(run, run, checkpoints=range(SAVED, STEPS + 1, SAVED))
        compare(run, pathlib.Path("out/killed"), checkpoints=range(SAVED, STEPS + 1, SAVED))
        compare(pathlib.Path("runs/plain"), pathlib.Path("out/plain"))
        for server, reader in zip(servers, ("Python's", "fast")):
            wait_until(lambda: shown(server, "killed") == whole, f"{reader} reader: what metrics.jsonl has")
            others(server, run)
            print(f"a TensorBoard that ran all the time, {reader} reader: the same over HTTP")


def sets():
    return [argument for s in SETS for argument in ("--set", s)]


def command(duet, *arguments):
    subprocess.run([duet, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill(duet, run):
    """Trains until some steps after a checkpoint are recorded, kills the program, and leaves half an event."""
    process = subprocess.Popen([duet, "train", "quick", "--run", run.name, "--tensorboard", *sets()],
                               stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    with contextlib.suppress(FileNotFoundError):
        while process.poll() is None:
            time.sleep(0.02)
            if (run / "metrics.jsonl").exists() and len((run / "metrics.jsonl").read_bytes().splitlines()) > KILLED:
                break
    process.send_signal(signal.SIGKILL)
    said = process.communicate()[1]
    if process.returncode != -signal.SIGKILL:
        sys.exit(f"the run ended before it was killed: exit {process.returncode}\n{said}")
    with open(events(run), "ab") as file:
        file.write(b"\x20\0\0\0\0\0\0\0half an event")
    last = max(recorded(run)["train/loss"])
    assert last % SAVED, f"killed after step {last}, whose checkpoint may be there: nothing is wound back"
    print(f"killed after step {last}, to go on from step {last - last % SAVED}")


def events(folder):
    """The one file with something in it that TensorBoard reads in a folder."""
    [file] = [f for f in folder.iterdir() if "tfevents" in f.name and f.stat().st_size > 0]
    return file


def recorded(run):
    """The numbers of metrics.jsonl: {tag: {step: value}}, in float32 as TensorBoard has them."""
    numbers = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        for key, value in record.items():
            if key in TAGS:
                numbers.setdefault(TAGS[key], {})[record["step"]] = float(np.float32(value))
    return numbers


def compare(run, folder, checkpoints=None):
    read = EventAccumulator(str(events(folder)), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    want = recorded(run)
    assert set(read.Tags()["scalars"]) == set(want), (read.Tags()["scalars"], list(want))
    for tag, numbers in want.items():
        got = [(e.step, e.value) for e in read.Scalars(tag)]
        assert got == list(numbers.items()), f"{folder}: {tag}: {got}, want {numbers}"
    times = [e.wall_time for e in read.Scalars("train/loss")]
    assert times == sorted(times) and 0 <= time.time() - times[-1] < 600, times
    present = {}
    for path in (run / "checkpoints").iterdir():
        step, tensors = read_safetensors(path)
        present[step] = tensors
    for step, tensors in present.items():
        for name, tensor in tensors.items():
            if name == "input.mean":
                continue
            tag = "velocity/" + name.removeprefix("momentum.") if name.startswith("momentum.") else "weights/" + name
            [got] = [tensor_util.make_ndarray(e.tensor_proto) for e in read.Tensors(tag) if e.step == step]
            theirs = tensor_util.make_ndarray(histogram_pb("x", tensor).value[0].tensor)
            np.testing.assert_allclose(got, theirs, rtol=1e-12, atol=1e-12 * np.abs(tensor).max())
    gradients = sorted(t for t in read.Tags()["tensors"] if t.startswith("gradients/"))
    learn = sorted("gradients/" + n for n in tensors if n != "input.mean" and not n.startswith("momentum."))
    assert gradients == (learn if checkpoints else []), f"{folder}: {gradients}, want {learn} of a run with --tensorboard"
    for tag in gradients:
        for e in read.Tensors(tag):
            rows = tensor_util.make_ndarray(e.tensor_proto)
            assert rows[:, 2].sum() == tensors[tag.removeprefix("gradients/")].size and rows[-1, 1] > 0, (tag, rows)
    for tag in ("weights/conv1.weight", "velocity/conv2.bias", "filters/conv1", *gradients):
        steps = [e.step for e in read.Tensors(tag)]
        assert steps == list(checkpoints or sorted(present)), f"{folder}: {tag}: {steps}"
    width, height, png = tensor_util.make_ndarray(read.Tensors("filters/conv1")[-1].tensor_proto)
    assert Image.open(io.BytesIO(png)).size == (int(width), int(height))
    [text] = read.Tensors("configuration")
    lines = text.tensor_proto.string_val[0].decode().split("\n")
    assert "\n".join(l.removeprefix("    ") for l in lines) == (run / "config.toml").read_text()
    print(f"{folder}: {sum(map(len, want.values()))} numbers and {len(present)} checkpoints' histograms agree")


def read_safetensors(path):
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    step = int(header.pop("__metadata__")["duet.step"])
    return step, {name: np.frombuffer(data[end + t["data_offsets"][0]:end + t["data_offsets"][1]], "<f4")
                  for name, t in header.items()}


@contextlib.contextmanager
def serve(folder, fast):
    """A TensorBoard of a folder; gives its address."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", str(port), "--load_fast", fast,
         "--reload_interval", "1", "--samples_per_plugin", "scalars=1000,histograms=100,images=100"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}/data/plugin"
    finally:
        process.terminate()
        process.wait()


def ask(server, what, **query):
    address = f"{server}/{what}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read()


def shown(server, run):
    """What TensorBoard shows of a run's numbers, as recorded() gives them; None while it shows none."""
    try:
        tags = json.loads(ask(server, "scalars/tags")).get(run)
        return tags and {tag: {step: value for _, step, value in
                               json.loads(ask(server, "scalars/scalars", run=run, tag=tag))} for tag in tags}
    except (urllib.error.URLError, ConnectionError):
        return None


def others(server, run):
    """The other dashboards have what belongs to them."""
    histograms = json.loads(ask(server, "histograms/histograms", run=run.name, tag="weights/conv1.weight"))
    assert [h[1] for h in histograms] == list(range(SAVED, STEPS + 1, SAVED)), histograms
    about = json.loads(ask(server, "histograms/tags"))[run.name]["velocity/conv1.weight"]
    assert "weight decay" in about["description"], about
    images = json.loads(ask(server, "images/images", run=run.name, tag="filters/conv1", sample=0))
    png = ask(server, "images/individualImage?" + images[-1]["query"])
    assert Image.open(io.BytesIO(png)).format == "PNG"
    [text] = json.loads(ask(server, "text/text", run=run.name, tag="configuration"))
    assert "<code>[network]" in text["text"] or "<pre>" in text["text"], text


def wait_until(true, what):
    end = time.time() + PATIENCE
    while not true():
        if time.time() > end:
            sys.exit(f"TensorBoard does not show {what} after {PATIENCE} seconds")
        time.sleep(0.5)


main()
