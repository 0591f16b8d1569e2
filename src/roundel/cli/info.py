"""`roundel info`: what a file says about itself. Imports neither NumPy nor Pillow."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from roundel.cli import batch, inputs
from roundel.cli.batch import Done, Manner, Task
from roundel.cli.inputs import STANDARD, Item

if TYPE_CHECKING:
    from roundel.container.contents import PixelDensity

_SELDOM = ("resolution", "sample_max", "original_depth_bits")
"""Facts that most files have not: left out of texts where they are not there."""
_COLUMNS = ("file", "model", "size", "quality", "bpp", "bytes")


@click.command()
@click.argument("sources", metavar="FILE...", nargs=-1)
@batch.options
@click.pass_context
def command(
    ctx: click.Context, /, sources: tuple[str, ...], recursive: bool, files_from: str | None, **manner: bool | int
) -> None:
    """Say what is in .rndl files, from their first kilobyte.

    Size, model, quality, bits per pixel, metadata, and how many bytes each pass takes: what `decode --bytes` needs. Of
    several files a table; all of each with -v.
    """
    plan = inputs.plan(sources, files_from, recursive=recursive, kinds=inputs.FILES)
    how = Manner(**manner, results_on_stdout=True)  # type: ignore[arg-type]
    table = len(plan.items) > 1 and not how.verbose
    width = max((len(item.input) for item in plan.items), default=0)

    def work(item: Item, _: Task) -> Done:
        record = describe(item.input)
        text = _row(record, width) if table else _list(record)
        size = record["file_bytes"]
        return Done(record, text, size if isinstance(size, int) else 0)

    if table and not how.as_json:
        print(_line(_COLUMNS, width))
    ctx.exit(batch.run(plan, work, how))


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
            size = file.seek(0, os.SEEK_END) if file.seekable() else None
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
        "resolution": facts.resolution and _resolution(facts.resolution),
        "colour": list(facts.colour),
        "sample_max": facts.sample_max,
        "original_depth_bits": facts.original_depth,
        "overhead_bytes": facts.overhead_bytes,
        "file_bytes": size,
        "missing_bytes": facts.missing_bytes,
        "bits_per_pixel": bits and round(bits / pixels, 6),
        "bits_per_subpixel": bits and round(bits / samples, 6),
    }


def _resolution(density: "PixelDensity") -> dict[str, object]:
    """Pixels a unit along both axes."""
    from roundel.container.contents import UNITS

    return {"x": round(float(density.x), 4), "y": round(float(density.y), 4), "unit": UNITS[density.unit]}


def _list(record: dict[str, object]) -> str:
    """One fact a line."""
    said = {key: value for key, value in record.items() if value is not None or key not in _SELDOM}
    width = max(map(len, said))
    return "\n".join(f"{key:{width}}  {_shown(value)}" for key, value in said.items())


def _row(record: dict[str, object], width: int) -> str:
    """The facts that fit into a line."""
    count = f" × {record['images']}" if record["images"] != 1 else ""
    bpp = record["bits_per_pixel"]
    return _line(
        (
            str(record["file"]),
            str(record["model"]),
            f"{record['width_px']}×{record['height_px']}{count}",
            str(record["quality"]) if record["kind"] == "lossy" else str(record["kind"]),
            f"{bpp:.3f}" if isinstance(bpp, float) else "",
            _shown(record["file_bytes"]),
        ),
        width,
    )


def _line(cells: Sequence[str], width: int) -> str:
    file, model, size, quality, bpp, total = cells
    return f"{file:{width}}  {model:15}  {size:>13}  {quality:>8}  {bpp:>7}  {total:>10}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "none"
    if isinstance(value, tuple | list):
        return " ".join(map(str, value)) or "none"
    return "unknown" if value is None else str(value)
