"""`roundel encode`: pictures to .rndl files."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import click

from roundel.cli import streams
from roundel.cli.streams import STANDARD
from roundel.errors import RoundelError

if TYPE_CHECKING:
    from roundel.codecs.protocol import Model
    from roundel.image import Picture

MAX_EFFORT = 9


class Target(NamedTuple):
    """What decides the quality; at most one is given, else it is the quality itself."""

    bpp: float | None
    size: int | None
    psnr: float | None


@click.command(context_settings={"show_default": True})
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", help="File, existing folder, or -; by default IN with suffix .rndl.")
@click.option("-q", "--quality", type=click.IntRange(0, 100), help="0 smallest, 100 best.  [default: 75]")
@click.option(
    "--target-bpp", type=click.FloatRange(min=0, min_open=True), help="Best quality within so many bits a pixel."
)
@click.option("--target-size", type=click.IntRange(min=1), help="Best quality within so many bytes.")
@click.option("--target-psnr", type=float, help="Smallest file with at least this PSNR in dB.")
@click.option("--lossless", is_flag=True, help="Keep every bit.")
@click.option(
    "--effort",
    type=click.IntRange(0, MAX_EFFORT),
    help="0 quickest, 9 fewest bytes at equal PSNR [1]; with --lossless: 0 takes the quickest model, 9 the one that "
    "suits the picture [5].",
)
@streams.model_option
@click.option("--tile", type=click.IntRange(min=1), help="Side of the tiles in pixels.")
@click.option("--strip", is_flag=True, help="Leave ICC profile, EXIF and XMP out.")
@click.option("--verify", is_flag=True, help="Decode the result and compare before it is written.")
@streams.force_option
@streams.jobs_option
@streams.device_option
@streams.max_pixels_option
@streams.json_option
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    output: str | None,
    quality: int | None,
    target_bpp: float | None,
    target_size: int | None,
    target_psnr: float | None,
    lossless: bool,
    effort: int | None,
    model: str | None,
    tile: int | None,
    strip: bool,
    verify: bool,
    force: bool,
    jobs: int,
    device: str,
    max_pixels: int,
    as_json: bool,
) -> None:
    """Compress pictures (PNG, JPEG, WebP, TIFF, BMP, PPM) into .rndl files.

    \b
      roundel encode photo.jpg                       photo.rndl, quality 75
      roundel encode *.png -o packed -q 50           a folder of files
      roundel encode photo.png --target-bpp 0.5      as good as 0.5 bits a pixel allow
      convert x.gif png:- | roundel encode - > x.rndl
    """
    target = Target(target_bpp, target_size, target_psnr)
    if sum(value is not None for value in (quality, lossless or None, *target)) > 1:
        raise click.UsageError("-q, --lossless and the --target options exclude each other.")
    goals = streams.outputs(inputs, output, ".rndl")

    from roundel import codec, image
    from roundel.container import Kind

    def work(number: int, name: str) -> None:
        goal = goals[number]
        streams.check_free(goal, force=force)
        elapsed_s = streams.Stopwatch()
        picture = image.read(name, max_pixels=max_pixels)
        key = streams.model_key(model)
        loaded = codec.model_for(picture, key, lossless=lossless, effort=effort, device=device)
        with streams.progress_bar(name) as progress:

            def encode(quality: int) -> bytes:
                return codec.encode(
                    picture,
                    quality=quality,
                    model=loaded,
                    tile_px=tile,
                    strip=strip,
                    jobs=jobs,
                    progress=progress,
                )

            data = _choose(encode, picture, target, loaded, 75 if quality is None else quality, jobs)
            if verify:
                _verify(data, picture, loaded, jobs)
        streams.write_bytes(goal, data, force=force)
        header = codec.info(data).header
        pixels = header.width * header.height
        record: dict[str, object] = {
            "input": name,
            "output": goal,
            "width_px": header.width,
            "height_px": header.height,
            "file_bytes": len(data),
            "bits_per_pixel": round(8 * len(data) / pixels, 6),
            "quality": header.quality,
            "model": loaded.name,
            "elapsed_s": round(elapsed_s(), 3),
        }
        text = f"{goal}: {len(data)} bytes, {8 * len(data) / pixels:.4f} bpp, {header.width}×{header.height}"
        what = (
            f"quality {header.quality}" if header.kind is Kind.LOSSY else f"{header.kind.name.lower()}, {loaded.name}"
        )
        text += f", {what}"
        streams.say(record, text, as_json=as_json, data_on_stdout=goal == STANDARD)

    ctx.exit(streams.for_each(inputs, work))


def _choose(
    encode: Callable[[int], bytes], picture: "Picture", target: Target, model: "Model", quality: int, jobs: int
) -> bytes:
    """The file of the quality given, or of the one that a target asks for."""
    from roundel import image
    from roundel.measure import metrics
    from roundel.restore import restore
    from roundel.target import largest_within, smallest_reaching

    if target.bpp is not None:
        return largest_within(encode, int(target.bpp * picture.width * picture.height / 8)).data
    if target.size is not None:
        return largest_within(encode, target.size).data
    if target.psnr is None:
        return encode(quality)
    original = image.reduce_depth(picture).pixels

    def psnr_db(data: bytes) -> float:
        return metrics.psnr(original, restore(data, model=model, jobs=jobs).picture.pixels)

    return smallest_reaching(encode, psnr_db, target.psnr).data


def _verify(data: bytes, picture: "Picture", model: "Model", jobs: int) -> None:
    """Decode a new file; raise unless it gives what it must."""
    import numpy as np

    from roundel.container import Kind
    from roundel.restore import restore

    found = restore(data, model=model, jobs=jobs).picture  # a lossy file's symbols are checked in there
    pairs = ((found.pixels, picture.pixels), (found.alpha, picture.alpha))
    same = all(a is b or (a is not None and b is not None and np.array_equal(a, b)) for a, b in pairs)
    if model.kind is Kind.LOSSLESS and not same:
        raise RoundelError("the file does not decode to the picture, so it was not written; please report this")
