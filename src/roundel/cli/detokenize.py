"""`roundel detokenize`: arrays of integers to pictures, or to .rndl files of just these integers."""

import os
from typing import TYPE_CHECKING

import click

from roundel.cli import batch, inputs, streams
from roundel.cli.batch import Done, Manner, Task
from roundel.cli.inputs import STANDARD, Item
from roundel.cli.values import Size
from roundel.errors import FormatError

if TYPE_CHECKING:
    import numpy as np

SUFFIX = ".rndl"


@click.command(context_settings={"show_default": True})
@click.argument("sources", metavar="IN...", nargs=-1)
@click.option("-o", "--output", metavar="OUT", help="File, folder, or -; by default IN with suffix .png.")
@click.option("--size", type=Size(), help="Size of the picture in pixels, if it is no multiple of a token's.")
@streams.model_option
@batch.writing_options
@batch.options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    output: str | None,
    size: tuple[int, int] | None,
    model: str | None,
    recursive: bool,
    files_from: str | None,
    **manner: bool | int,
) -> None:
    """Draw tokens (h, w, D) in NumPy's format; the suffix of OUT says which format, .rndl keeps the tokens themselves.

    \b
      roundel detokenize codes.npy -o photo.png
      roundel detokenize codes.npy -o photo.rndl     read back by `roundel tokenize photo.rndl`
    """
    plan = inputs.plan(sources, files_from, recursive=recursive, kinds=inputs.ARRAYS, output=output, suffix=".png")

    from roundel import image, tokens

    how = Manner(**manner)  # type: ignore[arg-type]
    for item in plan.items:
        if item.output != STANDARD and not item.output.endswith(SUFFIX):
            image.format_of(item.output)
    key = streams.model_key(model)

    def work(item: Item, task: Task) -> Done:
        elapsed_s = streams.Stopwatch()
        batch.make_ready(item, how)
        codes = _load(streams.read_bytes(item.input))
        if item.output.endswith(SUFFIX):
            data = tokens.to_file(codes, size=size, model=key)
            streams.write_bytes(item.output, data, force=how.force)
            text = f"{item.output}: {len(data)} bytes"
        else:
            if codes.ndim != 3:
                raise FormatError(f"an array {codes.shape} is not the tokens (h, w, D) of one picture")
            pixels = tokens.detokenize(codes, size=size, model=key, jobs=task.jobs)
            picture = image.from_array(pixels)
            image.write(picture, item.output, "PNG" if item.output == STANDARD else None, force=how.force)
            text = f"{item.output}: {pixels.shape[1]}×{pixels.shape[0]}"
        if how.preserve:
            streams.keep_times(item.input, item.output)
        record: dict[str, object] = {
            "input": item.input,
            "output": item.output,
            "shape": list(codes.shape),
            "elapsed_s": round(elapsed_s(), 3),
        }
        before, after = (0 if name == STANDARD else os.stat(name).st_size for name in (item.input, item.output))
        return Done(record, text, before, after)

    ctx.exit(batch.run(plan, work, how))


def _load(data: bytes) -> "np.ndarray":
    """The array of an .npy file. Raises: FormatError."""
    import io
    from tokenize import TokenError

    import numpy as np

    try:
        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError, OverflowError, SyntaxError, TokenError) as error:
        raise FormatError(f"not an array in NumPy's format (.npy), as `roundel tokenize` writes it: {error}") from None
