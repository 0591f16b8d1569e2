"""`roundel lab`: measurements of quantisers, on trained models and on sources whose optimum is known."""

import json
from pathlib import Path

import click

from roundel.cli.extras import require
from roundel.cli.values import Number

PLOT = click.option(
    "--plot", "plot_path", type=click.Path(dir_okay=False, path_type=Path), help="Draw the results (.png, .svg)."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


@click.group()
def command() -> None:
    """Measure quantisers: what they do to a trained model, and how far they stay from known optima."""


@command.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--config", type=click.Path(path_type=Path), help="What it was trained with [config.toml beside it].")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder of pictures to measure on.")
@click.option(
    "--quantizer", "names", multiple=True, metavar="NAME[=SETTING]", help="Measure with this one [the training's last]."
)
@click.option("--crop", type=click.IntRange(64), default=256, show_default=True, help="Middle of each picture, in px.")
@click.option("--pictures", type=click.IntRange(1), default=24, show_default=True, help="How many, at most.")
@click.option("--pairs", type=click.IntRange(1), default=8, show_default=True, help="Draws for the smoothness score.")
@click.option("--quality", type=Number(0, 1), default=0.5, show_default=True, help="Of models of many rates.")
@JSON
@PLOT
def gaps(checkpoint: Path, config: Path | None, data: Path, names: tuple[str, ...], crop: int, pictures: int,
         pairs: int, quality: float, as_json: bool, plot_path: Path | None) -> None:  # fmt: skip
    """Measure the three gaps of CHECKPOINT: discrete, entropy estimation, local smoothness.

    Also how rate and PSNR of training differ from those at test, and how latents lie between the integers. The model
    is a mean-scale or scale hyperprior, or the lossy model that ships, trained by `roundel train`.

    \b
      roundel lab gaps runs/ste/checkpoint.pt --data kodak --plot gaps.png
    """
    require("roundel lab gaps", "torch", *(["matplotlib"] if plot_path else []))
    from roundel.lab import checkpoints, gaps_report, probe
    from roundel.measure.provenance import command_line, provenance
    from roundel.measure.rd_table import record
    from roundel.training.data import middles
    from roundel.training.quantizers import make

    if crop % 64:
        raise click.UsageError(f"--crop {crop} is not a multiple of 64.")
    model, last = checkpoints.load(checkpoint, config)
    chosen = [(name, make(name)) for name in names or (last,)]
    files, crops = middles(data, crop, pictures)
    reports = [probe.measure(model, crops, *pair, quality=quality, pairs=pairs) for pair in chosen]
    if as_json:
        source = record(provenance(command_line(), files))
        for report in reports:
            differences = {
                "rate_difference_bpp": report.rate_difference_bpp,
                "psnr_difference_db": report.psnr_difference_db,
            }
            print(json.dumps(record(report) | record(differences) | {"provenance": source}))
    else:
        print(gaps_report.table(reports))
    if plot_path:
        name = "/".join(checkpoint.resolve().parts[-2:])
        gaps_report.plot(reports, plot_path, title=f"{name}, {len(crops)} pictures of {data.resolve().name}")


@command.command()
@click.option("--source", "sources", multiple=True, metavar="NAME", help="gaussian, laplace or sawbridge [all].")
@click.option("--quantizer", "names", multiple=True, metavar="NAME[=SETTING]", help="[the ten surrogates of the bench]")
@click.option("--steps", type=click.IntRange(1), default=1500, show_default=True, help="Of training, each.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of weights, samples and noise.")
@JSON
@PLOT
def toy(sources: tuple[str, ...], names: tuple[str, ...], steps: int, seed: int, as_json: bool,
        plot_path: Path | None) -> None:  # fmt: skip
    """Train surrogates on sources whose best quantiser is known, and say how far from it they end.

    Small networks learn four rates at once. Rates are those of the symbols at test under the learned density. Means
    are 0 here, so that noise and noise+ are the same. Differences between seeds are of about a percent: try several.

    \b
      roundel lab toy --source laplace --quantizer noise --quantizer soft-ste --plot toy.png
    """
    require("roundel lab toy", "torch", *(["matplotlib"] if plot_path else []))
    from roundel.lab import toy_report
    from roundel.lab.toy import SURROGATES, Training, run
    from roundel.lab.toy_sources import SOURCES, source_of
    from roundel.measure.rd_table import record
    from roundel.training.quantizers import make

    chosen = [source_of(name) for name in sources or SOURCES]
    for name in names:
        make(name)  # complains before the work
    points = []
    if not as_json:
        print(toy_report.HEAD)
    for source in chosen:
        for name in names or SURROGATES:
            for point in run(source, name, Training(steps=steps, seed=seed)):
                print(json.dumps(record(point)) if as_json else toy_report.line(point), flush=True)
                points.append(point)
    if plot_path:
        toy_report.plot(points, plot_path)


@command.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--features", required=True, metavar="NET", help="A TorchScript file, or module:attribute.")
@click.option("--crop", type=click.IntRange(1), default=256, show_default=True, help="Middle of each picture, in px.")
@JSON
def frechet(first: Path, second: Path, features: str, crop: int, as_json: bool) -> None:
    """Fréchet distance between two folders of pictures by a feature network of your own.

    NET takes pictures (B, 3, H, W) in [0, 1] and returns features (B, F). The distance carries its name: it is the FID
    only with the Inception weights that define that.

    \b
      roundel lab frechet originals decoded --features inception.pt
    """
    require("roundel lab frechet", "torch")
    from roundel.lab.frechet import distance, load_network, moments
    from roundel.training.data import middles

    network, name = load_network(features)
    sets = [middles(folder, crop, 1 << 30)[1] for folder in (first, second)]
    found = distance(*(moments(network, (x.float() / 255 for x in pictures.split(64))) for pictures in sets))
    record = {"network": name, "frechet_distance": found, "first": len(sets[0]), "second": len(sets[1])}
    text = f"{found:.4f}  Fréchet distance by {name}, {len(sets[0])} and {len(sets[1])} pictures"
    click.echo(json.dumps(record) if as_json else text)
