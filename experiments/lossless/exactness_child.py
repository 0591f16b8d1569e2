"""Run by exactness.py in a child process under one kind of kernel: codes pictures, or counts what comes back wrong.

Argument: a JSON object, see `Job`. Prints the instruction set that torch uses and the count as JSON.
"""

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT), str(ROOT / "experiments" / "exactness")]

from child import OnnxSum  # noqa: E402 - found by the line above
from tests.codecs import reference  # noqa: E402

from roundel.codec import decode_array, encode  # noqa: E402
from roundel.codecs import zoo  # noqa: E402
from roundel.codecs.protocol import Window  # noqa: E402
from roundel.codecs.pyramid.codec import LosslessModel, to_ycocg  # noqa: E402
from roundel.codecs.pyramid.walk import Group, walk  # noqa: E402
from roundel.container import read_pack  # noqa: E402
from roundel.errors import RoundelError  # noqa: E402
from roundel.image import (
    cifar,  # noqa: E402
    read,  # noqa: E402
)
from roundel.packing import GROUP, Collection, pack, unpack  # noqa: E402
from roundel.training.pyramid import stored as lossless_weights

SAMPLE_PX = 64
"""Side of the piece of each picture that the plain decoder reads."""


class Job(NamedTuple):
    """What to do. Paths of pictures and of a CIFAR-10 batch, of which the first `images` count."""

    task: str
    folder: str
    pictures: list[str]
    batch: str
    images: int
    picture_model: str
    pack_model: str
    threads: int
    onednn: bool
    onnx: bool

    def small(self) -> np.ndarray:
        """The CIFAR-10 pictures, uint8 (N, 32, 32, 3)."""
        return cifar.read([Path(self.batch)])[0][: self.images]

    def file(self, name: str) -> Path:
        """Where a picture's file lies."""
        return Path(self.folder) / f"{Path(name).stem}.rndl"


class Recording:
    """Known samples, and what the nets say about each picture. Args: x int32 (B, 3, H, W)."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x
        self.said: list[np.ndarray] = []

    def next(self, group: Group, index: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """See `Samples.next`."""
        self.said += [np.stack([index, centre]).reshape(2, len(self.x), -1)]
        return group.of(self.x)


def write(job: Job) -> int:
    """Code all pictures into the folder."""
    for name in job.pictures:
        job.file(name).write_bytes(encode(read(name).pixels, lossless=True, model=job.picture_model))
    job.file("pack").write_bytes(pack(Collection(list(job.small())), model=job.pack_model))
    return 0


def wrong(job: Job) -> int:
    """Decode all files of the folder; pictures that are not what was coded."""
    return sum(not same for same in _decoded(job))


def _decoded(job: Job) -> Iterator[bool]:
    for name in job.pictures:
        try:
            yield np.array_equal(decode_array(job.file(name).read_bytes()), read(name).pixels)
        except RoundelError:
            yield False
    small = job.small()
    found = unpack(read_pack(job.file("pack").read_bytes()), range(len(small)))
    for pixels in small:
        try:
            yield np.array_equal(next(found), pixels)
        except (RoundelError, StopIteration):
            yield False


def alone(job: Job) -> int:
    """Small pictures about which the nets say something else in a batch of 64 than alone."""
    model, small, count = _model(job.pack_model), to_ycocg(job.small()), 0
    for start in range(0, len(small), GROUP):
        batch = small[start : start + GROUP]
        together = Recording(batch)
        walk(model.net, together, *batch[:, 0].shape, colour=True)
        for i in range(len(batch)):
            single = Recording(batch[i : i + 1])
            walk(model.net, single, 1, *batch.shape[2:], colour=True)
            pairs = zip(together.said, single.said, strict=True)
            count += not all(np.array_equal(many[:, i], one[:, 0]) for many, one in pairs)
    return count


def plain(job: Job) -> int:
    """Pieces of the pictures, and as many small pictures, that the NumPy decoder reads otherwise."""
    pieces = [(_middle(read(name).pixels), job.picture_model) for name in job.pictures]
    pieces += [(pixels, job.pack_model) for pixels in job.small()[: len(pieces)]]
    stored = {name: reference.load(zoo.find(name).weights) for name in (job.picture_model, job.pack_model)}
    count = 0
    for pixels, name in pieces:
        height, width = pixels.shape[:2]
        coded = _model(name).encode(pixels, Window(0, 0, height, width), 0)
        count += not np.array_equal(reference.decode(*stored[name], coded.passes, height, width), pixels)
    return count


def _middle(pixels: np.ndarray) -> np.ndarray:
    top, left = (side - SAMPLE_PX >> 1 for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + SAMPLE_PX, left : left + SAMPLE_PX])


def _model(name: str) -> LosslessModel:
    model = zoo.get(name)
    assert isinstance(model, LosslessModel)
    return model


def use_onnx(name: str) -> None:
    """Run all exact layers of a published model by ONNX Runtime from now on."""
    net, tensors = _model(name).net, load_file(zoo.find(name).weights)
    for path, layer in lossless_weights.layers(net).items():
        stored = {key.removeprefix(f"{path}."): value for key, value in tensors.items() if key.startswith(f"{path}.")}
        parent, _, attribute = path.rpartition(".")
        setattr(net.get_submodule(parent), attribute, OnnxSum(layer, stored))
    net.register_parameter("place", torch.nn.Parameter(torch.zeros(0)))  # a walk asks on which device the first one is


if __name__ == "__main__":
    job = Job(**json.loads(sys.argv[1]))
    torch.set_num_threads(job.threads)
    if job.onnx:
        for name in (job.picture_model, job.pack_model):
            use_onnx(name)
    warnings.filterwarnings("ignore", "TF32")  # which torch says of a GPU that is not there
    with torch.backends.mkldnn.flags(enabled=job.onednn):
        count = {"write": write, "wrong": wrong, "alone": alone, "plain": plain}[job.task](job)
    print(json.dumps({"kernels": torch.backends.cpu.get_cpu_capability(), "count": count}))
