"""16-bit samples in squares of their own, the box SAMPLES, where that is smaller than high bytes by the model.

The model knows high bytes only. Where noise is far below them, as in depth maps and in 10 or 12 bits, a prediction of
the whole sample says more; where a photograph fills all 16 bits, the model does.
"""

from collections.abc import Iterator

import numpy as np

from roundel.coding import samples
from roundel.container.sections import Cursor, pack_varint
from roundel.errors import FormatError
from roundel.image.picture import scale_samples, source_samples
from roundel.tiling import Grid, Rect

SIDE_PX = 512
"""Of a square; those at the right and at the bottom hold what is left."""


def pack(pixels: np.ndarray, sample_max: int | None) -> bytes:
    """Data of the box.

    Args:
        pixels: uint16 (H, W, 1 or 3). sample_max: the samples are those of 0 … sample_max, scaled.
    """
    if sample_max is not None:
        pixels = source_samples(pixels, sample_max)
    grid = Grid(pixels.shape[0], pixels.shape[1], SIDE_PX)
    coded = [samples.encode(pixels[tile.rows, tile.columns]) for tile in map(grid.tile, range(grid.tiles))]
    return b"".join([*(pack_varint(len(one)) for one in coded), *coded])


def unpack(
    data: bytes, whole: Rect, rows: slice, columns: slice, colours: int, sample_max: int | None = None
) -> np.ndarray:
    """Samples of a part of the picture, uint16 (h, w, colours); of the squares only those that it needs are decoded.

    Args:
        data: of the box. whole: the picture. rows, columns: the part, maybe with steps. sample_max: as for `pack`.

    Raises:
        FormatError: the data are damaged.
    """
    y, x = (np.arange(part.start, part.stop, part.step or 1) for part in (rows, columns))
    out = np.empty((len(y), len(x), colours), np.uint16)
    for tile, one in _squares(data, Grid(whole.height, whole.width, SIDE_PX)):
        above, inside = np.searchsorted(y, (tile.top, tile.bottom)).tolist()
        before, within = np.searchsorted(x, (tile.left, tile.right)).tolist()
        if above < inside and before < within:
            found = samples.decode(one, tile.height, tile.width, colours)
            there = np.ix_(y[above:inside] - tile.top, x[before:within] - tile.left)
            out[above:inside, before:within] = found[there]
    if sample_max is None:
        return out
    if out.max() > sample_max:
        raise FormatError(f"the box SAMPLES holds more than {sample_max}, the largest sample; the file is damaged")
    return scale_samples(out, sample_max)


def _squares(data: bytes, grid: Grid) -> Iterator[tuple[Rect, bytes]]:
    """Where each square lies, and its bytes. Raises: FormatError."""
    if grid.tiles > len(data):
        raise FormatError(f"the box SAMPLES has {len(data)} bytes for {grid.tiles} squares; the file is damaged")
    cursor = Cursor(data)
    lengths = [cursor.varint(len(data), "box SAMPLES") for _ in range(grid.tiles)]
    if cursor.at + sum(lengths) != len(data):
        raise FormatError("the squares of the box SAMPLES are not as long as it says; the file is damaged")
    for index, length in enumerate(lengths):
        yield grid.tile(index), cursor.take(length, "box SAMPLES")
