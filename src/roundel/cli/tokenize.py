"""`roundel tokenize`: pictures to arrays of integers."""

import click

from roundel.cli import streams
from roundel.cli.streams import STANDARD


@click.command(context_settings={"show_default": True})
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", help="File, existing folder, or -; by default IN with suffix .npy.")
@streams.model_option
@streams.force_option
@streams.device_option
@streams.max_pixels_option
@streams.json_option
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    output: str | None,
    model: str | None,
    force: bool,
    device: str,
    max_pixels: int,
    as_json: bool,
) -> None:
    """Turn pictures, or .rndl files of tokens, into integers (h, w, D) in NumPy's format; packs into (N, h, w, D).

    \b
      roundel tokenize photo.jpg                     photo.npy
      roundel tokenize photo.rndl -o codes.npy       the tokens that the file holds
    """
    goals = streams.outputs(inputs, output, ".npy")

    import io

    import numpy as np

    from roundel import image
    from roundel.codecs.loading import load_model
    from roundel.container import MAGIC, Kind
    from roundel.tokens import tokenize

    def work(number: int, name: str) -> None:
        goal = goals[number]
        streams.check_free(goal, force=force)
        elapsed_s = streams.Stopwatch()
        data = streams.read_bytes(name)
        key = streams.model_key(model)
        if data.startswith(MAGIC):
            codes = tokenize(data, model=key, max_pixels=max_pixels, device=device)
        else:
            loaded = load_model(key, kind=Kind.TOKENS, device=device)
            codes = tokenize(image.read(io.BytesIO(data), max_pixels=max_pixels), model=loaded)
        file = io.BytesIO()
        np.save(file, codes, allow_pickle=False)
        streams.write_bytes(goal, file.getvalue(), force=force)
        record: dict[str, object] = {
            "input": name,
            "output": goal,
            "shape": list(codes.shape),
            "elapsed_s": round(elapsed_s(), 3),
        }
        rows, columns, dims = codes.shape[-3:]
        text = f"{goal}: {columns} × {rows} tokens of {dims} integers"
        text += f" for each of {len(codes)} pictures" if codes.ndim == 4 else ""
        streams.say(record, text, as_json=as_json, data_on_stdout=goal == STANDARD)

    ctx.exit(streams.for_each(inputs, work))
