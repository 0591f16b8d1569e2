"""`roundel unpack`: pictures out of a pack."""

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from roundel.cli import streams
from roundel.errors import FormatError, RoundelError

if TYPE_CHECKING:
    from roundel.container import Pack


@click.command(context_settings={"show_default": True})
@click.argument("source", metavar="PACK", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="OUT", help="Folder for PNG files, or a .bin file for a CIFAR-10 batch.")
@click.option(
    "--image", "images", type=click.IntRange(min=0), multiple=True, help="Only this picture; repeat for more."
)
@click.option("--list", "list_", is_flag=True, help="Print number, name and size of every picture and stop.")
@streams.model_option
@streams.force_option
@streams.device_option
@streams.json_option
def command(
    source: Path,
    output: str | None,
    images: tuple[int, ...],
    list_: bool,
    model: str | None,
    force: bool,
    device: str,
    as_json: bool,
) -> None:
    """Take pictures out of a pack; only the groups that hold them are read.

    \b
      roundel unpack icons.rndl -o icons
      roundel unpack test.rndl -o test_batch.bin
      roundel unpack test.rndl --image 4711 -o .
    """
    from roundel.container import read_pack

    elapsed_s = streams.Stopwatch()
    with streams.naming(str(source)):
        opened = read_pack(streams.read_bytes(str(source)))
        if list_:
            for number, name in enumerate(_names(opened)):
                width, height = opened.size(number)
                click.echo(f"{number}\t{name}\t{width}×{height}")
            return
        if output is None:
            raise click.UsageError("name a folder or a .bin file with -o.")
        wanted = list(images) or list(range(len(opened)))
        if max(wanted) >= len(opened):
            raise RoundelError(f"picture {max(wanted)} is not there: the pack has {len(opened)}, from 0")
        _write(opened, wanted, output, streams.model_key(model), force, device)
    record: dict[str, object] = {
        "input": str(source),
        "output": output,
        "pictures": len(wanted),
        "elapsed_s": round(elapsed_s(), 3),
    }
    text = f"{output}: {len(wanted)} of {len(opened)} pictures"
    streams.say(record, text, as_json=as_json, data_on_stdout=False)


def _write(opened: "Pack", wanted: list[int], output: str, model: int | str | None, force: bool, device: str) -> None:
    import numpy as np

    from roundel import image
    from roundel.image import cifar
    from roundel.packing import unpack

    pictures = unpack(opened, wanted, model=model, device=device)
    if output.endswith(".bin"):
        labels = opened.labels
        if labels is None or opened.header.width != cifar.SIDE or opened.header.height != cifar.SIDE:
            raise RoundelError("a CIFAR-10 batch needs labels and 32 × 32 pictures, which this pack has not")
        streams.write_bytes(output, cifar.to_bytes(np.stack(list(pictures)), np.asarray(labels)[wanted]), force=force)
        return
    folder, names = Path(output), _names(opened)
    for number, pixels in zip(wanted, pictures, strict=True):
        goal = folder / PurePosixPath(names[number]).with_suffix(".png")
        goal.parent.mkdir(parents=True, exist_ok=True)
        image.write(image.from_array(pixels), str(goal), force=force)


def _names(opened: "Pack") -> list[str]:
    """The pictures' names, proven to stay inside a folder, or their numbers.

    Raises:
        FormatError: a name would leave the folder.
    """
    if opened.names is None:
        digits = len(str(len(opened) - 1))
        return [f"{number:0{digits}}.png" for number in range(len(opened))]
    for number, name in enumerate(opened.names):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise FormatError(f"picture {number} is named {name!r}, which leaves the folder: do not trust this pack")
    return list(opened.names)
