"""`roundel decode`: .rndl files to pictures."""

import click

from roundel.cli import streams
from roundel.cli.streams import STANDARD
from roundel.errors import RoundelError


class Region(click.ParamType):
    """x,y,width,height in pixels."""

    name = "x,y,w,h"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int, int]:
        """Four integers from text."""
        try:
            x, y, width, height = (int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not four numbers x,y,w,h.", param, ctx)
        return x, y, width, height


@click.command(context_settings={"show_default": True})
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", help="File, existing folder, or -; by default IN with suffix .png.")
@click.option("--format", "format_", help="Format for - and folders: png, jpeg, webp, tiff, bmp, ppm.  [default: png]")
@click.option("--passes", type=click.IntRange(min=1), help="Preview from the first so many passes.")
@click.option("--bytes", "bytes_", type=click.IntRange(min=1), help="Preview from the first so many bytes of the file.")
@click.option("--fraction", type=click.FloatRange(0, 1, min_open=True), help="Preview from this part of the file.")
@click.option("--region", type=Region(), help="Only this part of the picture, in pixels.")
@click.option("--salvage", is_flag=True, help="Recover what is whole of a damaged file; exit 1 if anything is lost.")
@click.option("--sample", is_flag=True, help="Preview a lossless file with random detail instead of none.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of --sample.")
@streams.model_option
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
    format_: str | None,
    passes: int | None,
    bytes_: int | None,
    fraction: float | None,
    region: tuple[int, int, int, int] | None,
    salvage: bool,
    sample: bool,
    seed: int,
    model: str | None,
    force: bool,
    jobs: int,
    device: str,
    max_pixels: int,
    as_json: bool,
) -> None:
    """Turn .rndl files back into pictures; the suffix of OUT says which format.

    \b
      roundel decode photo.rndl                      photo.png
      roundel decode photo.rndl -o photo.jpg
      roundel decode photo.rndl -o small.png --passes 2
      roundel decode scan.rndl -o part.png --region 4000,2000,512,512
    """
    if bytes_ is not None and fraction is not None:
        raise click.UsageError("--bytes and --fraction exclude each other.")
    goals = streams.outputs(inputs, output, f".{(format_ or 'png').lower()}")

    from roundel import image
    from roundel.restore import restore

    chosen = None if format_ is None else image.format_of(f"x.{format_}")
    for goal in goals:
        if goal != STANDARD and chosen is None:
            image.format_of(goal)

    def work(number: int, name: str) -> None:
        goal = goals[number]
        streams.check_free(goal, force=force)
        elapsed_s = streams.Stopwatch()
        data = streams.read_bytes(name)
        length = bytes_ if fraction is None else max(1, int(len(data) * fraction))
        with streams.progress_bar(name) as progress:
            found = restore(
                data[:length],
                passes=passes,
                partial_file=length is not None,
                region=region,
                salvage=salvage,
                seed=seed if sample else None,
                model=streams.model_key(model),
                max_pixels=max_pixels,
                jobs=jobs,
                device=device,
                progress=progress,
            )
        picture = found.picture
        image.write(picture, goal, chosen, force=force)
        record: dict[str, object] = {
            "input": name,
            "output": goal,
            "width_px": picture.width,
            "height_px": picture.height,
            "tiles": found.tiles,
            "passes": found.passes,
            "damaged_tiles": list(found.damaged),
            "elapsed_s": round(elapsed_s(), 3),
        }
        text = f"{goal}: {picture.width}×{picture.height}, {found.passes} passes"
        streams.say(record, text, as_json=as_json, data_on_stdout=goal == STANDARD)
        if found.damaged:
            tiles = ", ".join(map(str, found.damaged[:20])) + (", …" if len(found.damaged) > 20 else "")
            raise RoundelError(f"{goal} is incomplete: {len(found.damaged)} tiles are damaged: {tiles}")

    ctx.exit(streams.for_each(inputs, work))
