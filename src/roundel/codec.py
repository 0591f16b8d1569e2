"""A whole picture in, bytes out, and back: where pictures, tiles, models and the container meet."""

import warnings
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from roundel import container, image
from roundel.codecs.loading import at_effort, load_model, resolve
from roundel.codecs.protocol import Encoded, Model, Window
from roundel.codecs.selection import lossless_at
from roundel.container import Box, FileInfo, Header, Kind, Tag
from roundel.container.format import PREFIX_BYTES
from roundel.errors import ModelError, RoundelError, RoundelWarning
from roundel.image import Picture, lowbytes
from roundel.image.planes import pack_plane
from roundel.restore import Progress, restore
from roundel.tiling import Grid, combine_crcs, grid_for, workers

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["decode", "decode_array", "encode", "info", "load_model", "restore"]

MAX_QUALITY = 100
# 1536: halos cost a third more work, 100 megapixels fit in 1.5 GB
TILE_PX = {Kind.LOSSY: 1536, Kind.LOSSLESS: 512, Kind.TOKENS: 1536}


def encode(
    source: "Picture | Image.Image | np.ndarray",
    *,
    quality: int = 75,
    lossless: bool = False,
    model: Model | int | str | None = None,
    tile_px: int | None = None,
    strip: bool = False,
    effort: int | None = None,
    jobs: int = 1,
    device: str = "cpu",
    progress: Progress | None = None,
) -> bytes:
    """Compress a picture.

    Args:
        source: a Picture, a PIL image, or an array (H, W[, C]) of uint8 or uint16; C = 1 grey, 2 grey and alpha,
            3 RGB, 4 RGB and alpha.
        quality: 0 (smallest) to 100 (best); no matter to lossless models.
        lossless: keep every bit.
        model: a loaded model, or the name, id or path of one, instead of the default.
        tile_px: side of the tiles, a multiple of the model's `align_px`; None for the default of its kind.
        strip: leave ICC profile, EXIF and XMP out.
        effort: 0 (quickest) to 9 (fewest bytes at the same fidelity), for lossy models that can, and for `lossless`
            without a model: 0 takes the quickest, 9 the one that suits the picture; None for the usual.
        jobs: tiles coded at the same time.
        device: where the model runs.
        progress: told after each tile.

    Returns:
        The bytes of a .rndl file.

    Raises:
        RoundelError: the picture or an argument is not acceptable.

    Example:
        >>> decode(encode(np.zeros((32, 48, 3), np.uint8), quality=30)).size
        (48, 32)
    """
    if not 0 <= quality <= MAX_QUALITY:
        raise RoundelError(f"quality {quality} is out of range: give 0 (smallest) to {MAX_QUALITY} (best)")
    picture = to_picture(source)
    codec = model_for(picture, model, lossless=lossless, effort=effort, device=device)
    boxes = [] if strip else _metadata(picture)
    pixels, depth = picture.pixels, 8
    if picture.depth > 8 and codec.kind is Kind.LOSSLESS:
        pixels, low = lowbytes.split(pixels)
        depth = picture.depth
        boxes.append(Box(Tag.LOW_BYTES, low))
    elif picture.depth > 8:
        warnings.warn(f"{picture.depth} bits a sample are reduced to 8", RoundelWarning, stacklevel=2)
        boxes.append(Box(Tag.ORIGINAL_DEPTH, bytes([picture.depth])))
        picture = image.reduce_depth(picture)
        pixels = picture.pixels
    if picture.alpha is not None:
        boxes.append(Box(Tag.ALPHA, pack_plane(picture.alpha)))
    grid = grid_for(picture.height, picture.width, TILE_PX[codec.kind] if tile_px is None else tile_px, codec.align_px)
    tiles: list[Encoded] = []
    with workers(jobs) as run:
        for tile in run(partial(_encode_tile, pixels, grid, codec, quality), range(grid.tiles)):
            tiles.append(tile)
            if progress:
                progress(len(tiles), grid.tiles)
    header = Header(
        kind=codec.kind,
        model_id=codec.id,
        weights_hash=codec.weights_hash,
        width=picture.width,
        height=picture.height,
        channels=picture.channels,
        depth=depth,
        quality=MAX_QUALITY if codec.kind is Kind.LOSSLESS else quality,
        tile_px=grid.side,
        passes=codec.passes,
        checksum=combine_crcs([tile.crc for tile in tiles]),
    )
    return container.write(header, boxes, [tile.passes for tile in tiles])


