"""What Python makes of files, for the tests of the decoder in JavaScript: python expected.py FOLDER.

Writes files and a list of what was asked of each, with the hashes of the samples that came out.
"""

import hashlib
import io
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import roundel
from roundel.container import read_info

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.fuzz.mutations import BEHIND_CHECKS, BLIND  # noqa: E402

DAMAGED = 200
GOLDEN = sorted(
    [*ROOT.glob("tests/golden/*.rndl"), *ROOT.glob("tests/codecs/golden/*.rndl")],
    key=lambda path: path.name,
)


class Case(NamedTuple):
    """A file, and the ways in which it is decoded."""

    name: str
    data: bytes
    ways: list[dict[str, Any]]


def main(folder: Path) -> None:
    """Write all files, and expected.json."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, data, ways in cases():
        (folder / name).write_bytes(data)
        found += [{"file": name, **way, **expected(data, **way)} for way in ways]
    (folder / "expected.json").write_text(json.dumps(found, indent=1))
    (folder / "damaged.json").write_text(json.dumps(list(damaged(folder)), indent=1))


def cases() -> Iterator[Case]:
    """Golden files, and files of every kind made here."""
    for path in GOLDEN:
        data = path.read_bytes()
        yield Case(path.name, data, ways_of(data))
    scene = picture(150, 211)
    yield Case("tiled.rndl", tiled(scene, 64, quality=60), TILED)
    yield Case("tiled-lossless.rndl", tiled(scene, 64, lossless=True, model="photo-fast"), TILED)
    yield Case("grey.rndl", roundel.encode(scene[..., 1], quality=40), [{}, {"reduce": 1}, {"passes": 3}])
    yield Case("grey-lossless.rndl", roundel.encode(scene[..., 1], lossless=True), [{}, {"reduce": 2}])
    yield Case("thin.rndl", roundel.encode(scene[:1], lossless=True), [{}])
    yield Case("pixel.rndl", roundel.encode(scene[:1, :1], quality=80), [{}])
    alpha = np.dstack([scene, scene[..., 0]])
    yield Case("alpha.rndl", roundel.encode(alpha, quality=50), [{}, {"reduce": 1}, {"region": (7, 9, 50, 40)}])
    wide = scene.astype(np.uint16) * 257 + np.arange(211, dtype=np.uint16)[None, :, None]
    wide = np.minimum(wide, 65535)
    yield Case("deep.rndl", roundel.encode(wide, lossless=True), [{}, {"region": (3, 4, 33, 21)}, {"reduce": 1}])
    deep_alpha = np.dstack([wide, wide[..., 2]])
    yield Case("deep-alpha.rndl", roundel.encode(deep_alpha, lossless=True), [{}])
    depths = (900 + 3 * np.arange(530)[:, None] + 2 * np.arange(90)).astype(np.uint16)
    depths += np.random.default_rng(3).integers(0, 9, depths.shape, np.uint16)
    some: list[dict[str, Any]] = [{}, {"region": (5, 500, 70, 25)}, {"reduce": 1}, {"reduce": 2}]
    yield Case("samples.rndl", roundel.encode(depths, lossless=True), some)
    colour = np.dstack([depths, depths // 2 + 7, 3 * depths])
    yield Case("samples-colour.rndl", roundel.encode(colour[:90], lossless=True), [{}, {"region": (5, 6, 70, 50)}])
    slide = np.tile(picture(256, 384), (5, 4, 1))
    yield Case("slide.rndl", tiled(slide, 256, quality=97), [{"reduce": 3}, {"region": (700, 300, 300, 280)}])
    yield Case("slow.rndl", roundel.encode(picture(300, 400), quality=90), [{}])
    flat = np.full((40, 50, 3), (9, 80, 200), np.uint8)
    yield Case("constant.rndl", roundel.encode(flat, lossless=True), [{}, {"reduce": 1}])
    yield Case("linear.rndl", linear(), [{}])
    squares = np.random.default_rng(1).integers(0, 4, (30, 30, 1)) * 60
    drawing = np.kron(squares, np.ones((4, 4, 3), int)).astype(np.uint8)
    yield Case("drawing.rndl", roundel.encode(drawing, lossless=True), [{}, {"region": (5, 6, 70, 50)}, {"reduce": 1}])
    yield Case("webp.rndl", as_webp(drawing), [{}, {"region": (5, 6, 70, 50)}])
    many = np.random.default_rng(4).integers(0, 256, (400, 3), np.uint8)[np.sort(squares.ravel() + np.arange(900) // 5)]
    palette = np.kron(many.reshape(30, 30, 3), np.ones((3, 3, 1), np.uint8))
    yield Case("palette.rndl", roundel.encode(palette, lossless=True), [{}, {"region": (5, 6, 70, 50)}, {"reduce": 2}])
    text = roundel.decode_array((ROOT / "tests/codecs/golden/photo-indices-67x90.rndl").read_bytes())
    drawn = [text, text[::-1], text[:, :50, 0], text[:7, :9]]
    yield Case("drawn-pack.rndl", roundel.pack(drawn, model="photo-fast"), [{"member": i} for i in range(4)])
    noise = np.random.default_rng(2).integers(0, 256, (33, 47, 3), np.uint8)
    yield Case("noise.rndl", roundel.encode(noise, lossless=True), [{}])
    yield Case("odd-tokens.rndl", roundel.encode(picture(77, 101), model="photo-tokens"), [{}, {"passes": 2}])
    mixed = [picture(20 + i, 31 - i) for i in range(5)]
    yield Case("mixed-pack.rndl", roundel.pack(mixed, model="photo-fast"), [{"member": i} for i in (4, 0)])
    grey_too = [picture(24, 24), picture(24, 24)[..., 0], np.dstack([picture(24, 24), picture(24, 24)[..., 1]])]
    yield Case("grey-pack.rndl", roundel.pack(grey_too, model="cifar"), [{"member": i} for i in range(3)])


TILED: list[dict[str, Any]] = [
    {}, {"region": (50, 60, 100, 70)}, {"reduce": 1}, {"reduce": 3}, {"reduce": 7}, {"passes": 1}, {"passes": 3},
    {"reduce": 2, "region": (31, 17, 90, 99)},
]  # fmt: skip


def damaged(folder: Path) -> Iterator[dict[str, Any]]:
    """Files damaged blindly, and behind checks made good again; and what became of each."""
    rng = random.Random(7)
    sound = [(folder / name).read_bytes() for name in SPOILED]
    for number in range(DAMAGED):
        data = rng.choice(sound)
        way = {"member": 0} if read_info(data).pack else {}
        kinds = BLIND if way or rng.random() < 0.4 else BEHIND_CHECKS
        spoiled = rng.choice(kinds)(data, rng)
        name = f"damaged-{number}.rndl"
        (folder / name).write_bytes(spoiled)
        try:
            found = expected(spoiled, **way)
        except roundel.RoundelError as error:
            found = {"error": type(error).__name__, "message": str(error)}
        yield {"file": name, **way, **found}


SPOILED = (
    "photo-wavelet-q15.rndl", "photo-wavelet-q92.rndl", "photo-67x90.rndl", "photo-learned-67x90.rndl",
    "photo-fast-67x90.rndl", "photo-tokens-101x75.rndl", "alpha.rndl", "drawing.rndl", "webp.rndl", "tiled.rndl",
    "tiled-lossless.rndl", "deep.rndl", "photo-indices-67x90.rndl", "photo-samples-37x45.rndl", "samples.rndl",
    "samples-colour.rndl", "palette.rndl", "drawn-pack.rndl", "cifar-4.rndl", "mixed-pack.rndl", "noise.rndl",
)  # fmt: skip


def ways_of(data: bytes) -> list[dict[str, Any]]:
    """What is asked of a golden file."""
    info = read_info(data)
    if info.pack:
        return [{"member": number} for number in range(info.images)]
    half = (info.header.width // 4, info.header.height // 3, info.header.width // 2, info.header.height // 2)
    ways: list[dict[str, Any]] = [{}, {"region": half}, {"reduce": 1}, {"reduce": 2}]
    return ways + [{"passes": p} for p in range(1, info.header.passes)]


def expected(data: bytes, **way: Any) -> dict[str, Any]:
    """Shape, bits and hash of the samples."""
    array = roundel.unpack(data, [way["member"]])[0].pixels if "member" in way else roundel.decode_array(data, **way)
    array = array[:, :, None] if array.ndim == 2 else array
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    digest = hashlib.sha256(little.tobytes()).hexdigest()
    return {"shape": list(array.shape), "bits": 8 * array.dtype.itemsize, "sha256": digest}


def tiled(pixels: np.ndarray, tile_px: int, **how: Any) -> bytes:
    """A file of small tiles."""
    from roundel.codec import encode

    return encode(pixels, tile_px=tile_px, **how)


def as_webp(pixels: np.ndarray) -> bytes:
    """A file without loss whose tiles are WebP: indices are not tried."""
    from unittest.mock import patch

    from roundel.codecs.pyramid import indices

    with patch.object(indices, "encode", lambda pixels, limit: b""):
        return roundel.encode(pixels, lossless=True)


def linear() -> bytes:
    """Grey 128 whose samples count light: half of it, which sRGB calls 188."""
    notes, png = PngInfo(), io.BytesIO()
    notes.add(b"gAMA", (100_000).to_bytes(4, "big"))
    Image.fromarray(np.full((24, 32, 3), 128, np.uint8)).save(png, "PNG", pnginfo=notes)
    png.seek(0)
    return roundel.encode(png, lossless=True)


def picture(height: int, width: int) -> np.ndarray:
    """A scene with edges, texture and soft parts; uint8 (height, width, 3)."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(height * width).normal(0, 6, (height, width, 3))
    disc = (np.hypot(y - height / 2, x - width / 3) < height / 4)[..., None] * np.array([90.0, -40.0, 20.0])
    wave = 40 * np.sin(x / 5.0 + y / 9.0)[..., None] * np.array([1.0, 0.6, -0.4])
    ramp = (255.0 * y / height)[..., None] * np.array([0.5, 0.6, 0.7])
    return np.clip(40 + ramp + disc + wave + noise, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
