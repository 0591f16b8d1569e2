"""`roundel compare`: how far are two pictures apart?"""

import json
import os
from typing import TYPE_CHECKING

import click

from roundel.cli import inputs, streams
from roundel.cli.inputs import STANDARD
from roundel.errors import ImageError

if TYPE_CHECKING:
    from roundel.image import Picture


@click.command()
@click.argument("reference")
@click.argument("other")
@streams.max_pixels_option
@streams.json_option
def command(reference: str, other: str, max_pixels: int, as_json: bool) -> None:
    """Measure two pictures: bytes, bits a pixel, PSNR, MS-SSIM, and SSIMULACRA2 where that is installed.

    Each may be a .rndl file, which is decoded first. All of it is of 8 bits a sample, alpha left out.

    \b
      roundel compare photo.png photo.rndl
    """
    from roundel.measure.pairs import figures

    if reference == other == STANDARD:
        raise click.UsageError("only one of the pictures can come from stdin.")
    first, second = (_load(name, max_pixels) for name in (reference, other))
    try:
        found = figures(first, second)
    except ImageError as error:
        raise ImageError(f"{reference} and {other} are {error}") from error
    record = {
        "reference": reference,
        "other": other,
        **_size("reference", reference, first.width * first.height),
        **_size("other", other, first.width * first.height),
        **found._asdict(),
    }
    if as_json:
        print(json.dumps(record))
        return
    absent = {"psnr_db": "infinite", "ssimulacra2": "not installed"}
    width = max(map(len, record))
    print("\n".join(f"{key:{width}}  {absent.get(key) if value is None else value}" for key, value in record.items()))


def _load(name: str, max_pixels: int) -> "Picture":
    from roundel import image
    from roundel.container import MAGIC
    from roundel.restore import restore

    with inputs.opened(name) as data:
        if data[: len(MAGIC)] == MAGIC:
            with streams.naming(name):
                return restore(data, max_pixels=max_pixels).picture
        if isinstance(data, bytes):  # of stdin or a pipe, which is empty by now
            import io

            with streams.naming(name):
                return image.read(io.BytesIO(data), max_pixels=max_pixels)
    return image.read(name, max_pixels=max_pixels)


def _size(which: str, name: str, pixels: int) -> dict[str, float]:
    """Bytes of a file and bits a pixel; nothing of stdin or a pipe."""
    if name == STANDARD or not os.path.isfile(name):
        return {}
    size = os.path.getsize(name)
    return {f"{which}_bytes": size, f"{which}_bpp": round(8 * size / pixels, 4)}
