"""A chunk of an array as the bytes of a .rndl file and back: what the codecs of zarr and numcodecs share.

Any tool that reads .rndl files shows such a chunk as a picture. Several planes lie one below the other.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import prod
from typing import Any, NamedTuple

import numpy as np

from roundel import arguments, container, image
from roundel.codec import encode
from roundel.codecs.loading import MAX_EFFORT
from roundel.codecs.zoo import CUSTOM_ID
from roundel.container import DEFAULT_MAX_PIXELS, Header
from roundel.errors import FormatError, ImageError, RoundelError
from roundel.image import Picture
from roundel.image.picture import scale_samples, source_samples
from roundel.loaded import MAX_QUALITY
from roundel.restore import restore
from roundel.tiling import Rect

NOTE = "roundel-chunk"
"""Keyword of the text that says how to get the chunk back, where it is not the picture as it stands."""
TYPES = (np.uint8, np.uint16)


@dataclass(frozen=True)
class Settings:
    """How chunks are encoded; decoding needs `model` alone, and that only for weights that do not ship.

    Args:
        quality: 0 (smallest) to 100 (best); None keeps every bit.
        model: name, id or weights file of a model; None for the default one.
        effort: 0 … 9, as `roundel.encode` has it; with neither quality nor model, 0 is the quickest lossless model.
        tune: what a lossy model encodes for, "ssimulacra2" or "psnr"; None for the first.
        colour: take three channels for red, green and blue; where not, each is a grey picture.

    Raises:
        RoundelError: one of these is not acceptable.
    """

    quality: int | None = None
    model: int | str | None = None
    effort: int | None = None
    tune: str | None = None
    colour: bool = True

    def __post_init__(self) -> None:
        if self.quality is not None:
            arguments.whole_number(self.quality, "quality", 0, MAX_QUALITY, ", or None to keep every bit")
        if self.effort is not None:
            arguments.whole_number(self.effort, "effort", 0, MAX_EFFORT)
        if self.model is not None and (not isinstance(self.model, int | str) or isinstance(self.model, bool)):
            raise RoundelError(f"model {self.model!r} is no name, id or path of a model, which metadata can hold")
        if self.tune is not None and (not isinstance(self.tune, str) or self.quality is None):
            raise RoundelError(f"tune {self.tune!r} means something with a quality only, and is a name")
        if not isinstance(self.colour, bool):
            raise RoundelError(f"colour {self.colour!r} is neither True nor False")

    def to_dict(self) -> dict[str, Any]:
        """What differs from the defaults: metadata of an array stay as short as can be."""
        return {key: value for key, value in asdict(self).items() if value != asdict(Settings())[key]}

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> "Settings":
        """From an array's metadata. Raises: RoundelError, they hold something else."""
        unknown = configuration.keys() - asdict(cls()).keys()
        if unknown:
            known = ", ".join(asdict(cls()))
            raise RoundelError(f"{min(unknown)!r} is no setting of the codec roundel, which has {known}")
        return cls(**configuration)


class Layout(NamedTuple):
    """A chunk as pictures: `planes` of them, each height × width, in one column."""

    planes: int
    height: int
    width: int
    channels: int
    first: bool
    """Whether the channels stand before rows and columns."""


class Note(NamedTuple):
    """What turns the picture back into the chunk."""

    dtype: np.dtype[Any]
    order: str
    shape: tuple[int, ...]
    largest: int = 0
    """The 16-bit sample that 255 stands for in a lossy picture; 0 where samples are as they are."""
    step: int = 1
    """What samples were divided by: all are multiples of it, such as those of 12 bits that were shifted to 16."""

    def text(self) -> str:
        return f"{self.dtype.str} {self.order} {','.join(map(str, self.shape))} {self.largest} {self.step}"


