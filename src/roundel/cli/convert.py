"""`roundel convert`: a .rndl file to a pyramid of another format, a band of rows at a time."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roundel.cli import streams
from roundel.cli.extras import require
from roundel.errors import RoundelError

if TYPE_CHECKING:
    from roundel.opening import OpenFile

TIFFS = (".tif", ".tiff")


@click.command(context_settings={"show_default": True})
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option(
    "--jpeg", type=click.IntRange(1, 100), metavar="QUALITY", help="JPEG tiles in a TIFF, instead of deflate."
)
@click.option("--codec", type=click.Choice(["zstd", "roundel"]), default="zstd", help="Of the chunks of an OME-Zarr.")
@click.option("--tile", type=click.IntRange(16, 4096), default=512, help="Side of tiles or chunks in pixels.")
@streams.model_option
@streams.force_option
@streams.jobs_option
@streams.quiet_option
@streams.json_option
def command(
    source: str,
    target: str,
    jpeg: int | None,
    codec: str,
    tile: int,
    model: str | None,
    force: bool,
    jobs: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write a .rndl file as a pyramid that other programs read; the suffix of OUT says which.

    \b
      roundel convert slide.rndl slide.tif         tiled pyramid, as OpenSlide and libvips read it
      roundel convert slide.rndl slide.ome.tif     OME-TIFF, levels in sub-IFDs
      roundel convert slide.rndl slide.ome.zarr    OME-Zarr 0.5

    Every level is one that `roundel.open` shows. Label, macro, size of a pixel and ICC profile are kept.
    """
    suffix = Path(target).suffix.lower()
    if suffix not in (*TIFFS, ".zarr"):
        raise click.UsageError(f"{target} names no format: its suffix is one of .tif, .ome.tif, .ome.zarr.")
    if suffix != ".zarr" and tile % 16:
        raise click.UsageError(f"--tile {tile}: tiles of a TIFF have sides of multiples of 16 px.")
    require("roundel convert to " + suffix, *(["zarr"] if suffix == ".zarr" else ["tifffile", "imagecodecs"]))

    import roundel

    elapsed_s = streams.Stopwatch()
    key = streams.model_key(model)
    with (
        streams.naming(source),
        _Bar(source, quiet=quiet) as told,
        roundel.open(source, model=key, jobs=jobs) as file,
    ):
        size, levels = file.size, file.level_count
        if suffix == ".zarr":
            _zarr(file, target, codec, tile, told, force=force)
        else:
            _tiff(file, target, jpeg, tile, told, force=force)
    file_bytes = _bytes(Path(target))
    record: dict[str, object] = {
        "input": source,
        "output": target,
        "width_px": size[0],
        "height_px": size[1],
        "levels": levels,
        "file_bytes": file_bytes,
        "elapsed_s": round(elapsed_s(), 3),
    }
    text = f"{target}: {file_bytes} bytes, {size[0]}×{size[1]}, {levels} levels"
    streams.say(record, text, as_json=as_json, quiet=quiet, data_on_stdout=False)


def _tiff(
    file: "OpenFile", target: str, jpeg: int | None, tile: int, told: Callable[[int, int], None], *, force: bool
) -> None:
    from roundel.atomic import atomic_write
    from roundel.plugins.slides.tiff import write_tiff

    if jpeg is not None and (file.header.depth > 8):
        raise RoundelError("JPEG tiles have 8 bits a sample, and this file has 16: leave --jpeg out")
    ome = Path(target).stem.lower().endswith(".ome")
    with atomic_write(target, force=force) as out:
        write_tiff(file, out, ome=ome, jpeg=jpeg, tile_px=tile, progress=told)


def _zarr(
    file: "OpenFile", target: str, codec: str, tile: int, told: Callable[[int, int], None], *, force: bool
) -> None:
    """A folder that appears whole or not at all."""
    from roundel.atomic import OutputError
    from roundel.plugins.slides.ome_zarr import write_ome_zarr

    final = Path(os.path.realpath(target))
    if final.exists() and not (force and (final / "zarr.json").is_file()):
        why = "it is no zarr group" if force else "it exists already; choose another name, or force overwriting (-f)"
        raise OutputError(f"cannot write {target}: {why}")
    temporary = final.with_name(f".{final.name[:200]}.{os.urandom(4).hex()}.part")
    try:
        write_ome_zarr(file, temporary, codec=codec, tile_px=tile, progress=told)
        if final.exists():
            shutil.rmtree(final)
        os.replace(temporary, final)
    except OSError as error:
        raise OutputError(
            f"cannot write {target}: {error.strerror or error}; check the folder and free space"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _bytes(path: Path) -> int:
    """Of a file, or of all in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


class _Bar:
    """A bar over bands, if stderr is a terminal."""

    def __init__(self, label: str, *, quiet: bool) -> None:
        self._bar = None
        if not quiet and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(desc=label, unit="band", leave=False, delay=0.5)

    def __enter__(self) -> Callable[[int, int], None]:
        return self._tell

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def _tell(self, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.total = total
            self._bar.update(done - self._bar.n)
