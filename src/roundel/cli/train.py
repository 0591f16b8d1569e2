"""`roundel train`: train a model on pictures of one's own."""

import sys
from pathlib import Path

import click

from roundel.cli.extras import require
from roundel.cli.values import Number


@click.command()
@click.argument("config")
@click.option(
    "--data", "folders", multiple=True, required=True, type=click.Path(path_type=Path),
    help="Folder of pictures; repeat for more.",
)  # fmt: skip
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Folder for log, checkpoint and weights [runs/NAME]."
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in the folder.")
@click.option("-f", "--force", is_flag=True, help="Start again and overwrite the checkpoint in the folder.")
@click.option("--steps", type=click.IntRange(1), help="Train for so many steps, whatever CONFIG says.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE",
    help="Change a setting of CONFIG, such as schedule.lr=1e-3; repeat for more.",
)  # fmt: skip
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda; under torchrun one GPU per process.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads.")
@click.option("--stop-after", type=Number(min=0), metavar="MINUTES", help="Save and stop; --resume goes on later.")
@click.option("--initial", type=click.Path(path_type=Path), help="Checkpoint, or weights file, to start from.")
@click.option("--export", "only_export", is_flag=True, help="Do not train: export the weights of the checkpoint.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(config: str, folders: tuple[Path, ...], out: Path | None, resume: bool, force: bool, steps: int | None,
            settings: tuple[str, ...], device: str, threads: int | None, stop_after: float | None,
            initial: Path | None, only_export: bool, quiet: bool) -> None:  # fmt: skip
    """Train the model that CONFIG describes and export its weights.

    CONFIG is a TOML file, or the name of a configuration that ships, such as photo-wavelet. The folder receives
    config.toml (what was trained), log.jsonl, TensorBoard events, checkpoint.pt and, at the end, weights.safetensors,
    which `roundel encode --model` takes. Ctrl-C and SIGTERM write the checkpoint first.

    \b
      roundel train photo-wavelet --data pictures
      roundel train photo-wavelet --data pictures --resume --set schedule.lr=5e-4
    """
    require("roundel train", "torch", "onnx")
    if resume and force:
        raise click.UsageError("--resume goes on, -f starts again: give one of them.")
    import math

    import torch

    from roundel.measure.provenance import commit
    from roundel.training import configuration, recipes
    from roundel.training.trainer import CHECKPOINT, WEIGHTS, Interrupted, averaged, check_free, train

    path = configuration.find(config)
    described = configuration.change(
        configuration.read(path), [*settings, *([f"schedule.steps={steps}"] if steps else [])]
    )
    out = out or Path("runs") / path.stem
    if not only_export:
        check_free(out, resume=resume, force=force)
    _check_device(device)
    if threads:
        torch.set_num_threads(threads)
    recipe = recipes.prepare(described, folders, str(path))
    if only_export:
        model = recipe.task.model
        model.load_state_dict(averaged(out / CHECKPOINT, model))
    else:
        if initial:
            recipes.start(recipe.task.model, initial, recipe.kind, recipe.schedule.only)
        configuration.keep(described, out)
        try:
            model = train(
                recipe.task, recipe.schedule, out, resume=resume, force=force, device=device,
                stop_after_s=stop_after * 60 if stop_after else math.inf, progress=not quiet,
            )  # fmt: skip
        except Interrupted as error:
            click.echo(f"roundel: {error}", err=True)
            sys.exit(128 + error.signal)
    recipe.export(model.cpu(), recipe.task, out / WEIGHTS, {"config": path.name, "commit": commit() or ""})
    click.echo(out / WEIGHTS)


def _check_device(device: str) -> None:
    """Complain about a device that is not there, before pictures are read."""
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise click.UsageError(f"--device {device}: {str(error).splitlines()[0]}") from error
