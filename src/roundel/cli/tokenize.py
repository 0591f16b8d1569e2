"""`roundel tokenize`: pictures to arrays of integers."""

import os

import click

from roundel.cli import batch, inputs, streams
from roundel.cli.batch import Done, Manner, Task
from roundel.cli.inputs import Item


@click.command(context_settings={"show_default": True})
@click.argument("sources", metavar="IN...", nargs=-1)
@click.option("-o", "--output", metavar="OUT", help="File, folder, or -; by default IN with suffix .npy.")
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
    model: str | None,
    recursive: bool,
    files_from: str | None,
    max_pixels: int,
    **manner: bool | int,
) -> None:
    """Turn pictures, or .rndl files of tokens, into integers (h, w, D) in NumPy's format; packs into (N, h, w, D).

    \b
      roundel tokenize photo.jpg                     photo.npy
      roundel tokenize photos -r -o codes -j 4       a folder with all in it, mirrored
      roundel tokenize photo.rndl -o codes.npy       the tokens that the file holds
    """
    kinds = inputs.PICTURES | inputs.FILES
    batch.check_output(kinds, output, "names a picture, and tokenize writes .npy files; see `roundel encode`.")
    plan = inputs.plan(sources, files_from, recursive=recursive, kinds=kinds, output=output, suffix=".npy")

    import io

    import numpy as np

    from roundel.container import MAGIC
    from roundel.tokens import tokenize

    how = Manner(**manner)  # type: ignore[arg-type]

    def work(item: Item, task: Task) -> Done:
        elapsed_s = streams.Stopwatch()
        batch.make_ready(item, how)
        source: object = item.input
        if item.input == inputs.STANDARD:
            data = streams.read_bytes(item.input)
            source = data if data.startswith(MAGIC) else io.BytesIO(data)
        codes = tokenize(
            source,  # type: ignore[arg-type]
            model=streams.model_key(model),
            max_pixels=max_pixels,
            jobs=task.jobs,
        )
        file = io.BytesIO()
        np.save(file, codes, allow_pickle=False)
        streams.write_bytes(item.output, file.getvalue(), force=how.force)
        if how.preserve:
            streams.keep_times(item.input, item.output)
        record: dict[str, object] = {
            "input": item.input,
            "output": item.output,
            "shape": list(codes.shape),
            "dtype": str(codes.dtype),
            "elapsed_s": round(elapsed_s(), 3),
        }
        rows, columns, dims = codes.shape[-3:]
        text = f"{item.output}: {columns} × {rows} tokens of {dims} integers"
        text += f" for each of {len(codes)} pictures" if codes.ndim == 4 else ""
        size = 0 if item.input == inputs.STANDARD else os.stat(item.input).st_size
        return Done(record, text, size, len(file.getvalue()))

    ctx.exit(batch.run(plan, work, how))
