"""`roundel encode`: pictures to .rndl files."""

import os
import sys
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from roundel.cli import batch, cost, inputs, streams
from roundel.cli.batch import Done, Manner, Task
from roundel.cli.inputs import Item
from roundel.cli.values import Bytes, Number, Region
from roundel.errors import RoundelError

if TYPE_CHECKING:
    from roundel.container import Header
    from roundel.encoding import Encoding

MAX_EFFORT = 9
USUAL_QUALITY = 75
_ABOVE_ZERO = Number(min=0, min_open=True)


@click.command(context_settings={"show_default": True})
@click.argument("sources", metavar="IN...", nargs=-1)
@click.option("-o", "--output", metavar="OUT", help="File, folder, or -; by default IN with suffix .rndl.")
@click.option("-q", "--quality", type=click.IntRange(0, 100), help="0 smallest, 100 best.  [default: 75]")
@click.option("--lossless", is_flag=True, help="Keep every bit.")
@click.option("--target-size", type=Bytes(), help="Best quality within so many bytes: 30000, 30k, 1.5M.")
@click.option("--target-bpp", type=_ABOVE_ZERO, help="Best quality within so many bits a pixel.")
@click.option("--target-psnr", type=_ABOVE_ZERO, help="Smallest file with at least this PSNR in dB.")
@click.option(
    "--target-ssimulacra2", type=_ABOVE_ZERO, help="Smallest file with at least this SSIMULACRA2 score: 90, 80, 70."
)
@click.option(
    "--effort",
    type=click.IntRange(0, MAX_EFFORT),
    help="0 quickest, 9 slowest. Lossy: 0 rounds to the nearest values and needs 14 to 25 % more than 1, the usual; "
    "each above takes two more rounds, for a picture that looks better. With --lossless: 0 takes the quickest model, 9 "
    "the one that suits the picture.",
)
@click.option("--tune", metavar="NAME", help="What a lossy model encodes for: ssimulacra2 or psnr.")
@streams.model_option
@click.option("--tile", type=click.IntRange(min=1), help="Side of the tiles in pixels.")
@click.option("--region", type=Region(), help="Only this part of the picture, in its pixels.")
@click.option("--page", type=click.IntRange(min=0), help="Which page of a TIFF, counted from 0.")
@click.option("--level", type=click.IntRange(min=0), default=0, help="Which stored size of a slide; 0 is the largest.")
@click.option("--strip", is_flag=True, help="Leave metadata out.")
@click.option("--dry-run", is_flag=True, help="Say what it would cost, from a sample of tiles; write nothing.")
@click.option("--verify", is_flag=True, help="Decode the result and compare before it is written.")
@batch.writing_options
@batch.options
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    help="Refuse larger pictures.  [default: 2^29; 2^36 where it is read tile by tile]",
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    output: str | None,
    quality: int | None,
    lossless: bool,
    target_size: int | None,
    target_bpp: float | None,
    target_psnr: float | None,
    target_ssimulacra2: float | None,
    effort: int | None,
    tune: str | None,
    model: str | None,
    tile: int | None,
    region: tuple[int, int, int, int] | None,
    page: int | None,
    level: int,
    strip: bool,
    dry_run: bool,
    verify: bool,
    recursive: bool,
    files_from: str | None,
    max_pixels: int | None,
    **manner: bool | int,
) -> None:
    """Compress pictures (PNG, JPEG, WebP, TIFF, BMP, PPM, GIF, AVIF, slides) into .rndl files.

    Slides and large TIFFs are read and written tile by tile; other slides than TIFFs need the extra `slides`.

    \b
      roundel encode photo.jpg                       photo.rndl, quality 75
      roundel encode *.png -o packed/ -j 4           a folder of files, four pictures at a time
      roundel encode photos -r -o packed             a folder with all in it, mirrored
      roundel encode photo.png --target-size 30k     as good as 30 000 bytes allow
      roundel encode slide.svs --lossless --dry-run  what it would cost
      convert x.gif png:- | roundel encode - > x.rndl
    """
    goal = (target_bpp, target_size, target_psnr, target_ssimulacra2)
    if sum(value is not None for value in (quality, lossless or None, *goal)) > 1:
        raise click.UsageError("-q, --lossless and the --target options exclude each other.")
    batch.check_output(inputs.PICTURES, output, "names a picture, and encode writes .rndl files; see `roundel decode`.")
    kinds = inputs.PICTURES | inputs.SLIDES
    plan = inputs.plan(sources, files_from, recursive=recursive, kinds=kinds, output=output, suffix=".rndl")

    from roundel.codec import info
    from roundel.container import Kind
    from roundel.encoding import Encoding, Goal

    how = Manner(**manner)  # type: ignore[arg-type]
    wanted = Goal(*goal)
    usual = USUAL_QUALITY if quality is None else quality
    if dry_run:
        if wanted != Goal():
            raise click.UsageError("--dry-run estimates a quality or --lossless, not a --target.")
        how = replace(how, results_on_stdout=True, skip_existing=False)
    key = streams.model_key(model)

    def work(item: Item, task: Task) -> Done:
        from roundel import scans
        from roundel.image.scan import Scan
        from roundel.loaded import codec_for

        elapsed_s = streams.Stopwatch()
        picture = scans.source(_source(item.input), max_pixels=max_pixels, page=page, level=level, region=region)
        with picture if isinstance(picture, Scan) else nullcontext():
            if not dry_run:
                batch.make_ready(item, how)
            codec = codec_for(
                picture, key, lossless=lossless, effort=effort, tune=tune, jobs=task.jobs, progress=task.progress
            )
            encoding = Encoding.of(picture, codec, tile_px=tile, strip=strip, free=key is None)
            if dry_run:
                return cost.dry(item, encoding, usual, task.jobs)
            if isinstance(picture, Scan) and wanted == Goal():
                cost.warn(picture, lossless=codec.model.kind is Kind.LOSSLESS)
                header, size = streamed(encoding, usual, item.output, force=how.force, verify=verify)
            else:
                data = encoding.at(usual) if wanted == Goal() else encoding.reaching(wanted)
                if verify:
                    _verify(data, encoding)
                streams.write_bytes(item.output, data, force=how.force)
                header, size = info(data).header, len(data)
            if how.preserve:
                streams.keep_times(item.input, item.output)
            return _done(item, header, size, encoding, elapsed_s(), how)

    ctx.exit(batch.run(plan, work, how))


