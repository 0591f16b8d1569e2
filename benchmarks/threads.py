"""One large picture on one thread and on two: the fastest of some turns, wall clock. A busy machine says too little."""

import os
import time
from collections.abc import Callable, Iterator

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
        data = roundel.encode(pixels, model=model, **options)  # type: ignore[arg-type]
        encode_s = _wall_s(lambda jobs, m=model, o=options: roundel.encode(pixels, model=m, jobs=jobs, **o))  # type: ignore[misc]
        decode_s = _wall_s(lambda jobs, d=data: roundel.decode_array(d, jobs=jobs))  # type: ignore[misc]
        yield (
            f"{name:31} {WIDTH}×{HEIGHT}, two threads: encode {encode_s[2]:.2f} s "
            f"({encode_s[1] / encode_s[2]:.2f} × one), decode {decode_s[2]:.2f} s ({decode_s[1] / decode_s[2]:.2f} ×)"
        )
    yield f"load of this machine in the last minute: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def _wall_s(call: Callable[[int], object]) -> dict[int, float]:
    """Fastest wall-clock seconds by number of threads."""
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for jobs, column in found.items():
            start = time.perf_counter()
            call(jobs)
            column.append(time.perf_counter() - start)
    return {jobs: min(column) for jobs, column in found.items()}
