"""`roundel decode`: .rndl files to pictures."""

import os
import warnings
from dataclasses import replace

import click

from roundel.cli import batch, inputs, streams
from roundel.cli.batch import Done, Manner, Task
from roundel.cli.inputs import STANDARD, Item
from roundel.cli.values import Number, Region
from roundel.errors import RoundelWarning


@click.command(context_settings={"show_default": True})
@click.argument("sources", metavar="IN...", nargs=-1)
@click.option("-o", "--output", metavar="OUT", help="File, folder, or -; by default IN with suffix .png.")
@click.option("--format", "format_", help="Format for - and folders: png, jpeg, webp, tiff, bmp, ppm.  [default: png]")
@click.option(
    "-q", "--quality", type=click.IntRange(0, 100), help="Of JPEG and WebP results.  [default: JPEG 95, WebP lossless]"
)
@click.option("--reduce", type=click.IntRange(0, 31), help="Halve the size so many times, from coarse passes alone.")
@click.option("--max-side", type=click.IntRange(min=1), metavar="PX", help="Halve it until no side is longer.")
@click.option("--region", type=Region(), help="Only this part of the picture, in its pixels.")
@click.option("--passes", type=click.IntRange(min=1), help="Preview from the first so many passes.")
@click.option("--bytes", "bytes_", type=click.IntRange(min=1), help="Preview from the first so many bytes of the file.")
@click.option("--fraction", type=Number(0, 1, min_open=True), help="Preview from this part of the file.")
@click.option("--salvage", is_flag=True, help="Recover what is whole of a damaged file; exit 1 if anything is lost.")
@click.option("--sample", is_flag=True, help="Preview a lossless file with random detail instead of none.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of --sample.")
@streams.model_option
@batch.writing_options
@batch.options
@streams.max_pixels_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    output: str | None,
    format_: str | None,
    quality: int | None,
    reduce: int | None,
    max_side: int | None,
    region: tuple[int, int, int, int] | None,
    passes: int | None,
    bytes_: int | None,
    fraction: float | None,
    salvage: bool,
    sample: bool,
    seed: int,
    model: str | None,
    recursive: bool,
    files_from: str | None,
    max_pixels: int,
    **manner: bool | int,
) -> None:
    """Turn .rndl files back into pictures; the suffix of OUT says which format.

    \b
      roundel decode photo.rndl                      photo.png
      roundel decode photo.rndl -o photo.jpg -q 90
      roundel decode packed -r -o photos --format webp
      roundel decode photo.rndl -o thumb.png --max-side 200
      roundel decode scan.rndl -o part.png --region 4000,2000,512,512
    """
    if bytes_ is not None and fraction is not None:
        raise click.UsageError("--bytes and --fraction exclude each other.")
    if reduce is not None and max_side is not None:
        raise click.UsageError("--reduce and --max-side exclude each other.")
    plan = inputs.plan(
        sources,
        files_from,
        recursive=recursive,
        kinds=inputs.FILES,
        output=output,
        suffix=f".{(format_ or 'png').lower()}",
    )

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's idle threads would take longer to start than all else
    from roundel import container, image
    from roundel.restore import level_within, restore
    from roundel.tiling import usual_jobs

    how = Manner(**manner)  # type: ignore[arg-type]
    if len(plan.items) == 1 and ctx.get_parameter_source("jobs") is click.core.ParameterSource.DEFAULT:
        how = replace(how, jobs=usual_jobs())
    chosen = None if format_ is None else image.format_of(f"x.{format_}")
    for item in plan.items:
        if item.output != STANDARD and chosen is None:
            image.format_of(item.output)

    def work(item: Item, task: Task) -> Done:
        elapsed_s = streams.Stopwatch()
        batch.make_ready(item, how)
        with inputs.opened(item.input) as data:
            size, start = len(data), bytes(data[:1024])
            length = bytes_ if fraction is None else max(1, int(size * fraction))
            level = reduce or 0
            if max_side is not None:
                header = container.read_info(start, size).header
                level = level_within(*(region[2:] if region else (header.width, header.height)), max_side)
            found = restore(
                data if length is None else data[:length],
                passes=passes,
                partial_file=length is not None,
                region=region,
                reduce=level,
                salvage=salvage,
                seed=seed if sample else None,
                model=streams.model_key(model),
                max_pixels=max_pixels,
                jobs=task.jobs,
                progress=task.progress,
            )
        if any(box.tag == container.Tag.ASSOCIATED for box in container.read_info(start, size).boxes):
            text = "pictures beside the slide are left out; `roundel convert` keeps them"
            warnings.warn(text, RoundelWarning, stacklevel=2)
        picture = found.picture
        image.write(picture, item.output, chosen, force=how.force, quality=quality)
        if how.preserve:
            streams.keep_times(item.input, item.output)
        record: dict[str, object] = {
            "input": item.input,
            "output": item.output,
            "width_px": picture.width,
            "height_px": picture.height,
            "tiles": found.tiles,
            "passes": found.passes,
            "damaged_tiles": list(found.damaged),
            "elapsed_s": round(elapsed_s(), 3),
        }
        text = f"{item.output}: {picture.width}×{picture.height}, {streams.counted(found.passes, 'pass', 'passes')}"
        if how.verbose:
            text += f", {found.tiles} tiles, {elapsed_s():.2f} s"
        tiles = ", ".join(map(str, found.damaged[:20])) + (", …" if len(found.damaged) > 20 else "")
        damaged = streams.counted(len(found.damaged), "tile is", "tiles are")
        lost = f"{item.output} is incomplete: {damaged} damaged: {tiles}" if found.damaged else ""
        written = 0 if item.output == STANDARD else os.stat(item.output).st_size
        return Done(record, text, size, written, lost)

    ctx.exit(batch.run(plan, work, how))
