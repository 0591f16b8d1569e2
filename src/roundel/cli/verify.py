"""`roundel verify`: is a file whole, and does it decode to what was encoded?"""

import click

from roundel.cli import batch, inputs, streams
from roundel.cli.batch import Done, Manner, Task
from roundel.cli.inputs import Item


@click.command()
@click.argument("sources", metavar="FILE...", nargs=-1)
@streams.model_option
@batch.options
@streams.max_pixels_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    model: str | None,
    recursive: bool,
    files_from: str | None,
    max_pixels: int,
    **manner: bool | int,
) -> None:
    """Check .rndl files: every section's checksum, and that what they decode to is what was encoded.

    Writes nothing. Prints a line for each file that is sound; exit 1 if one is not.
    """
    from roundel.soundness import check_sound

    how = Manner(**manner, results_on_stdout=True)  # type: ignore[arg-type]

    def work(item: Item, task: Task) -> Done:
        elapsed_s = streams.Stopwatch()
        data, key = streams.read_bytes(item.input), streams.model_key(model)
        checked = check_sound(data, model=key, max_pixels=max_pixels, jobs=task.jobs, progress=task.progress)
        record = {"file": item.input, "sound": True, **checked, "elapsed_s": round(elapsed_s(), 3)}
        return Done(record, f"{item.input}: sound", len(data))

    plan = inputs.plan(sources, files_from, recursive=recursive, kinds=inputs.FILES)
    ctx.exit(batch.run(plan, work, how))
