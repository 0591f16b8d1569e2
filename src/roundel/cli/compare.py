"""`roundel compare`: how far are two pictures apart?"""

import json
from typing import TYPE_CHECKING

import click

from roundel.cli import streams
from roundel.cli.streams import STANDARD
from roundel.errors import ImageError

if TYPE_CHECKING:
    from roundel.image import Picture


@click.command()
@click.argument("reference")
@click.argument("other")
@streams.device_option
@streams.json_option
def command(reference: str, other: str, device: str, as_json: bool) -> None:
    """Measure PSNR, MS-SSIM and (where installed) SSIMULACRA2 of two pictures; each may be a .rndl file, which is decoded first.

    \b
      roundel compare photo.png photo.rndl
    """
    import numpy as np

    from roundel import image
    from roundel.measure import metrics, ssimulacra2

    first, second = (image.reduce_depth(_load(name, device)).pixels for name in (reference, other))
    if first.shape[:2] != second.shape[:2]:
        raise ImageError(
            f"{reference} is {first.shape[1]}×{first.shape[0]} pixels, {other} {second.shape[1]}×{second.shape[0]}: "
            "only pictures of one size can be compared"
        )
    shape = (*first.shape[:2], max(first.shape[2], second.shape[2]))
    first, second = np.broadcast_to(first, shape), np.broadcast_to(second, shape)
    record = {
        "reference": reference,
        "other": other,
        "psnr_db": _finite(metrics.psnr(first, second)),
        "ms_ssim": _finite(metrics.ms_ssim(first, second)),
        "identical": bool(np.array_equal(first, second)),
    }
    if ssimulacra2.installed():
        record["ssimulacra2"] = round(ssimulacra2.ssimulacra2(first, second), 4)
    if as_json:
        print(json.dumps(record))
    else:
        print("\n".join(f"{key:11}  {'infinite' if value is None else value}" for key, value in record.items()))


def _load(name: str, device: str) -> "Picture":
    from roundel import image
    from roundel.container import MAGIC
    from roundel.restore import restore

    if name != STANDARD:
        with open(name, "rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                return restore(streams.read_bytes(name), device=device).picture
    return image.read(name)


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return round(value, 6) if abs(value) != float("inf") else None
