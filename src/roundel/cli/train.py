"""`roundel train`: train a model of the zoo on pictures of one's own."""

import subprocess
from pathlib import Path

import click


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--data",
    "folders",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of pictures; repeat for more.",
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Folder for log, checkpoint and weights [runs/NAME]."
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in the folder.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda; under torchrun one GPU per process.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads.")
@click.option("--stop-after", type=float, metavar="MINUTES", help="Save and stop; --resume goes on later.")
@click.option("--initial", type=click.Path(path_type=Path), help="Checkpoint, or weights file, to start from.")
@click.option("--export", "only_export", is_flag=True, help="Do not train: export the weights of the checkpoint.")
def command(config: Path, folders: tuple[Path, ...], out: Path | None, resume: bool, device: str, threads: int | None,
            stop_after: float | None, initial: Path | None, only_export: bool) -> None:  # fmt: skip
    """Train the model that CONFIG (TOML) describes and export its weights.

    The folder receives config.toml (a copy), log.jsonl, TensorBoard events, checkpoint.pt and, at the end,
    weights.safetensors, which `roundel encode --model` takes.
    """
    import math

    import torch

    from roundel.training import recipes
    from roundel.training.checkpoints import keep_config
    from roundel.training.trainer import load_initial, train

    if threads:
        torch.set_num_threads(threads)
    out = out or Path("runs") / config.stem
    recipe = recipes.load(config, folders)
    if initial:
        load_initial(recipe.task.model, initial, recipe.schedule.only)
    if only_export:
        load_initial(recipe.task.model, out / "checkpoint.pt")
        model = recipe.task.model
    else:
        keep_config(config, out)
        limit_s = stop_after * 60 if stop_after else math.inf
        model = train(recipe.task, recipe.schedule, out, resume=resume, device=device, stop_after_s=limit_s)
    recipe.export(model, recipe.task, out / "weights.safetensors", {"config": config.name, "commit": _commit()})
    click.echo(out / "weights.safetensors")


def _commit() -> str:
    """The commit of the working tree, or nothing outside one."""
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip()
