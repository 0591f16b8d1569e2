"""From a file's bytes to a picture: whole, a region, smaller, a preview from a prefix, or what damage has left."""

from dataclasses import replace
from typing import Protocol, runtime_checkable

from roundel import container
from roundel.codecs.protocol import Model
from roundel.container import DEFAULT_MAX_PIXELS, Sliceable
from roundel.decoding import Decoding, Restored
from roundel.errors import FormatError, RoundelError
from roundel.image.shrink import shrink
from roundel.loaded import Progress, codec_of
from roundel.tiling import Grid, Rect

__all__ = ["Decoding", "Progress", "Restored", "level_within", "restore"]


@runtime_checkable
class Sampling(Protocol):
    """A model that can make up what a preview lacks."""

    def sampling(self, seed: int) -> Model:
        """The same model, which does."""
        ...


def restore(
    data: Sliceable,
    *,
    passes: int | None = None,
    partial_file: bool = False,
    region: tuple[int, int, int, int] | None = None,
    reduce: int = 0,
    salvage: bool = False,
    seed: int | None = None,
    model: Model | int | str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Restored:
    """Decode a file, or a part of it, and say what was found.

    Args:
        data: the bytes of a .rndl file, or anything that slices like them: only what is needed is read.
        passes: decode the first so many passes only: a preview.
        partial_file: take a file that ends early for a preview instead of an error.
        region: x, y, width, height in pixels of the whole picture; only the tiles that it needs are read.
        reduce: halve the size so many times, from the coarse passes alone where the model can.
        salvage: leave out what is damaged instead of giving up.
        seed: draw what a preview of a lossless file lacks at random, instead of expecting its mean.
        model: the model that wrote the file (loaded, or its name, id or path) if it is not one that ships.
        max_pixels: the most pixels to decode; those of the whole picture where alpha or 16 bits are stored whole.
        jobs: tiles decoded at the same time.
        progress: told after each tile.

    Raises:
        FormatError: the data is no .rndl file, is damaged, or ends early.
        ModelError: the model that wrote it is not here.
        RoundelError: an argument is not acceptable.

    Example:
        >>> import numpy as np
        >>> from roundel import encode
        >>> restore(encode(np.zeros((20, 30, 3), np.uint8))).tiles
        1
    """
    file = container.read(data, allow_truncated=partial_file or salvage, max_pixels=None, lazy=True)
    codec = codec_of(file.header, model, jobs=jobs, max_pixels=max_pixels, progress=progress)
    if seed is not None:
        codec = replace(codec, model=_sampling(codec.model, seed))
    decoding = Decoding.of(file, codec, level=reduce, passes=passes, salvage=salvage)
    wanted = _part(region, decoding.whole).scale_down(1 << decoding.level)
    decoding.check_pixels(wanted)
    if file.available(0) == 0 and not salvage:
        raise FormatError(
            f"too short for a preview: the first pass needs {file.prefix_bytes(1)} bytes, found {len(data)}"
        )
    found = decoding.picture(wanted)
    if reduce == decoding.level:
        return found
    return found._replace(picture=shrink(found.picture, reduce - decoding.level))


def level_within(width: int, height: int, max_side: int) -> int:
    """How often to halve a picture so that no side is longer than `max_side` pixels.

    >>> level_within(4000, 3000, 1000)
    2
    """
    return max(0, (-(-max(width, height) // max_side) - 1).bit_length())


def _sampling(model: Model, seed: int) -> Model:
    if not isinstance(model, Sampling):
        raise RoundelError(f"model {model.name} draws no samples: only lossless models do; leave out --sample")
    return model.sampling(seed)


def _part(region: tuple[int, int, int, int] | None, grid: Grid) -> Rect:
    """The rectangle to decode."""
    if region is None:
        return grid.bounds
    left, top, width, height = region
    wanted = Rect(top, left, height, width)
    if min(height, width) < 1 or wanted.intersect(grid.bounds) != wanted:
        raise RoundelError(
            f"region x={left}, y={top}, {width}×{height} does not lie in the picture of {grid.width}×{grid.height} px"
        )
    return wanted
