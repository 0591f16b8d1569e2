"""Rate and distortion of codecs over a folder of pictures, from real file bytes."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Protocol

import numpy as np

from roundel import image
from roundel.errors import ImageError, RoundelError, RoundelWarning, UnsupportedError
from roundel.measure import baselines, metrics, ssimulacra2
from roundel.measure.curves import Sample

ROUNDEL_LADDER = (0.0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
SUFFIXES = frozenset(image.SUFFIXES) | {".gif", ".avif"}


class Codec(Protocol):
    """What can be measured: `roundel.baselines.Baseline`, and roundel itself."""

    @property
    def name(self) -> str: ...

    @property
    def ladder(self) -> tuple[float, ...]: ...

    @property
    def settings(self) -> str: ...

    def encode(self, pixels: np.ndarray, setting: float) -> bytes: ...

    def decode(self, data: bytes) -> np.ndarray: ...


@dataclass(frozen=True)
class Roundel:
    """roundel through its public functions; the model is loaded before the clock starts."""

    name: str
    ladder: tuple[float, ...]
    model: str | None = None
    lossless: bool = False

    @property
    def settings(self) -> str:
        kind = "lossless" if self.lossless else "lossy"
        return f"roundel {kind}, model {self.model or 'default'}"

    def encode(self, pixels: np.ndarray, setting: float) -> bytes:
        import roundel

        return roundel.encode(pixels, quality=int(setting), lossless=self.lossless, model=self.model)

    def decode(self, data: bytes) -> np.ndarray:
        import roundel

        pixels = roundel.decode_array(data, model=self.model)
        return pixels[:, :, None] if pixels.ndim == 2 else pixels


def codec_of(spec: str, *, lossless: bool, qualities: str | None = None) -> Codec:
    """A codec from its name on the command line: NAME, NAME=S1,S2,… or roundel:MODEL[=Q1,Q2,…].

    Args:
        spec: The name, and the settings to measure if not the codec's own ladder.
        lossless: Which kind of roundel's models is meant, and which kind of codec is acceptable.
        qualities: Q1,Q2,… for roundel where the name gives none.

    Raises:
        RoundelError: An unknown name, settings that are no numbers, or a codec of the other kind.
    """
    name, _, listed = spec.partition("=")
    base, _, model = name.partition(":")
    listed = listed or (qualities or "" if base == "roundel" else "")
    try:
        given = tuple(float(value) for value in listed.split(",")) if listed else None
    except ValueError:
        raise RoundelError(f"{listed}: numbers separated by commas were expected, as in jpeg=30,60,90") from None
    if base == "roundel":
        return Roundel(name, (0.0,) if lossless else given or ROUNDEL_LADDER, model or None, lossless)
    found = baselines.find(name)
    if found.lossless != lossless:
        kind, option = ("lossless", "add") if found.lossless else ("lossy", "leave out")
        raise RoundelError(f"{name} is {kind}: {option} --lossless, or choose another codec")
    return baselines.Baseline(**{**vars(found), "ladder": given or found.ladder})


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder, by name; a file stands for itself.

    Raises:
        ImageError: There are none.
    """
    found = [folder] if folder.is_file() else sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)
    if not found:
        raise ImageError(f"{folder}: no pictures found; PNG, JPEG, WebP, TIFF, BMP or PPM files were expected")
    return found


def measure(
    codec: Codec, setting: float, files: Sequence[Path], *, jobs: int = 1, advance: Callable[[], object] = lambda: None
) -> list[Sample]:
    """Every picture through a codec at one setting. Alpha is left out, and 16 bits are reduced to 8.

    Args:
        codec: What to measure.
        setting: Its quality.
        files: The pictures.
        jobs: Pictures at the same time; seconds are only meaningful at 1.
        advance: Called after each picture.
    """
    codec.decode(codec.encode(np.zeros((16, 16, 3), np.uint8), setting))  # load models and libraries off the clock
    scored = ssimulacra2.installed()

    def one(file: Path) -> Sample:
        pixels = image.reduce_depth(image.read(file)).pixels
        started = time.perf_counter()
        data = codec.encode(pixels, setting)
        encoded = time.perf_counter()
        decoded = codec.decode(data)
        ended = time.perf_counter()
        original = np.broadcast_to(pixels, decoded.shape)  # some formats turn grey into colour
        exact = bool(np.array_equal(original, decoded))
        psnr_db = metrics.psnr(original, decoded)
        similarity = 1.0 if exact else metrics.ms_ssim(original, decoded)
        score = ssimulacra2.ssimulacra2(original, decoded) if scored else nan
        advance()
        size, seconds = pixels.shape[0] * pixels.shape[1], (encoded - started, ended - encoded)
        return Sample(len(data), size, pixels.size, psnr_db, similarity, score, exact, *seconds)

    if jobs == 1:
        return [one(file) for file in files]
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, files))


def sweep(
    codecs: Sequence[Codec],
    files: Sequence[Path],
    *,
    jobs: int = 1,
    skip_missing: bool = False,
    advance: Callable[[], object] = lambda: None,
) -> Iterator[tuple[str, float, list[Sample]]]:
    """Every codec at every setting of its ladder: (codec, setting, samples) as they are measured.

    Args:
        codecs: What to measure.
        files: The pictures.
        jobs: Pictures at the same time.
        skip_missing: Leave out a codec whose optional package is missing, with a RoundelWarning.
        advance: Called after each picture.

    Raises:
        UnsupportedError: An optional package is missing.
    """
    for codec in codecs:
        for setting in codec.ladder:
            try:
                samples = measure(codec, setting, files, jobs=jobs, advance=advance)
            except UnsupportedError as error:
                if not skip_missing:
                    raise
                warnings.warn(f"{codec.name} is left out: {error}", RoundelWarning, stacklevel=2)
                break
            yield codec.name, setting, samples
