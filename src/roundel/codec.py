"""A whole picture in, bytes out, and back: what `roundel.encode` and `roundel.decode` do."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from roundel import arguments, container, image, scans
from roundel.arguments import Pictured, Readable
from roundel.codecs.loading import MAX_EFFORT, load_model
from roundel.codecs.protocol import Model
from roundel.container import DEFAULT_MAX_PIXELS, FileInfo
from roundel.container.format import PREFIX_BYTES
from roundel.encoding import Encoding, Goal
from roundel.errors import RoundelError
from roundel.image.scan import Scan
from roundel.loaded import MAX_QUALITY, Progress, codec_for
from roundel.restore import Restored, restore

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["decode", "decode_array", "encode", "info", "load_model", "restore"]

USUAL_QUALITY = 75
MAX_JOBS = 256
MAX_LEVEL = 31
MAX_PAGE = 1 << 24


def encode(
    source: Pictured,
    *,
    quality: int | None = None,
    lossless: bool = False,
    effort: int | None = None,
    tune: str | None = None,
    model: Model | int | str | None = None,
    target_bpp: float | None = None,
    target_size: int | None = None,
    target_psnr: float | None = None,
    target_ssimulacra2: float | None = None,
    tile_px: int | None = None,
    strip: bool = False,
    jobs: int = 1,
    page: int | None = None,
    level: int = 0,
    region: tuple[int, int, int, int] | None = None,
    max_pixels: int | None = None,
    progress: Progress | None = None,
) -> bytes:
    """Compress a picture. Slides and large TIFFs in files are read tile by tile.

    Args:
        source: the path of a picture file, a binary file object, a PIL image, an array (H, W[, C]) of uint8 or uint16
            (C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha), or a torch tensor (C, H, W) of uint8, or of
            floating point in [0, 1].
        quality: 0 (smallest) to 100 (best), 75 unless something else decides; no matter to lossless models. Screens
            and other drawn pictures, and thin ones, are coded without loss where that is smaller, unless a model is
            named.
        lossless: keep every bit.
        effort: 0 … 9, for models that know several: more gives a better picture at a quality, and a smaller file at a
            target; the usual one of lossy ones is 1. With `lossless` and no model: 0 takes the quickest, 9 the one that
            suits the picture. None for the usual.
        tune: what a lossy model encodes for, "ssimulacra2" (the usual) or "psnr"; decoders see no difference.
        model: a loaded model, or the name, id or path of one, instead of the default.
        target_bpp: the best quality within so many bits a pixel.
        target_size: the best quality within so many bytes.
        target_psnr: the smallest file with at least this PSNR in dB.
        target_ssimulacra2: the smallest file with at least this SSIMULACRA2 score; needs the package `ssimulacra2`.
        tile_px: side of the tiles, a multiple of the model's `align_px`; None for the default of its kind.
        strip: leave metadata out.
        jobs: tiles coded at the same time.
        page, level: of a TIFF or a slide in a file, counted from 0: which picture, and which of its stored sizes.
        region: left, top, width and height in pixels: only this part of the picture.
        max_pixels: of a file, the largest picture to accept; 2^29 px, or 2^36 px where it is read tile by tile.
        progress: told after each tile how many are done, and how many there are.

    Returns:
        The bytes of a .rndl file.

    Raises:
        RoundelError: the picture or an argument is not acceptable, or a target is out of reach.

    Example:
        >>> decode(encode(np.zeros((32, 48, 3), np.uint8), quality=30)).size
        (48, 32)
    """
    goal = _goal(target_bpp, target_size, target_psnr, target_ssimulacra2)
    if sum(given is not None for given in (quality, *goal)) > 1 or (lossless and any(goal)):
        raise RoundelError("quality, lossless and the targets exclude each other: give one of them")
    quality = _quality(USUAL_QUALITY if quality is None else quality)
    if effort is not None:
        effort = arguments.whole_number(effort, "effort", 0, MAX_EFFORT, " (0 is quickest)")
    if tile_px is not None:
        tile_px = arguments.whole_number(tile_px, "tile_px", 1, 1 << 20, " px")
    jobs, limit = _limits(jobs, DEFAULT_MAX_PIXELS if max_pixels is None else max_pixels)
    if tune is not None and not isinstance(tune, str):
        raise RoundelError(f'tune {tune!r} is no name: give "ssimulacra2" or "psnr"')
    if page is not None:
        page = arguments.whole_number(page, "page", 0, MAX_PAGE)
    level = arguments.whole_number(level, "level", 0, MAX_LEVEL)
    region = None if region is None else arguments.region(region)
    picture = scans.source(
        source, max_pixels=None if max_pixels is None else limit, page=page, level=level, region=region
    )
    with picture if isinstance(picture, Scan) else nullcontext():
        codec = codec_for(picture, model, lossless=lossless, effort=effort, tune=tune, jobs=jobs, progress=progress)
        encoding = Encoding.of(picture, codec, tile_px=tile_px, strip=strip, free=model is None)
        return encoding.at(quality) if goal == Goal() else encoding.reaching(goal)


def decode(
    source: Readable,
    *,
    region: tuple[int, int, int, int] | None = None,
    reduce: int = 0,
    passes: int | None = None,
    partial_file: bool = False,
    salvage: bool = False,
    model: Model | int | str | None = None,
    jobs: int = 1,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    progress: Progress | None = None,
) -> "Image.Image":
    """The picture in a .rndl file, as a PIL image with its metadata in `info`.

    Args:
        source: the bytes of a file, its path, or a binary file object.
        region: left, top, width and height in pixels of the whole picture; only the tiles that it needs are decoded.
        reduce: halve the size so many times, from the coarse passes alone where the model can.
        passes: a preview from the first so many passes.
        partial_file: take a file that ends early for a preview instead of an error.
        salvage: leave out what is damaged instead of giving up; `roundel.restore.restore` says which tiles are.
        model: the model that wrote the file (loaded, or its name, id or path) if it is not one that ships.
        jobs: tiles decoded at the same time.
        max_pixels: the most pixels to decode.
        progress: told after each tile how many are done, and how many there are.

    Raises:
        FormatError: it is no .rndl file, is damaged, or ends early.
        ModelError: the model that wrote it is not here.
        RoundelError: an argument is not acceptable.

    Example:
        >>> decode(encode(np.full((16, 16), 200, np.uint8))).mode
        'L'
    """
    found = _restored(source, region, reduce, passes, partial_file, salvage, model, jobs, max_pixels, progress)
    return image.to_pil(found.picture)


def decode_array(
    source: Readable,
    *,
    region: tuple[int, int, int, int] | None = None,
    reduce: int = 0,
    passes: int | None = None,
    partial_file: bool = False,
    salvage: bool = False,
    model: Model | int | str | None = None,
    jobs: int = 1,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    progress: Progress | None = None,
) -> np.ndarray:
    """The picture in a .rndl file, as an array (H, W) or (H, W, C) with C = 2 grey and alpha, 3 RGB, 4 RGB and alpha.

    Arguments and errors are those of `decode`.

    Example:
        >>> decode_array(encode(np.zeros((20, 30, 3), np.uint8)), region=(5, 5, 10, 8)).shape
        (8, 10, 3)
    """
    found = _restored(source, region, reduce, passes, partial_file, salvage, model, jobs, max_pixels, progress)
    return image.to_array(found.picture)


def info(source: Readable) -> FileInfo:
    """What the first kilobyte of a .rndl file says, without decoding and without loading a model.

    Args:
        source: the bytes of a file, its path, or a binary file object.

    Raises:
        RoundelError: it is no .rndl file, or cannot be read.

    Example:
        >>> info(encode(np.zeros((20, 30, 3), np.uint8))).header.width
        30
    """
    start, size = arguments.beginning(source, PREFIX_BYTES)
    return container.read_info(start, size)


def _restored(
    source: Any,
    region: Any,
    reduce: Any,
    passes: Any,
    partial_file: bool,
    salvage: bool,
    model: Any,
    jobs: Any,
    max_pixels: Any,
    progress: Progress | None,
) -> Restored:
    """Checked arguments, and the file, which is read only where it is needed if it has a name."""
    jobs, max_pixels = _limits(jobs, max_pixels)
    if region is not None:
        region = arguments.region(region)
    if passes is not None:
        passes = arguments.whole_number(passes, "passes", 1, container.MAX_PASSES)
    reduce = arguments.whole_number(reduce, "reduce", 0, MAX_LEVEL, " (times that the size is halved)")
    with arguments.opened(source) as data:
        return restore(
            data,
            passes=passes,
            partial_file=partial_file,
            region=region,
            reduce=reduce,
            salvage=salvage,
            model=model,
            max_pixels=max_pixels,
            jobs=jobs,
            progress=progress,
        )


def _goal(bpp: Any, size: Any, psnr: Any, ssimulacra2: Any) -> Goal:
    return Goal(
        None if bpp is None else arguments.positive(bpp, "target_bpp"),
        None if size is None else arguments.whole_number(size, "target_size", 1, 1 << 48, " bytes"),
        None if psnr is None else arguments.positive(psnr, "target_psnr"),
        None if ssimulacra2 is None else arguments.positive(ssimulacra2, "target_ssimulacra2"),
    )


def _quality(value: Any) -> int:
    return arguments.whole_number(value, "quality", 0, MAX_QUALITY, " (0 smallest, 100 best)")


def _limits(jobs: Any, max_pixels: Any) -> tuple[int, int]:
    return (
        arguments.whole_number(jobs, "jobs", 1, MAX_JOBS),
        arguments.whole_number(max_pixels, "max_pixels", 1, 1 << 62),
    )
