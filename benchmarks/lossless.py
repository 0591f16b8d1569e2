"""Lossless coding of a photo of 768 × 512 px, models loaded, beside classical codecs in the same run.

One thread each, in processor time, so that other work on the machine matters little; then with two tiles at a time, in
wall-clock time. Set ROUNDEL_PHOTO to a picture of one's own; the default is a crop of scikit-image's.
"""

import time
from collections.abc import Iterator

import roundel
from benchmarks.photo import photo
from benchmarks.timing import fastest_s
from roundel.codecs import zoo
from roundel.container import Kind
from roundel.measure import baselines

PEERS = ("jxl-e7", "webp-lossless")
TILE_PX = 256
JOBS = 2
REPEATS = 3


def rows() -> Iterator[str]:
    """MB/s of raw RGB and ratios against JPEG XL, effort 7."""
    pixels = photo()
    speeds: dict[str, tuple[int, float, float]] = {}
    for name in PEERS:
        codec = baselines.find(name)
        data = codec.encode(pixels, codec.ladder[0])
        encode_s = fastest_s(lambda c=codec: c.encode(pixels, c.ladder[0]), REPEATS)  # type: ignore[misc]
        decode_s = fastest_s(lambda c=codec, d=data: c.decode(d), REPEATS)  # type: ignore[misc]
        speeds[name] = len(data), pixels.size / 1e6 / encode_s, pixels.size / 1e6 / decode_s
    models = [entry.name for entry in zoo.current(Kind.LOSSLESS) if entry.name.startswith("photo")]
    loaded = {name: zoo.get(name) for name in models}
    at_0 = {f"{name}, effort 0": model.at_effort(0) for name, model in loaded.items()}  # type: ignore[attr-defined]
    for name, model in (loaded | at_0).items():
        data = roundel.encode(pixels, lossless=True, model=model)
        encode_s = fastest_s(lambda m=model: roundel.encode(pixels, lossless=True, model=m), REPEATS)  # type: ignore[misc]
        decode_s = fastest_s(lambda d=data: roundel.decode_array(d), REPEATS)  # type: ignore[misc]
        speeds[f"roundel {name}"] = len(data), pixels.size / 1e6 / encode_s, pixels.size / 1e6 / decode_s
    _, peer_encode, peer_decode = speeds[PEERS[0]]
    for name, (size, encode, decode) in speeds.items():
        yield (
            f"{name:29} {8 * size / pixels.size:.3f} bits a subpixel   encode {encode:6.2f} MB/s "
            f"({encode / peer_encode:5.2f} × {PEERS[0]})   decode {decode:6.2f} MB/s ({decode / peer_decode:5.2f} ×)"
        )
    for name in models:
        encode_s, data = _wall_s(
            lambda m=name: roundel.encode(pixels, lossless=True, model=m, tile_px=TILE_PX, jobs=JOBS)  # type: ignore[misc]
        )
        decode_s, _ = _wall_s(lambda d=data: roundel.decode_array(d, jobs=JOBS))  # type: ignore[misc]
        yield (
            f"roundel {name:12} {JOBS} tiles of {TILE_PX} px at a time, wall clock: "
            f"encode {pixels.size / 1e6 / encode_s:.2f} MB/s, decode {pixels.size / 1e6 / decode_s:.2f} MB/s"
        )


def _wall_s(call):  # type: ignore[no-untyped-def]
    """Fastest wall-clock seconds of several calls, and what the last returned."""
    best, found = float("inf"), None
    for _ in range(REPEATS):
        start = time.perf_counter()
        found = call()
        best = min(best, time.perf_counter() - start)
    return best, found