def layout_of(shape: tuple[int, ...], *, colour: bool = True) -> Layout:
    """Which pictures a chunk consists of.

    The last two axes are rows and columns, unless the last has a length of 1, 3 or 4: then it is grey, RGB, or RGB and
    alpha. Of the axes before, those of length 1 do not count, and a last one of 3 is RGB. All further ones are planes.

    Raises:
        ImageError: there are fewer than two axes, or one is empty.

    Example:
        >>> layout_of((1, 3, 1, 64, 48))
        Layout(planes=1, height=64, width=48, channels=3, first=True)
        >>> layout_of((5, 64, 48))
        Layout(planes=5, height=64, width=48, channels=1, first=True)
    """
    if len(shape) < 2 or min(shape) < 1:
        raise ImageError(f"a chunk of shape {shape} is no picture: rows and columns are expected, none of them empty")
    if len(shape) > 2 and (shape[-1] == 1 or (colour and shape[-1] in (3, 4))):
        return Layout(prod(shape[:-3]), shape[-3], shape[-2], shape[-1], first=False)
    before = [length for length in shape[:-2] if length != 1]
    if colour and before and before[-1] == 3:
        return Layout(prod(before[:-1]), shape[-2], shape[-1], 3, first=True)
    return Layout(prod(before), shape[-2], shape[-1], 1, first=True)


