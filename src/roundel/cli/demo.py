"""`roundel demo`: one picture at several qualities, beside classical codecs at the same size."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from roundel.cli import streams
from roundel.errors import ImageError

if TYPE_CHECKING:
    import numpy as np

    from roundel.image import Picture

RIVALS = {"jpeg": ".jpg", "webp": ".webp", "avif": ".avif"}
T = TypeVar("T")


class Row(NamedTuple):
    """One line of the table."""

    codec: str
    setting: float
    file: str
    file_bytes: int
    bits_per_pixel: float
    psnr_db: float
    ms_ssim: float
    ssimulacra2: float | None
    """What the usual tuning aims at; None without the package."""
    encode_s: float
    decode_s: float


@click.command(context_settings={"show_default": True})
@click.argument("picture", metavar="[IMAGE]", required=False)
@click.option("-q", "--quality", "qualities", type=click.IntRange(0, 100), multiple=True, default=(10, 30, 50, 70, 90))
@click.option("-o", "--output", metavar="DIR", default="out/demo", help="Folder for the pictures.")
@streams.model_option
@streams.jobs_option
@streams.json_option
def command(
    picture: str | None,
    qualities: tuple[int, ...],
    output: str,
    model: str | None,
    jobs: int,
    as_json: bool,
) -> None:
    """Encode a picture (a photo from scikit-image unless you give one) at several qualities, decode it, and compare.

    For each quality, JPEG, WebP and AVIF get the best setting whose file is not larger than roundel's. Seconds are
    those of one run with the model loaded.
    """
    import numpy as np

    from roundel import image
    from roundel.measure import baselines
    from roundel.measure.matching import best_within

    source = _photo() if picture is None else image.reduce_depth(image.read(picture))
    pixels = np.broadcast_to(source.pixels, (source.height, source.width, 3))  # WebP has no grey
    source = image.Picture(np.ascontiguousarray(pixels))  # colours alone, as the others get them
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    image.write(source, folder / "original.png", force=True)
    codec = _roundel(model, jobs)
    codec(source, qualities[0])  # the first run warms up
    larger = False
    if not as_json:
        print(f"{source.width}×{source.height} pixels\n{_HEAD}")
    for quality in qualities:
        data, shown, encode_s, decode_s = codec(source, quality)
        stem = folder / f"q{quality:03d}"
        streams.write_bytes(f"{stem}-roundel.rndl", data, force=True)
        image.write(image.Picture(shown), f"{stem}-roundel.png", force=True)
        rows = [_row("roundel", quality, f"{stem}-roundel.png", data, source, shown, encode_s, decode_s)]
        for name, suffix in RIVALS.items():
            rival = baselines.find(name)
            setting = best_within(rival, source.pixels, rows[0].file_bytes).setting
            data, encode_s = _timed(partial(rival.encode, source.pixels, setting))
            shown, decode_s = _timed(partial(rival.decode, data))
            streams.write_bytes(f"{stem}-{name}{suffix}", data, force=True)
            rows.append(_row(name, setting, f"{stem}-{name}{suffix}", data, source, shown, encode_s, decode_s))
        for row in rows:
            print(json.dumps(row._asdict()) if as_json else _line(row, rows[0].file_bytes))
            larger = larger or row.file_bytes > rows[0].file_bytes
    if not as_json:
        print("\n* larger: the codec makes no file so small" if larger else "")
        print(f"The pictures are in {folder.resolve()}")


def _roundel(name: str | None, jobs: int) -> "Callable[[Picture, int], tuple[bytes, np.ndarray, float, float]]":
    """Encoding and decoding with a loaded model: (picture, quality) -> file, pixels, seconds of both."""
    from roundel import codec
    from roundel.restore import restore

    model = codec.load_model(streams.model_key(name))

    def both(picture: "Picture", quality: int) -> "tuple[bytes, np.ndarray, float, float]":
        data, encode_s = _timed(partial(codec.encode, picture, quality=quality, model=model, jobs=jobs))
        found, decode_s = _timed(partial(restore, data, model=model, jobs=jobs))
        return data, found.picture.pixels, encode_s, decode_s

    return both


def _photo() -> "Picture":
    """A real photograph that comes with scikit-image."""
    from roundel import image

    try:
        from skimage import data
    except ImportError as error:
        raise ImageError("scikit-image has the picture of the demo: install it, or name a picture") from error
    return image.from_array(data.coffee())


def _row(
    name: str,
    setting: float,
    file: str,
    data: bytes,
    source: "Picture",
    shown: "np.ndarray",
    encode_s: float,
    decode_s: float,
) -> Row:
    from roundel.measure import metrics, ssimulacra2

    bpp = 8 * len(data) / (source.width * source.height)
    psnr, ms_ssim = metrics.psnr(source.pixels, shown), metrics.ms_ssim(source.pixels, shown)
    score = ssimulacra2.ssimulacra2(source.pixels, shown) if ssimulacra2.installed() else None
    return Row(name, setting, file, len(data), bpp, psnr, ms_ssim, score, encode_s, decode_s)


_HEAD = (
    f"{'codec':8} {'setting':>7} {'bytes':>9}  {'bpp':>6} {'PSNR dB':>8} {'MS-SSIM':>8} {'SSIMULACRA2':>12} "
    f"{'encode s':>9} {'decode s':>9}"
)


def _line(row: Row, size_bytes: int) -> str:
    mark = "*" if row.file_bytes > size_bytes else " "
    score = "–" if row.ssimulacra2 is None else f"{row.ssimulacra2:.1f}"
    return (
        f"{row.codec:8} {row.setting:7.0f} {row.file_bytes:9}{mark} {row.bits_per_pixel:6.3f} {row.psnr_db:8.2f} "
        f"{row.ms_ssim:8.4f} {score:>12} {row.encode_s:9.3f} {row.decode_s:9.3f}"
    )


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start
