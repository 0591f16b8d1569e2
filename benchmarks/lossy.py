"""Encoding and decoding a photo of 768 × 512 px, models loaded, beside CompressAI's mbt2018-mean in the same run.

CompressAI is measured where it is installed (`pip install --no-deps compressai einops requests` is enough: what it
imports besides and does not need here is stood in for). Its weights are random, so its coder has less to do than after
training, which is in its favour; it is a model for squared errors, as `--tune psnr` is.
"""

import importlib.abc
import importlib.machinery
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from unittest.mock import MagicMock

import numpy as np
import torch

import roundel
from benchmarks.photo import photo

THREADS = 1
ROUNDS = 3
OPTIONAL = ("torchvision", "torch_geometric", "pandas", "tensorflow", "tensorflow_probability")


class _StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Empty modules for packages that CompressAI imports on the way to its models."""

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name.split(".")[0] in OPTIONAL:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):  # type: ignore[no-untyped-def]
        module = MagicMock(__path__=[], __spec__=spec)
        return module

    def exec_module(self, module) -> None:  # type: ignore[no-untyped-def]
        pass


def peers(pixels: np.ndarray) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
    """(name, encode, decode) of each codec."""
    model = roundel.load_model()
    for tune, quality in (("ssimulacra2", 50), ("psnr", 25), ("psnr", 50), ("psnr", 75)):
        data = roundel.encode(pixels, quality=quality, tune=tune)
        yield (
            f"roundel -q {quality} --tune {tune} ({len(data)} bytes)",
            lambda q=quality, t=tune: roundel.encode(pixels, quality=q, tune=t, model=model, jobs=THREADS),  # type: ignore[misc]
            lambda d=data: roundel.decode_array(d, jobs=THREADS),  # type: ignore[misc]
        )
    sys.meta_path.append(_StandIn())
    try:
        from compressai.zoo import mbt2018_mean
    except ImportError:
        return
    net = mbt2018_mean(5, pretrained=False).eval()
    net.update()
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        coded = net.compress(x)
    yield (
        "CompressAI mbt2018-mean, 192/320 channels",
        torch.inference_mode()(lambda: net.compress(x)),
        torch.inference_mode()(lambda: net.decompress(coded["strings"], coded["shape"])),
    )


def rows() -> Iterator[str]:
    """Medians of processor time on one thread, in turns, and ratios against CompressAI."""
    torch.set_num_threads(THREADS)
    codecs = list(peers(photo()))
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name, _, _ in codecs}
    for turn in range(ROUNDS + 1):
        for name, encode, decode in codecs:
            for call, column in zip((encode, decode), times[name], strict=True):
                start = time.process_time()
                call()
                if turn:  # the first round warms up
                    column.append(time.process_time() - start)
    medians = {name: [statistics.median(column) for column in columns] for name, columns in times.items()}
    peer = medians.get("CompressAI mbt2018-mean, 192/320 channels")
    for name, (encode_s, decode_s) in medians.items():
        ratio = f"   {peer[0] / encode_s:.1f}× and {peer[1] / decode_s:.1f}× as fast as CompressAI" if peer else ""
        yield f"{name:46} encode {encode_s * 1e3:6.0f} ms   decode {decode_s * 1e3:6.0f} ms{ratio}"
