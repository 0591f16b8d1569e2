"""`roundel unpack`: pictures out of a pack."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from roundel.cli import inputs, streams
from roundel.errors import RoundelError

if TYPE_CHECKING:
    from roundel.container import Pack

FORMATS = (".png", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".pgm", ".pnm")
"""Suffixes that pictures keep, since their formats keep every bit."""


@click.command(context_settings={"show_default": True})
@click.argument("source", metavar="PACK")
@click.option("-o", "--output", metavar="OUT", help="Folder for the pictures, or a .bin file for a CIFAR-10 batch.")
@click.option(
    "--image", "images", type=click.IntRange(min=0), multiple=True, help="Only this picture; repeat for more."
)
@click.option("--list", "list_", is_flag=True, help="Print number, name and size of every picture and stop.")
@streams.model_option
@streams.force_option
@streams.quiet_option
@streams.json_option
@streams.max_pixels_option
def command(
    source: str,
    output: str | None,
    images: tuple[int, ...],
    list_: bool,
    model: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    max_pixels: int,
) -> None:
    """Take pictures out of a pack; only the groups that hold them are read.

    Pictures keep their names. Those whose format loses bits (.jpg) become .png, and what this system cannot hold in a
    name becomes %XX.

    \b
      roundel unpack icons.rndl -o icons
      roundel unpack test.rndl -o test_batch.bin
      roundel unpack test.rndl --image 4711 -o .
    """
    from roundel.container import read_pack

    elapsed_s = streams.Stopwatch()
    with inputs.opened(source) as data, streams.naming(source):
        opened = read_pack(data, max_pixels=max_pixels)
        if list_:
            for number, name in enumerate(_names(opened)):
                width, height = opened.size(number)
                click.echo(f"{number}\t{streams.printable(name)}\t{width}×{height}")
            return
        if output is None:
            raise click.UsageError("name a folder or a .bin file with -o.")
        wanted = list(images) or list(range(len(opened)))
        if max(wanted) >= len(opened):
            raise RoundelError(f"picture {max(wanted)} is not there: the pack has {len(opened)}, from 0")
        if output.endswith(".bin"):
            _write_batch(opened, wanted, output, streams.model_key(model), force)
            renamed = {}
        elif Path(output).is_file():
            raise RoundelError(f"cannot write into {output}: it is a file; name a folder or a .bin file")
        else:
            renamed = _write(opened, wanted, output, streams.model_key(model), force)
    record: dict[str, object] = {
        "input": source,
        "output": output,
        "pictures": len(wanted),
        "renamed": renamed,
        "elapsed_s": round(elapsed_s(), 3),
    }
    text = f"{output}: {len(wanted)} of {len(opened)} pictures"
    streams.say(record, text, as_json=as_json, quiet=quiet, data_on_stdout=False)


def _write(opened: "Pack", wanted: list[int], output: str, model: int | str | None, force: bool) -> dict[str, str]:
    """Write pictures under their names. Returns: name -> path, where they differ."""
    from roundel import image
    from roundel.names import lossless_names, paths_of
    from roundel.packs import members

    folder, names = Path(output), _names(opened)
    paths = paths_of(lossless_names(names, FORMATS))
    renamed: dict[str, str] = {}
    for member in members(opened, wanted, model=model):
        name, path = names[member.number], paths[member.number]
        if path != name:
            renamed[name] = path
            streams.note(f"{name} is written as {path}")
        goal = folder / path
        goal.parent.mkdir(parents=True, exist_ok=True)
        image.write(member.picture, str(goal), force=force)
    return renamed


def _write_batch(opened: "Pack", wanted: list[int], output: str, model: int | str | None, force: bool) -> None:
    import numpy as np

    from roundel.image import cifar
    from roundel.packing import unpack

    labels = opened.labels
    if labels is None or opened.header.width != cifar.SIDE or opened.header.height != cifar.SIDE:
        raise RoundelError("a CIFAR-10 batch needs labels and 32 × 32 pictures, which this pack has not")
    pictures = np.stack(list(unpack(opened, wanted, model=model)))
    streams.write_bytes(output, cifar.to_bytes(pictures, np.asarray(labels)[wanted]), force=force)


def _names(opened: "Pack") -> list[str]:
    """The pictures' names, or their numbers."""
    if opened.names is not None:
        return list(opened.names)
    digits = len(str(len(opened) - 1))
    return [f"{number:0{digits}}.png" for number in range(len(opened))]