def _source(name: str) -> object:
    import io

    return io.BytesIO(streams.read_bytes(name)) if name == inputs.STANDARD else name


def streamed(encoding: "Encoding", quality: int, output: str, *, force: bool, verify: bool) -> tuple["Header", int]:
    """Write a file tile by tile, whole or not at all. Returns: its header and its bytes."""
    if output == inputs.STANDARD:
        if verify:
            raise RoundelError("a slide that goes to stdout cannot be verified: name a file with -o")
        counting = streams.Counting(sys.stdout.buffer)
        header = encoding.write_to(counting, quality)
        sys.stdout.buffer.flush()
        return header, counting.written
    from roundel.atomic import atomic_write
    from roundel.container import Source

    with atomic_write(output, force=force) as file:
        folder = os.path.dirname(os.path.realpath(output))
        header = encoding.write_to(file, quality, folder)
        file.flush()
        if verify and os.path.isfile(file.name):
            with open(file.name, "rb") as written:
                encoding.check(Source(written))
        return header, file.tell()


def _done(item: Item, header: "Header", file_bytes: int, encoding: "Encoding", elapsed_s: float, how: Manner) -> Done:
    from roundel.container import Kind

    model = encoding.writer(header).model
    bpp = 8 * file_bytes / (header.width * header.height)
    record: dict[str, object] = {
        "input": item.input,
        "output": item.output,
        "width_px": header.width,
        "height_px": header.height,
        "file_bytes": file_bytes,
        "bits_per_pixel": round(bpp, 6),
        "quality": header.quality,
        "model": model.name,
        "elapsed_s": round(elapsed_s, 3),
    }
    text = f"{item.output}: {file_bytes} bytes, {bpp:.4f} bpp, {header.width}×{header.height}, "
    text += f"quality {header.quality}" if header.kind is Kind.LOSSY else f"{header.kind.name.lower()}, {model.name}"
    if how.verbose:
        text += f", model {model.name}, tiles of {header.tile_px} px, {elapsed_s:.2f} s"
    size = 0 if item.input == inputs.STANDARD else os.stat(item.input).st_size
    return Done(record, text, size, file_bytes)


def _verify(data: bytes, encoding: "Encoding") -> None:
    """Decode a new file; raise unless it gives what it must."""
    import numpy as np

    from roundel import codec
    from roundel.container import Kind

    found, picture = encoding.shown(data), encoding.picture  # a lossy file's symbols are checked in there
    pairs = ((found.pixels, picture.pixels), (found.alpha, picture.alpha))
    same = all(a is b or (a is not None and b is not None and np.array_equal(a, b)) for a, b in pairs)
    if codec.info(data).header.kind is Kind.LOSSLESS and not same:
        raise RoundelError("the file does not decode to the picture, so it was not written; please report this")
