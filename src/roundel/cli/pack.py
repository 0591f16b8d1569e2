"""`roundel pack`: many small pictures to one .rndl file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roundel.cli import batch, inputs, streams
from roundel.errors import ImageError, RoundelError

if TYPE_CHECKING:
    from roundel.image import Picture
    from roundel.packing import Collection

FAILURE = 1


@click.command(context_settings={"show_default": True})
@click.argument("sources", metavar="DIR_OR_BATCH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="OUT", required=True, help="The pack, or -.")
@click.option("--group", type=click.IntRange(1, 4096), default=64, help="Pictures of one size coded together.")
@click.option("--strip", is_flag=True, help="Leave metadata out.")
@streams.model_option
@streams.force_option
@streams.jobs_option
@streams.quiet_option
@streams.json_option
@streams.max_pixels_option
@click.pass_context
def command(
    ctx: click.Context,
    sources: tuple[Path, ...],
    output: str,
    group: int,
    strip: bool,
    model: str | None,
    force: bool,
    jobs: int,
    quiet: bool,
    as_json: bool,
    max_pixels: int,
) -> None:
    """Pack a folder of pictures, or CIFAR-10 binary batches, into one file without loss.

    \b
      roundel pack icons -o icons.rndl
      roundel pack cifar-10-batches-bin/test_batch.bin -o test.rndl

    Files that are no pictures are named and left out; the exit code is 1 then. Unless --model names one, the model is
    the lossless one that codes a sample of the pictures into the fewest bytes.
    """
    batch.check_output(inputs.PICTURES, output, "names a picture, and pack writes .rndl files.")
    if output == inputs.STANDARD:
        inputs.spare_terminal()

    from roundel.codecs import zoo
    from roundel.container import read_info
    from roundel.packing import pack

    streams.check_free(output, force=force)
    elapsed_s = streams.Stopwatch()
    collection, left_out = _collect(sources, max_pixels, strip=strip)
    for name, reason in left_out:
        streams.complain(reason)
        if as_json:
            print(json.dumps({"input": name, "error": str(reason), "kind": type(reason).__name__}))
    data = pack(collection, model=streams.model_key(model), group=group, jobs=jobs)
    streams.write_bytes(output, data, force=force)
    subpixels = sum(p.size for p in collection.pictures)
    published = zoo.find(read_info(data, len(data)).header.model_id)
    name = Path(str(model)).stem if published is None else published.name
    record: dict[str, object] = {
        "output": output,
        "pictures": len(collection.pictures),
        "left_out": len(left_out),
        "bytes": len(data),
        "model": name,
        "bits_per_subpixel": round(8 * len(data) / subpixels, 5),
        "elapsed_s": round(elapsed_s(), 3),
    }
    rate = f"{8 * len(data) / subpixels:.4f} bits per subpixel"
    text = f"{output}: {len(collection.pictures)} pictures, {len(data)} bytes, {rate}, model {name}"
    text += f"; {len(left_out)} files left out" if left_out else ""
    streams.say(record, text, as_json=as_json, quiet=quiet, data_on_stdout=output == inputs.STANDARD)
    ctx.exit(FAILURE if left_out else 0)


def _collect(
    sources: tuple[Path, ...], max_pixels: int, *, strip: bool
) -> "tuple[Collection, list[tuple[str, RoundelError]]]":
    """Pictures of folders, by name, or of CIFAR-10 batches, with their labels; and files that are no pictures."""
    from roundel.arguments import picture
    from roundel.image import cifar
    from roundel.packing import MAX_SIDE_PX, Collection
    from roundel.packs import collect, files_in

    if all(path.suffix == ".bin" for path in sources):
        pixels, labels = cifar.read(sources)
        return Collection(list(pixels), labels=labels.tolist()), []
    names: list[str] = []
    pictures: list[Picture] = []
    left_out: list[tuple[str, RoundelError]] = []
    for folder in sources:
        if not folder.is_dir():
            raise ImageError(f"{folder}: neither a folder of pictures nor a CIFAR-10 batch (.bin)")
        top = f"{folder.resolve().name}/" if len(sources) > 1 else ""
        for path in files_in(folder):
            try:
                with streams.naming(str(path)):
                    found = picture(path, max_pixels=max_pixels)
                    if max(found.width, found.height) > MAX_SIDE_PX:
                        raise ImageError(f"{path}: larger than {MAX_SIDE_PX} pixels; `roundel encode` tiles it")
            except RoundelError as error:
                left_out.append((str(path), error))
                continue
            names.append(top + path.relative_to(folder).as_posix())
            pictures.append(found)
    return collect(pictures, names, None, strip=strip), left_out