def decode(
    data: bytes,
    *,
    passes: int | None = None,
    partial_file: bool = False,
    region: tuple[int, int, int, int] | None = None,
    model: Model | int | str | None = None,
    jobs: int = 1,
    device: str = "cpu",
) -> "Image.Image":
    """The picture in a .rndl file, as a PIL image with its ICC profile, EXIF and XMP in `info`.

    Arguments and errors are those of `restore`, which also salvages damaged files.

    Example:
        >>> decode(encode(np.full((16, 16), 200, np.uint8))).mode
        'L'
    """
    found = restore(
        data, passes=passes, partial_file=partial_file, region=region, model=model, jobs=jobs, device=device
    )
    return image.to_pil(found.picture)


def decode_array(
    data: bytes,
    *,
    passes: int | None = None,
    partial_file: bool = False,
    region: tuple[int, int, int, int] | None = None,
    model: Model | int | str | None = None,
    jobs: int = 1,
    device: str = "cpu",
) -> np.ndarray:
    """The picture in a .rndl file, as an array (H, W) or (H, W, C) with C = 2 grey and alpha, 3 RGB, 4 RGB and alpha.

    Arguments and errors are those of `restore`, which also salvages damaged files.

    Example:
        >>> decode_array(encode(np.zeros((20, 30, 3), np.uint8)), region=(5, 5, 10, 8)).shape
        (8, 10, 3)
    """
    found = restore(
        data, passes=passes, partial_file=partial_file, region=region, model=model, jobs=jobs, device=device
    )
    return image.to_array(found.picture)


def info(source: bytes | str | PathLike[str]) -> FileInfo:
    """What the first kilobyte of a .rndl file says, without decoding and without loading a model.

    Args:
        source: a path, or the bytes of a file.

    Raises:
        FormatError: it is no .rndl file.

    Example:
        >>> info(encode(np.zeros((20, 30, 3), np.uint8))).header.width
        30
    """
    if isinstance(source, bytes):
        return container.read_info(source[:PREFIX_BYTES], len(source))
    path = Path(source)
    try:
        with path.open("rb") as file:
            return container.read_info(file.read(PREFIX_BYTES), path.stat().st_size)
    except OSError as error:
        raise RoundelError(f"cannot read {path}: {error.strerror or error}") from error


def model_for(
    picture: Picture,
    model: Model | int | str | None = None,
    *,
    lossless: bool = False,
    effort: int | None = None,
    device: str = "cpu",
) -> Model:
    """The model with which `encode`, given the same, encodes a picture.

    Raises:
        RoundelError: the effort is out of range.
        ModelError: the model is unknown, knows one effort only, or is not lossless where it must be.
    """
    if lossless and model is None and effort is not None:
        return lossless_at(effort, picture.pixels, device)
    codec = resolve(model, Kind.LOSSLESS if lossless else Kind.LOSSY, device)
    if lossless and codec.kind is not Kind.LOSSLESS:
        raise ModelError(f"model {codec.name} is not lossless: name another one, or none, or do without --lossless")
    return codec if effort is None else at_effort(codec, effort)


def to_picture(source: "Picture | Image.Image | np.ndarray") -> Picture:
    """A Picture from any of the forms that `encode` takes."""
    if isinstance(source, Picture):
        return source
    return image.from_array(source) if isinstance(source, np.ndarray) else image.from_pil(source)


def _encode_tile(pixels: np.ndarray, grid: Grid, codec: Model, quality: int, index: int) -> Encoded:
    tile = grid.tile(index)
    around = tile.grow(codec.halo_px, grid.bounds)
    cut = pixels[around.rows, around.columns]
    rgb = np.array(np.broadcast_to(cut, (*cut.shape[:2], 3)), order="C")  # writable, as torch wants it
    return codec.encode(rgb, Window(*tile.relative_to(around)), quality)


def _metadata(picture: Picture) -> list[Box]:
    found = ((Tag.ICC, picture.icc), (Tag.EXIF, picture.exif), (Tag.XMP, picture.xmp))
    return [Box(tag, data) for tag, data in found if data]
