"""`roundel detokenize`: arrays of integers to pictures, or to .rndl files of just these integers."""

import re
from typing import TYPE_CHECKING

import click

from roundel.cli import streams
from roundel.cli.streams import STANDARD
from roundel.errors import FormatError

if TYPE_CHECKING:
    import numpy as np

SUFFIX = ".rndl"


class Size(click.ParamType):
    """WIDTHxHEIGHT in pixels."""

    name = "WxH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Two integers from text."""
        found = re.fullmatch(r"(\d+)[x×,](\d+)", str(value))
        if found is None:
            self.fail(f"{value!r} is not a size as 640x480.", param, ctx)
        return int(found[1]), int(found[2])


@click.command(context_settings={"show_default": True})
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", help="File, existing folder, or -; by default IN with suffix .png.")
@click.option("--size", type=Size(), help="Size of the picture in pixels, if it is no multiple of a token's.")
@streams.model_option
@streams.force_option
@streams.device_option
@streams.json_option
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    output: str | None,
    size: tuple[int, int] | None,
    model: str | None,
    force: bool,
    device: str,
    as_json: bool,
) -> None:
    """Draw tokens (h, w, D) in NumPy's format; the suffix of OUT says which format, .rndl keeps the tokens themselves.

    \b
      roundel detokenize codes.npy -o photo.png
      roundel detokenize codes.npy -o photo.rndl     read back by `roundel tokenize photo.rndl`
    """
    goals = streams.outputs(inputs, output, ".png")

    from roundel import image, tokens

    for goal in goals:
        if goal != STANDARD and not goal.endswith(SUFFIX):
            image.format_of(goal)

    def work(number: int, name: str) -> None:
        goal = goals[number]
        streams.check_free(goal, force=force)
        elapsed_s = streams.Stopwatch()
        codes = _load(streams.read_bytes(name))
        key = streams.model_key(model)
        if goal.endswith(SUFFIX):
            data = tokens.to_file(codes, size=size, model=key, device=device)
            streams.write_bytes(goal, data, force=force)
            text = f"{goal}: {len(data)} bytes"
        else:
            pixels = tokens.detokenize(codes, size=size, model=key, device=device)
            image.write(image.from_array(pixels), goal, "PNG" if goal == STANDARD else None, force=force)
            text = f"{goal}: {pixels.shape[1]}×{pixels.shape[0]}"
        record: dict[str, object] = {
            "input": name,
            "output": goal,
            "shape": list(codes.shape),
            "elapsed_s": round(elapsed_s(), 3),
        }
        streams.say(record, text, as_json=as_json, data_on_stdout=goal == STANDARD)

    ctx.exit(streams.for_each(inputs, work))


def _load(data: bytes) -> "np.ndarray":
    """The array of an .npy file. Raises: FormatError."""
    import io
    from tokenize import TokenError

    import numpy as np

    try:
        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError, OverflowError, SyntaxError, TokenError) as error:
        raise FormatError(f"not an array in NumPy's format (.npy), as `roundel tokenize` writes it: {error}") from None