def encode_chunk(chunk: np.ndarray, settings: Settings) -> bytes:
    """The bytes of a chunk.

    Args:
        chunk: uint8 or uint16, any number of axes from two; see `layout_of`.

    Raises:
        RoundelError: shape or type are others, or the settings do not go together.

    Example:
        >>> array = np.arange(4 * 6, dtype=np.uint16).reshape(1, 4, 6) * 100
        >>> np.array_equal(decode_chunk(encode_chunk(array, Settings())), array)
        True
    """
    check_type(chunk.dtype)
    layout = layout_of(chunk.shape, colour=settings.colour)
    picture = _column(chunk.astype(chunk.dtype.newbyteorder("="), copy=False), layout)
    lossy = settings.quality is not None
    largest, step, kept = 0, 1, None
    if picture.dtype == np.uint16 and lossy:
        largest = max(1, int(picture.max()))
        picture = ((picture.astype(np.uint32) * 255 + largest // 2) // largest).astype(np.uint8)
    elif picture.dtype == np.uint16:
        step = max(1, int(np.gcd.reduce(picture, axis=None)))
        picture, kept = _narrow(picture // np.uint16(step))
    order = "F" if chunk.flags.f_contiguous and not chunk.flags.c_contiguous else "C"
    note = Note(chunk.dtype, order, chunk.shape, largest, step)
    whole = replace(
        image.from_array(picture), sample_max=kept, texts=() if _plain(note, picture) else ((NOTE, note.text()),)
    )
    model, effort, tune = settings.model, settings.effort, settings.tune
    return encode(whole, quality=settings.quality, lossless=not lossy, model=model, effort=effort, tune=tune)


def decode_chunk(
    data: bytes,
    shape: tuple[int, ...] | None = None,
    dtype: np.dtype[Any] | None = None,
    settings: Settings | None = None,
    part: Rect | None = None,
) -> np.ndarray:
    """The chunk that these are the bytes of.

    Args:
        data: what `encode_chunk` gave, or what was found in its place.
        shape, dtype: of the array's chunks, where they are known; they must be those of the data.
        settings: of the array; its `model` decodes what was written by weights that do not ship.
        part: only these rows and columns, of a chunk of one plane whose shape is given; tiles beside are not decoded.

    Raises:
        FormatError: the data are damaged, or are not such a chunk.
        ModelError: the model that wrote it is not here.
    """
    settings = settings or Settings()
    header = container.read(data, max_pixels=None, lazy=True).header
    if shape is not None:
        _check(header, layout_of(shape, colour=settings.colour), shape)
    model = settings.model if header.model_id == CUSTOM_ID else None
    limit = header.width * header.height if shape is not None else DEFAULT_MAX_PIXELS
    region = None if part is None else (part.left, part.top, part.width, part.height)
    picture = restore(data, model=model, region=region, max_pixels=limit).picture
    note = _note(picture)
    if note is None:
        samples = _samples(picture)
        note = Note(samples.dtype, "C", samples.shape if shape is None else shape)
    if (shape or note.shape) != note.shape or dtype not in (None, note.dtype.newbyteorder("="), note.dtype):
        raise FormatError(f"a chunk of {note.dtype} {note.shape}, {dtype} {shape} is expected: it is of another array")
    layout = layout_of(note.shape, colour=settings.colour)
    _check(header, layout, note.shape)
    samples = _samples(picture)
    wanted = note.shape if part is None else _cut(note.shape, layout, part)
    if samples.size != prod(wanted):
        raise FormatError(f"a picture {samples.shape} where a chunk {wanted} is expected: it is of another array")
    if note.largest:
        samples = (samples.astype(np.uint32) * note.largest + 127) // 255
    samples = samples.astype(np.uint16) * np.uint16(note.step) if note.step > 1 else samples
    chunk = _chunk(samples.astype(note.dtype, copy=False), layout, wanted)
    return np.asarray(chunk, order="F" if note.order == "F" else "C")


def check_type(dtype: np.dtype[Any]) -> None:
    """Raises: ImageError, samples of this type are not kept."""
    if dtype.newbyteorder("=") not in TYPES:
        raise ImageError(f"samples of {dtype} are not kept: uint8 or uint16 are expected")


def _narrow(samples: np.ndarray) -> tuple[np.ndarray, int | None]:
    """16-bit samples in 8 bits where they fit, else spread over 16, and the largest, as `Picture.sample_max` has it."""
    largest = max(1, int(samples.max()))
    return scale_samples(samples, largest), None if largest in (255, 65535) else largest


def _column(chunk: np.ndarray, layout: Layout) -> np.ndarray:
    """(planes · height, width[, channels])."""
    planes, height, width, channels, first = layout
    if first:
        chunk = np.moveaxis(chunk.reshape(planes, channels, height, width), 1, 3)
    column = np.ascontiguousarray(chunk).reshape(planes * height, width, channels)
    return column[:, :, 0] if channels == 1 else column


def _chunk(column: np.ndarray, layout: Layout, shape: tuple[int, ...]) -> np.ndarray:
    """Inverse of `_column`, of a chunk or of a part of one."""
    rows, columns = axes_of(shape, layout)
    chunk = column.reshape(layout.planes, shape[rows], shape[columns], layout.channels)
    return (np.moveaxis(chunk, 3, 1) if layout.first else chunk).reshape(shape)


def axes_of(shape: tuple[int, ...], layout: Layout) -> tuple[int, int]:
    """Which axes of a chunk are rows and columns."""
    last = len(shape) - (1 if layout.first else 2)
    return last - 1, last


def _cut(shape: tuple[int, ...], layout: Layout, part: Rect) -> tuple[int, ...]:
    """The shape of a part of a chunk."""
    rows, columns = axes_of(shape, layout)
    return (*shape[:rows], part.height, part.width, *shape[columns + 1 :])


def _samples(picture: Picture) -> np.ndarray:
    """Samples as they were before they were scaled."""
    samples = image.to_array(picture)
    return samples if picture.sample_max is None else source_samples(samples, picture.sample_max)


def _plain(note: Note, picture: np.ndarray) -> bool:
    """Whether the chunk is what the picture decodes to."""
    return note == Note(picture.dtype, "C", picture.shape)


def _note(picture: Picture) -> Note | None:
    text = dict(picture.texts).get(NOTE)
    if text is None:
        return None
    try:
        kind, order, sides, largest, step = text.split(" ")
        note = Note(np.dtype(kind), order, tuple(map(int, sides.split(","))), int(largest), int(step))
        check_type(note.dtype)
    except (ImageError, TypeError, ValueError) as error:
        raise FormatError(f"the chunk's note {text[:80]!r} makes no sense: it is damaged") from error
    if note.text() != text or not 0 <= note.largest < 65536 or not 0 < note.step < 65536:
        raise FormatError(f"the chunk's note {text[:80]!r} makes no sense: it is damaged")
    return note


def _check(header: Header, layout: Layout, shape: tuple[int, ...]) -> None:
    """Raises: FormatError, the picture is not one of a chunk of this shape."""
    expected = (layout.width, layout.planes * layout.height, min(layout.channels, 3))
    found = (header.width, header.height, header.channels)
    if found != expected:
        raise FormatError(
            f"a picture of {found[0]}×{found[1]} px and {found[2]} channels where a chunk {shape} has "
            f"{expected[0]}×{expected[1]} and {expected[2]}: it is of another array"
        )
