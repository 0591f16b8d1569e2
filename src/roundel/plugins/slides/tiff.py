"""An open file as a tiled pyramid in a TIFF: BigTIFF where it needs to be, or OME-TIFF with its levels in sub-IFDs."""

import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np
import tifffile

from roundel.opening import OpenFile
from roundel.plugins.slides.bands import Progress, bands, channels_of, count_bands, warn_of_loss

TILE_PX = 512
_CLASSIC_BYTES = 1 << 31
_RGB = 3
_SMALLER = 1  # NewSubfileType
_UNSPECIFIED_ALPHA = "unassalpha"


def write_tiff(
    file: OpenFile,
    target: BinaryIO,
    *,
    ome: bool = False,
    jpeg: int | None = None,
    tile_px: int = TILE_PX,
    progress: Progress | None = None,
) -> None:
    """Write all levels, and the pictures beside them.

    Args:
        file: of any depth. target: empty, and seekable.
        ome: OME-TIFF, else a pyramid in the file's chain of directories, as OpenSlide and libvips read it.
        jpeg: quality of JPEG tiles, 1 … 100; None for deflate, without loss.
        tile_px: side of the tiles, a multiple of 16. progress: told after each band.

    Raises:
        RoundelError: the file is closed or damaged, or its model is not here.
    """
    warn_of_loss(file, "TIFF")
    channels, deep = channels_of(file), file.header.depth > 8
    told = _counter(progress, count_bands(file, tile_px))
    colours = file.header.channels
    options: dict[str, Any] = {
        "dtype": np.uint16 if deep else np.uint8,
        "tile": (tile_px, tile_px),
        "photometric": "rgb" if colours == _RGB else "minisblack",
        "planarconfig": "contig" if channels > 1 else None,
        "extrasamples": [_UNSPECIFIED_ALPHA] if channels > colours else None,
        "maxworkers": 1,
        **_compression(jpeg, colours),
    }
    big = file.size[0] * file.size[1] * channels * (2 if deep else 1) > _CLASSIC_BYTES
    with tifffile.TiffWriter(target, bigtiff=big, ome=ome) as out:
        for level, (width, height) in enumerate(file.level_dimensions):
            first = level == 0
            beside = _resolution(file, level) | ({"iccprofile": file.icc_profile} if first and file.icc_profile else {})
            if ome:
                beside |= {"subifds": file.level_count - 1, "metadata": _ome(file, channels)} if first else {}
            else:
                beside |= {"metadata": None}
                beside |= {"description": _description(file)} if first else {}
            out.write(
                _tiles(file, level, tile_px, told),
                shape=(height, width, channels) if channels > 1 else (height, width),
                subfiletype=0 if first else _SMALLER,
                **options,
                **beside,
            )
        for name, picture in file.associated_images.items():
            samples = np.asarray(picture)
            if ome:
                axes = "YXS" if samples.ndim == _RGB else "YX"
                out.write(samples, compression="deflate", metadata={"axes": axes, "Name": name})
            else:
                text = f"{name} {samples.shape[1]}x{samples.shape[0]}"
                out.write(samples, compression="deflate", subfiletype=_SMALLER, description=text, metadata=None)


def _tiles(file: OpenFile, level: int, side: int, told: Callable[[], None]) -> Iterator[np.ndarray]:
    """The tiles of a level in raster order, filled up with zeros."""
    for _, samples in bands(file, level, side):
        rows, width, channels = samples.shape
        for left in range(0, width, side):
            cut = samples[:, left : left + side]
            tile = np.zeros((side, side, channels), samples.dtype)
            tile[:rows, : cut.shape[1]] = cut
            yield tile if channels > 1 else tile[:, :, 0]
        told()


def _counter(progress: Progress | None, total: int) -> Callable[[], None]:
    done = 0

    def told() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total)

    return told


def _compression(jpeg: int | None, colours: int) -> dict[str, Any]:
    if jpeg is None:
        return {"compression": "deflate", "predictor": True}
    found: dict[str, Any] = {"compression": "jpeg", "compressionargs": {"level": jpeg}}
    return found | ({"subsampling": (2, 2)} if colours == _RGB else {})  # which makes it YCbCr


def _resolution(file: OpenFile, level: int) -> dict[str, Any]:
    """Pixels a centimetre."""
    found = file.micrometres_per_pixel
    if found is None:
        return {}
    return {"resolution": tuple(10_000 / (size * (1 << level)) for size in found), "resolutionunit": "CENTIMETER"}


def _description(file: OpenFile) -> str:
    """What the scanner said, as JSON; levels are the TIFF's own."""
    kept = {key: value for key, value in file.properties.items() if not key.startswith("openslide.level")}
    return json.dumps(kept, ensure_ascii=True)


def _ome(file: OpenFile, channels: int) -> dict[str, Any]:
    found: dict[str, Any] = {"axes": "YXS" if channels > 1 else "YX"}
    size = file.micrometres_per_pixel
    if size is not None:
        found |= {"PhysicalSizeX": size[0], "PhysicalSizeY": size[1]}
        found |= {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    return found
