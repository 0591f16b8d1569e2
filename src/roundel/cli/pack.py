"""`roundel pack`: many small pictures to one .rndl file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from roundel.cli import streams
from roundel.errors import ImageError

if TYPE_CHECKING:
    from roundel.packing import Collection


@click.command(context_settings={"show_default": True})
@click.argument("inputs", metavar="DIR_OR_BATCH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="OUT", required=True, help="The pack, or -.")
@click.option("--group", type=click.IntRange(1, 4096), default=64, help="Pictures of one size coded together.")
@streams.model_option
@streams.force_option
@streams.jobs_option
@streams.device_option
@streams.json_option
def command(
    inputs: tuple[Path, ...],
    output: str,
    group: int,
    model: str | None,
    force: bool,
    jobs: int,
    device: str,
    as_json: bool,
) -> None:
    """Pack a folder of pictures, or CIFAR-10 binary batches, into one file without loss.

    \b
      roundel pack icons -o icons.rndl
      roundel pack cifar-10-batches-bin/test_batch.bin -o test.rndl

    Unless --model names one, the model is the lossless one that codes a sample of the pictures into the fewest bytes.
    """
    from roundel.codecs import zoo
    from roundel.container import read_info
    from roundel.packing import pack

    streams.check_free(output, force=force)
    elapsed_s = streams.Stopwatch()
    collection = _collect(inputs)
    data = pack(collection, model=streams.model_key(model), group=group, jobs=jobs, device=device)
    streams.write_bytes(output, data, force=force)
    subpixels = sum(p.size for p in collection.pictures)
    published = zoo.find(read_info(data, len(data)).header.model_id)
    name = Path(str(model)).stem if published is None else published.name
    record: dict[str, object] = {
        "output": output,
        "pictures": len(collection.pictures),
        "bytes": len(data),
        "model": name,
        "bits_per_subpixel": round(8 * len(data) / subpixels, 5),
        "elapsed_s": round(elapsed_s(), 3),
    }
    rate = f"{8 * len(data) / subpixels:.4f} bits per subpixel"
    text = f"{output}: {len(collection.pictures)} pictures, {len(data)} bytes, {rate}, model {name}"
    streams.say(record, text, as_json=as_json, data_on_stdout=output == streams.STANDARD)


def _collect(inputs: tuple[Path, ...]) -> "Collection":
    """Pictures of folders, by name, or of CIFAR-10 batches, with their labels."""
    from roundel.image import cifar, read
    from roundel.packing import Collection

    if all(path.suffix == ".bin" for path in inputs):
        pixels, labels = cifar.read(inputs)
        return Collection(list(pixels), labels=labels.tolist())
    names, pictures = [], []
    for folder in inputs:
        if not folder.is_dir():
            raise ImageError(f"{folder}: neither a folder of pictures nor a CIFAR-10 batch (.bin)")
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
            with streams.naming(str(path)):
                picture = read(path)
            if picture.alpha is not None:
                raise ImageError(f"{path}: packs hold pictures without alpha; use `roundel encode`")
            relative = path.relative_to(folder).as_posix()
            names.append(relative if len(inputs) == 1 else f"{folder.name}/{relative}")
            pictures.append(picture.pixels)
    return Collection(pictures, names=names)
