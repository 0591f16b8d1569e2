"""One large picture on one thread and on two: the fastest of some turns, wall clock. A busy machine says too little.

Two processes with half of it each say what the machine has to give.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

import roundel
from benchmarks.photo import photo
from benchmarks.whole import tiled
from roundel.codecs import zoo
from roundel.codecs.protocol import Model

HEIGHT, WIDTH = 1024, 1536
ROUNDS = 3


def rows() -> Iterator[str]:
    """How many times as fast two threads are, for models as `encode` uses them."""
    pixels = tiled(photo(), HEIGHT, WIDTH)
    exact, lossy = zoo.get("photo"), zoo.get("photo-wavelet")
    kinds: dict[str, tuple[Model, dict[str, object]]] = {
        "lossy": (lossy, {"quality": 50, "tune": "psnr"}),
        "lossless": (exact, {"lossless": True}),
        "lossless, photo-fast, effort 0": (zoo.get("photo-fast"), {"lossless": True, "effort": 0}),
    }
    for name, (model, options) in kinds.items():

        def encoded(part: np.ndarray, jobs: int, m: Model = model, o: dict[str, object] = options) -> bytes:
            return roundel.encode(part, model=m, jobs=jobs, **o)  # type: ignore[arg-type]

        top = pixels[: HEIGHT // 2]
        data, of_top = encoded(pixels, 1), encoded(top, 1)
        encode = _wall_s(partial(encoded, pixels), partial(encoded, top, 1))
        decode = _wall_s(partial(_decoded, data), partial(_decoded, of_top, 1))
        yield f"{name:31} {WIDTH}×{HEIGHT}, two threads: encode {encode}, decode {decode}"
    yield f"load of this machine in the last minute: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def _decoded(data: bytes, jobs: int) -> np.ndarray:
    return roundel.decode_array(data, jobs=jobs)


class _Times(NamedTuple):
    """Fastest wall-clock seconds."""

    one: float
    two: float
    apart: float
    """Of two processes at a time."""

    def __str__(self) -> str:
        return f"{self.two:.2f} s ({self.one / self.two:.2f} × one; processes {self.one / self.apart:.2f} ×)"


def _wall_s(call: Callable[[int], object], half: Callable[[], object]) -> _Times:
    """Times of a call, given the number of threads, and of one for half the picture."""
    turns = [
        _Times(_seconds(partial(call, 1)), _seconds(partial(call, 2)), _seconds(partial(_twice, half)))
        for _ in range(ROUNDS)
    ]
    return _Times(*map(min, zip(*turns, strict=True)))


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _twice(call: Callable[[], object]) -> None:
    """In two processes of its own at a time."""
    children = []
    for _ in range(2):
        child = os.fork()
        if not child:
            try:
                call()
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
