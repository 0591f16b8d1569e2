"""`roundel verify`: is a file whole, and does it decode to what was encoded?"""

import json

import click

from roundel.cli import streams


@click.command()
@click.argument("inputs", metavar="FILE...", nargs=-1, required=True)
@streams.model_option
@streams.jobs_option
@streams.device_option
@streams.max_pixels_option
@streams.json_option
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    model: str | None,
    jobs: int,
    device: str,
    max_pixels: int,
    as_json: bool,
) -> None:
    """Check .rndl files: every section's checksum, and that what they decode to is what was encoded.

    Writes nothing. Prints a line for each file that is sound; exit 1 if one is not.
    """
    from roundel.restore import restore

    def work(_: int, name: str) -> None:
        data = streams.read_bytes(name)
        elapsed_s = streams.Stopwatch()
        with streams.progress_bar(name) as progress:
            found = restore(
                data,
                model=streams.model_key(model),
                max_pixels=max_pixels,
                jobs=jobs,
                device=device,
                progress=progress,
            )
        if as_json:
            record = {"file": name, "sound": True, "tiles": found.tiles, "passes": found.passes}
            print(json.dumps({**record, "elapsed_s": round(elapsed_s(), 3)}))
        else:
            print(f"{name}: sound")

    ctx.exit(streams.for_each(inputs, work))
