"""An open file as OME-Zarr 0.5: a group of zarr 3 with an array a level, (C, Y, X)."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from roundel.container import Tag
from roundel.opening import OpenFile
from roundel.plugins.slides.bands import Progress, bands, channels_of, count_bands, warn_of_loss

TILE_PX = 512
VERSION = "0.5"
_NAMES = ("Red", "Green", "Blue", "Alpha")
_COLOURS = ("FF0000", "00FF00", "0000FF", "FFFFFF")


def write_ome_zarr(
    file: OpenFile,
    folder: str | Path,
    *,
    codec: str = "zstd",
    tile_px: int = TILE_PX,
    progress: Progress | None = None,
) -> None:
    """Write all levels, and the pictures beside them below `associated`.

    Args:
        file: of any depth. folder: empty, or not there yet.
        codec: "zstd", which every zarr 3 reads, or "roundel", whose chunks are .rndl files.
        tile_px: side of the chunks. progress: told after each band.

    Raises:
        RoundelError: the file is closed or damaged, or its model is not here.
    """
    warn_of_loss(file, "OME-Zarr")
    group = zarr.open_group(str(folder), mode="w", zarr_format=3)
    total, done = count_bands(file, tile_px), 0
    channels = channels_of(file)
    for level, (width, height) in enumerate(file.level_dimensions):
        array = _array(group, str(level), (channels, height, width), file.header.depth, codec, tile_px)
        for top, samples in bands(file, level, tile_px):
            array[:, top : top + len(samples)] = samples.transpose(2, 0, 1)
            done += 1
            if progress:
                progress(done, total)
    group.attrs.put(_attributes(file, channels))
    for name, picture in file.associated_images.items():
        samples = np.asarray(picture)
        planes = (samples if samples.ndim == 3 else samples[:, :, None]).transpose(2, 0, 1)
        below = group.require_group("associated").create_group(name)
        depth = 8 * planes.dtype.itemsize
        _array(below, "0", planes.shape, depth, codec, tile_px)[:] = planes
        below.attrs.put({"ome": _multiscales(name, 1, None)})


def _array(
    group: zarr.Group, name: str, shape: tuple[int, ...], depth_bits: int, codec: str, tile_px: int
) -> zarr.Array[Any]:
    coded: dict[str, Any] = {"compressors": [ZstdCodec(level=5)]}
    if codec == "roundel":
        coded = {"serializer": {"name": "roundel"}, "compressors": None}
    return group.create_array(
        name,
        shape=shape,
        chunks=(shape[0], min(tile_px, shape[1]), min(tile_px, shape[2])),
        dtype=f"uint{depth_bits}",
        dimension_names=["c", "y", "x"],
        **coded,
    )


def _attributes(file: OpenFile, channels: int) -> dict[str, Any]:
    largest = (1 << file.header.depth) - 1
    window = {"start": 0, "min": 0, "end": largest, "max": largest}
    names = _NAMES[:3] + _NAMES[3:] * (channels > 3) if file.header.channels == 3 else ("Grey", "Alpha")[:channels]
    shown = [
        {"label": name, "color": _COLOURS[_NAMES.index(name)] if name in _NAMES else "FFFFFF", "active": True}
        for name in names
    ]
    ome = _multiscales(Path(file.name or "slide").stem, file.level_count, file.micrometres_per_pixel)
    ome["omero"] = {"channels": [{**one, "window": window} for one in shown], "rdefs": {"model": "color"}}
    kept = {key: value for key, value in file.properties.items() if not key.startswith("openslide.level")}
    own: dict[str, Any] = {"properties": kept}
    if file.box_bytes(Tag.ICC):
        own["icc_profile_base64"] = base64.b64encode(file.icc_profile or b"").decode()
    return {"ome": ome, "roundel": own}


def _multiscales(name: str, levels: int, micrometres: tuple[float, float] | None) -> dict[str, Any]:
    """The metadata of levels. Source: the OME-NGFF specification, version 0.5, "multiscales"."""
    space: dict[str, Any] = {"type": "space"} | ({"unit": "micrometer"} if micrometres else {})
    x, y = micrometres or (1.0, 1.0)
    return {
        "version": VERSION,
        "multiscales": [
            {
                "name": name,
                "axes": [{"name": "c", "type": "channel"}, {"name": "y", **space}, {"name": "x", **space}],
                "datasets": [
                    {
                        "path": str(level),
                        "coordinateTransformations": [
                            {"type": "scale", "scale": [1.0, y * (1 << level), x * (1 << level)]}
                        ],
                    }
                    for level in range(levels)
                ],
            }
        ],
    }
