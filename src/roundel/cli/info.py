"""`roundel info`: what a file says about itself. Imports neither torch nor Pillow."""

import json
import sys
from pathlib import Path

import click

from roundel.cli import streams
from roundel.cli.streams import STANDARD


@click.command()
@click.argument("inputs", metavar="FILE...", nargs=-1, required=True)
@streams.json_option
@click.pass_context
def command(ctx: click.Context, inputs: tuple[str, ...], as_json: bool) -> None:
    """Say what is in .rndl files, from their first kilobyte.

    Size, model, quality, bits per pixel, metadata, and how many bytes each pass takes: what `decode --bytes` needs.
    """

    def work(_: int, name: str) -> None:
        record = describe(name)
        if as_json:
            print(json.dumps(record))
        else:
            width = max(map(len, record))
            print("\n".join(f"{key:{width}}  {_shown(value)}" for key, value in record.items()))

    ctx.exit(streams.for_each(inputs, work))


def describe(name: str) -> dict[str, object]:
    """The facts of one file, named with their units."""
    from roundel.codecs import zoo
    from roundel.container import Tag, read_info
    from roundel.container.format import PREFIX_BYTES

    if name == STANDARD:
        prefix, size = sys.stdin.buffer.read(PREFIX_BYTES), None
    else:
        with open(name, "rb") as file:
            prefix = file.read(PREFIX_BYTES)
        size = Path(name).stat().st_size
    facts = read_info(prefix, size)
    header = facts.header
    boxes = {box.name for box in facts.boxes}
    known = next((entry.name for entry in zoo.entries() if entry.id == header.model_id), None)
    total = facts.total_bytes or size
    # A pack of many sizes has only the largest of them in its header.
    bits = None if total is None or Tag.SIZES.name in boxes else 8 * total
    pixels = header.width * header.height * facts.images
    samples = pixels * (header.channels + (Tag.ALPHA.name in boxes))
    return {
        "file": name,
        "format_version": facts.version,
        "kind": header.kind.name.lower(),
        "model": known or "unknown",
        "model_id": header.model_id,
        "weights_hash": header.weights_hash.hex(),
        "images": facts.images,
        "width_px": header.width,
        "height_px": header.height,
        "channels": header.channels,
        "depth_bits": header.depth,
        "quality": header.quality,
        "tile_px": header.tile_px,
        "tiles": facts.tiles,
        "passes": header.passes,
        "pass_bytes": facts.pass_bytes,
        "boxes_bytes": {box.name.lower(): box.bytes for box in facts.boxes},
        "overhead_bytes": facts.overhead_bytes,
        "file_bytes": size,
        "missing_bytes": facts.missing_bytes,
        "bits_per_pixel": bits and round(bits / pixels, 6),
        "bits_per_subpixel": bits and round(bits / samples, 6),
    }


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "none"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "unknown" if value is None else str(value)
