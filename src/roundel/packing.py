"""Many small pictures as one file: coded in groups of one size, each group on its own, so that any picture is near."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from roundel import container
from roundel.codecs.loading import model_of, resolve
from roundel.codecs.protocol import BatchModel, Encoded, Model
from roundel.codecs.selection import best_for_set
from roundel.container import Box, Kind, Pack
from roundel.errors import ChecksumError, ImageError, UnsupportedError
from roundel.loaded import header_of
from roundel.tiling import combine_crcs, workers

GROUP = 64
MAX_SIDE_PX = 2048
"""Pictures in a pack are not tiled, so larger ones are left to `encode`."""


@dataclass(frozen=True)
class Collection:
    """Pictures to pack.

    Args:
        pictures: uint8 (H, W, 1 or 3) each. names: different relative paths with "/" between folders, or None.
        labels: numbers, or None. boxes: what each picture has beside its pixels, or None.
    """

    pictures: Sequence[np.ndarray]
    names: Sequence[str] | None = None
    labels: Sequence[int] | None = None
    boxes: Sequence[Sequence[Box]] | None = None


def pack(
    collection: Collection,
    *,
    model: Model | int | str | None = None,
    group: int = GROUP,
    jobs: int = 1,
) -> bytes:
    """The file of many pictures; without loss, unless a model of tokens is chosen.

    Args:
        collection: the pictures; grey ones among coloured ones come back as RGB of equal channels.
        model: a loaded model, lossless or of tokens, or the name, id or path of one; None for the published lossless
            one that codes a sample of the pictures into the fewest bytes.
        group: pictures coded together, if all have one size: more make the file smaller, fewer make access faster.
        jobs: groups coded at the same time.

    Raises:
        ImageError: there are no pictures, or one is not 8-bit grey or RGB, or too large.
        UnsupportedError: the model is neither lossless nor of tokens.
    """
    _check(collection)
    chosen = best_for_set(collection.pictures) if model is None else resolve(model, Kind.LOSSLESS)
    codec = _batch_model(chosen)
    pictures = collection.pictures
    sizes = [(p.shape[1], p.shape[0]) for p in pictures]
    group = group if len(set(sizes)) == 1 else 1

    def work(start: int) -> Encoded:
        batch = [np.broadcast_to(p, (*p.shape[:2], 3)) for p in pictures[start : start + group]]
        return codec.encode_batch(np.ascontiguousarray(np.stack(batch)))

    with workers(jobs) as run:
        coded = list(run(work, range(0, len(pictures), group)))
    channels = max(p.shape[2] for p in pictures)
    header = header_of(codec, sizes[0], [c.crc for c in coded], channels=channels, quality=100)
    units = [c.passes for c in coded]
    boxes = collection.boxes if collection.boxes is not None and any(collection.boxes) else None
    return container.write_pack(
        header, sizes, units, group=group, names=collection.names, labels=collection.labels, metadata=boxes
    )


def unpack(opened: Pack, images: Sequence[int], *, model: Model | int | str | None = None) -> Iterator[np.ndarray]:
    """Pictures of a pack by number, uint8 (H, W, 1 or 3) each; only the groups that hold them are read.

    Raises:
        ChecksumError: all pictures of the pack were decoded and are not what was packed.
        FormatError: the pack is damaged.
    """
    codec = _batch_model(model_of(opened.header, model))
    crcs: dict[int, int | None] = {}
    unit, batch = -1, np.empty(0)
    for image in images:
        wanted, place = opened.locate(image)
        if wanted != unit:
            unit = wanted
            members = opened.images(unit)
            width, height = opened.size(members[0])
            batch, crcs[unit] = codec.decode_batch(opened.passes(unit), len(members), height, width)
        yield batch[place, :, :, : opened.header.channels]
    whole = list(crcs) == list(range(opened.units))
    if whole and combine_crcs([crc for crc in crcs.values() if crc is not None]) != opened.header.checksum:
        raise ChecksumError("the pictures do not match the pack's checksum: it is damaged, or computed wrongly here")


def _batch_model(codec: Model) -> BatchModel:
    if not isinstance(codec, BatchModel):
        raise UnsupportedError(f"model {codec.name} cannot pack pictures: use a lossless one, or one of tokens")
    return codec


def _check(collection: Collection) -> None:
    if not collection.pictures:
        raise ImageError("there are no pictures to pack")
    if collection.names is not None:
        container.check_names(collection.names, len(collection.pictures))
    for number, picture in enumerate(collection.pictures):
        name = collection.names[number] if collection.names else f"picture {number}"
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (1, 3):
            raise ImageError(f"{name}: {picture.dtype} {picture.shape}; pixels are uint8 (H, W, 1 or 3)")
        if max(picture.shape[:2]) > MAX_SIDE_PX:
            raise ImageError(f"{name}: larger than {MAX_SIDE_PX} pixels; use `roundel encode`, which tiles it")
