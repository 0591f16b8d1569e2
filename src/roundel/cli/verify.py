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
    from roundel.container import read_info, read_pack
    from roundel.packing import unpack
    from roundel.restore import restore

    def work(_: int, name: str) -> None:
        data, key = streams.read_bytes(name), streams.model_key(model)
        elapsed_s = streams.Stopwatch()
        if read_info(data, len(data)).pack:
            opened = read_pack(data, max_pixels=max_pixels)
            pictures = sum(1 for _ in unpack(opened, range(len(opened)), model=key, device=device))
            checked = {"pictures": pictures, "passes": opened.header.passes}
        else:
            with streams.progress_bar(name) as progress:
                found = restore(data, model=key, max_pixels=max_pixels, jobs=jobs, device=device, progress=progress)
            checked = {"tiles": found.tiles, "passes": found.passes}
        if as_json:
            print(json.dumps({"file": name, "sound": True, **checked, "elapsed_s": round(elapsed_s(), 3)}))
        else:
            print(f"{name}: sound")

    ctx.exit(streams.for_each(inputs, work))
