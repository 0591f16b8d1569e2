"""Many small pictures as one file and back, with all that they have: what `roundel.pack` and `roundel.unpack` do."""

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from roundel import arguments, container, image, packing
from roundel.arguments import Pictured, Readable
from roundel.boxes import from_boxes, to_boxes
from roundel.codecs.protocol import Model
from roundel.container import DEFAULT_MAX_PIXELS, Box, Kind, Pack, Tag
from roundel.errors import ImageError, RoundelError
from roundel.image import Picture
from roundel.packing import GROUP, Collection
from roundel.tiling import Rect


class Member(NamedTuple):
    """One picture of a pack."""

    number: int
    name: str | None
    label: int | None
    picture: Picture

    @property
    def pixels(self) -> np.ndarray:
        """An array (H, W) or (H, W, C), as `decode_array` gives it."""
        return image.to_array(self.picture)

    def __repr__(self) -> str:
        size = f"{self.picture.width}×{self.picture.height}"
        label = "" if self.label is None else f", label {self.label}"
        return f"<roundel.Member {self.number}: {self.name or ''} {size}{label}>"


def pack(
    pictures: "Sequence[Pictured] | np.ndarray | str | PathLike[str]",
    *,
    names: Sequence[str] | None = None,
    labels: Sequence[int] | None = None,
    model: Model | int | str | None = None,
    group: int = GROUP,
    strip: bool = False,
    jobs: int = 1,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> bytes:
    """The file of many pictures; without loss, unless a model of tokens is chosen.

    Args:
        pictures: a list of pictures as `encode` takes them, an array (N, H, W, C), or a folder, whose files give the
            names, too.
        names: a different relative path for each, with "/" between folders; None for none.
        labels: a number from 0 for each; None for none.
        model: a loaded model, lossless or of tokens, or the name, id or path of one; None for the lossless one that
            codes a sample of the pictures into the fewest bytes.
        group: pictures coded together, if all have one size: more make the file smaller, fewer make access faster.
        strip: leave metadata out.
        jobs: groups coded at the same time.
        max_pixels: of a file, the largest picture to accept.

    Raises:
        RoundelError: a picture or argument is not acceptable; nothing is left out.

    Example:
        >>> len(unpack(pack(np.zeros((5, 8, 8, 3), np.uint8), labels=[0, 1, 2, 3, 4])))
        5
    """
    if isinstance(pictures, str | PathLike):
        folder = Path(pictures)
        files = files_in(folder)
        pictures, names = files, names or [path.relative_to(folder).as_posix() for path in files]
    try:
        members = list(pictures)
    except TypeError as error:
        raise ImageError(f"a {type(pictures).__name__} is no list of pictures, and no folder of them") from error
    found = [arguments.picture(one, max_pixels=max_pixels) for one in members]
    group = arguments.whole_number(group, "group", 1, 4096, " pictures")
    jobs = arguments.whole_number(jobs, "jobs", 1, 256)
    return packing.pack(collect(found, names, labels, strip=strip), model=model, group=group, jobs=jobs)


def unpack(
    source: Readable,
    images: Sequence[int] | None = None,
    *,
    model: Model | int | str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> list[Member]:
    """Pictures of a pack; only the groups that hold them are read and decoded.

    Args:
        source: the bytes of the pack, its path, or a binary file object.
        images: numbers from 0, in any order; None for all.
        model: the model that wrote the pack (loaded, or its name, id or path) if it is not one that ships.
        max_pixels: the largest group of pictures to decode.

    Raises:
        RoundelError: it is no pack, is damaged, or has no such picture.

    Example:
        >>> unpack(pack([np.full((4, 6), 7, np.uint8)], names=["a.png"]))[0].pixels.shape
        (4, 6)
    """
    with arguments.opened(source) as data:
        opened = container.read_pack(data, max_pixels=max_pixels)
        wanted = range(len(opened)) if images is None else [_number(one, opened) for one in images]
        return list(members(opened, wanted, model=model))


def members(opened: Pack, images: Sequence[int], *, model: Model | int | str | None = None) -> Iterator[Member]:
    """Pictures of an open pack by number. Raises: RoundelError, as `unpack`."""
    names, labels, boxes = opened.names, opened.labels, opened.metadata
    for number, pixels in zip(images, packing.unpack(opened, images, model=model), strict=True):
        own = {box.tag: box.data for box in boxes[number]}
        coded = pixels[:, :, :1] if Tag.GREY in own else pixels
        width, height = opened.size(number)
        whole = Rect(0, 0, height, width)
        picture = from_boxes(coded, whole, 16 if Tag.LOW_BYTES in own else 8, own.get, whole)
        name = None if names is None else names[number]
        yield Member(number, name, None if labels is None else labels[number], picture)


def collect(
    pictures: Sequence[Picture], names: Sequence[str] | None, labels: Sequence[int] | None, *, strip: bool = False
) -> Collection:
    """Pictures as `packing.pack` takes them, with boxes for what is beside their pixels."""
    parts = [to_boxes(picture, Kind.LOSSLESS, strip=strip) for picture in pictures]
    if len({picture.channels for picture in pictures}) > 1:  # a pack has the same number of channels for all
        for picture, (_, _, boxes) in zip(pictures, parts, strict=True):
            if picture.channels == 1:
                boxes.append(Box(Tag.GREY, b""))
    return Collection([pixels for pixels, _, _ in parts], names, labels, [boxes for _, _, boxes in parts])


def files_in(folder: Path) -> list[Path]:
    """All files of a folder and of those in it, by name, without hidden ones. Raises: ImageError, it is no folder."""
    if not folder.is_dir():
        raise ImageError(f"{folder}: not a folder of pictures")
    inside = (path for path in folder.rglob("*") if path.is_file())
    return sorted(p for p in inside if not any(part.startswith(".") for part in p.relative_to(folder).parts))


def _number(value: Any, opened: Pack) -> int:
    try:
        return arguments.whole_number(value, "picture", 0, len(opened) - 1)
    except RoundelError as error:
        raise RoundelError(f"{error}: the pack has {len(opened)} pictures") from None
