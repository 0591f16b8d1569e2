"""A file held open, and read where it is looked at: regions at any level of halved sizes, as viewers of slides do."""

import builtins
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from roundel import arguments, container, facts, image
from roundel.codecs.protocol import Model
from roundel.container import DEFAULT_MAX_PIXELS, File, Header, Source, Tag
from roundel.decoding import Decoding
from roundel.errors import RoundelError
from roundel.image import Picture
from roundel.image.shrink import shrink
from roundel.kept import Kept
from roundel.loaded import Codec, codec_of
from roundel.tiling import Rect, usual_jobs

if TYPE_CHECKING:
    from PIL import Image

KEPT_BYTES = 1 << 26
"""Decoded tiles that a file remembers."""
SMALLEST_PX = 256
"""Levels end where the longer side is no longer than this."""


def open(
    source: str | PathLike[str] | IO[bytes] | bytes,
    *,
    model: Model | int | str | None = None,
    jobs: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> "OpenFile":
    """Open a .rndl file for looking at parts of it: reads the header and the index now, tiles when they are shown.

    Args:
        source: the path of a file, a binary file object that can seek, or bytes.
        model: the model that wrote the file (loaded, or its name, id or path) if it is not one that ships; it is loaded
            with the first region.
        jobs: tiles decoded at the same time; None for one a processor, 4 at most.
        max_pixels: the most pixels to decode at once; the picture itself may be larger.

    Raises:
        RoundelError: it is no .rndl file, cannot be read, or an argument is not acceptable.

    Example:
        >>> import roundel
        >>> with roundel.open(roundel.encode(np.zeros((600, 800, 3), np.uint8), lossless=True)) as file:
        ...     file.size, file.level_dimensions, file.read_region((0, 0), 1, (100, 50)).size
        ((800, 600), ((800, 600), (400, 300), (200, 150)), (100, 50))
    """
    jobs = usual_jobs() if jobs is None else arguments.whole_number(jobs, "jobs", 1, 256)
    max_pixels = arguments.whole_number(max_pixels, "max_pixels", 1, 1 << 62)
    name, stream = _stream(source)
    try:
        file = container.read(stream, max_pixels=None, lazy=True)
    except RoundelError as error:
        if isinstance(stream, Source) and name is not None:
            stream.close()
        raise type(error)(f"{name}: {error}" if name else str(error)) from error
    return OpenFile(file, name, model, jobs, max_pixels)


class OpenFile:
    """A .rndl file, open; safe to share between threads, and a context manager. Made by `roundel.open`.

    The names are those of OpenSlide. What differs: pictures have the file's own mode, not always RGBA, and regions lie
    within their level; `roundel.open_slide` is OpenSlide to the letter.

    Level 0 is the picture, each further level half as large along both axes, sides rounded up, down to 256 pixels.
    """

    def __init__(
        self, file: File, name: str | None, model: Model | int | str | None, jobs: int, max_pixels: int
    ) -> None:
        self._file, self._name = file, name
        self._model, self._jobs, self._max_pixels = model, jobs, max_pixels
        self._codec: Codec | None = None
        self._kept: Kept[Any, Any] = Kept(KEPT_BYTES)
        self._properties: Mapping[str, str] | None = None
        self._associated: Mapping[str, Image.Image] | None = None
        self._closed = False

    @property
    def header(self) -> Header:
        """Facts about the picture."""
        return self._file.header

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.header.width, self.header.height

    dimensions = size

    @property
    def level_count(self) -> int:
        """Levels, the picture itself counted."""
        return 1 + max(0, (-(-max(self.size) // SMALLEST_PX) - 1).bit_length())

    @property
    def level_dimensions(self) -> tuple[tuple[int, int], ...]:
        """Width and height of each level."""
        width, height = self.size
        return tuple((-(-width >> level), -(-height >> level)) for level in range(self.level_count))

    @property
    def level_downsamples(self) -> tuple[float, ...]:
        """How many pixels of the picture one of each level stands for, along each axis."""
        return tuple(float(1 << level) for level in range(self.level_count))

    def get_best_level_for_downsample(self, downsample: float) -> int:
        """The level with the fewest pixels that is no smaller than the picture divided by `downsample`."""
        return max([level for level, by in enumerate(self.level_downsamples) if by <= downsample], default=0)

    @property
    def properties(self) -> Mapping[str, str]:
        """What is known of the slide, by OpenSlide's names: `openslide.mpp-x` (micrometres a pixel), levels, and all
        that the scanner's file said."""
        if self._properties is None:
            with self._naming():
                self._properties = facts.properties_of(self._file, self.level_dimensions)
        return self._properties

    @property
    def associated_images(self) -> Mapping[str, "Image.Image"]:
        """Pictures beside the slide, such as "label" and "macro", by name; decoded when they are asked for."""
        if self._associated is None:
            with self._naming():
                self._associated = facts.associated_of(self._file, self._model, self._max_pixels)
        return self._associated

    @property
    def icc_profile(self) -> bytes | None:
        """The colour profile, if there is one."""
        return self._file.box(Tag.ICC)

    @property
    def micrometres_per_pixel(self) -> tuple[float, float] | None:
        """Width and height of a pixel of level 0; None where the file does not say."""
        with self._naming():
            return facts.micrometres_of(self._file)

    @property
    def name(self) -> str | None:
        """The path that it was opened by, if it was."""
        return self._name

    def box_bytes(self, tag: int) -> int:
        """Length of a box, 0 where it is not there; nothing is read."""
        return sum(place.entry.length for place in self._file.layout.places if place.entry.tag == tag)

    def get_thumbnail(self, size: tuple[int, int]) -> "Image.Image":
        """The whole picture, no larger than a width and height, in its proportions.

        Raises:
            RoundelError: as `read_region`.
        """
        width, height = (arguments.whole_number(side, "size", 1, 1 << 31) for side in _pair(size, "size"))
        level = self.get_best_level_for_downsample(max(self.size[0] / width, self.size[1] / height))
        small = self.read_region((0, 0), level, self.level_dimensions[level])
        small.thumbnail((width, height))
        return small

    def read_region(self, location: tuple[int, int], level: int, size: tuple[int, int]) -> "Image.Image":
        """A part of a level as a PIL image, in the file's own mode.

        Args:
            location: left and top, in pixels of level 0; rounded down to a pixel of the level.
            level: 0 … `level_count` − 1.
            size: width and height, in pixels of the level.

        Raises:
            RoundelError: the part does not lie in the level, the file is closed, damaged, or its model is not here.
        """
        return image.to_pil(self._read(location, level, size))

    def read_array(self, location: tuple[int, int], level: int, size: tuple[int, int]) -> np.ndarray:
        """The same as an array, (h, w) or (h, w, C), uint8 or uint16."""
        return image.to_array(self._read(location, level, size))

    def close(self) -> None:
        """Let go of the file; nothing can be read afterwards."""
        self._closed = True
        if isinstance(self._file.data, Source) and self._name is not None:
            self._file.data.close()

    def __enter__(self) -> "OpenFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as what it was opened from, and opened again."""
        data = self._file.data
        if self._name is None and isinstance(data, Source):
            raise RoundelError("a file that was opened from a file object cannot be pickled: open it by its path")
        source = bytes(data[:]) if self._name is None else self._name
        return _open_again, (source, self._model, self._jobs, self._max_pixels)

    def __repr__(self) -> str:
        width, height = self.size
        state = " closed" if self._closed else ""
        return f"<roundel.OpenFile{state} {self._name or ''} {width}×{height}, {self.level_count} levels>"

    def _read(self, location: Any, level: Any, size: Any) -> Picture:
        if self._closed:
            raise RoundelError(f"{self._name or 'the file'} is closed")
        left, top, width, height = arguments.region((*_pair(location, "location"), *_pair(size, "size")))
        level = arguments.whole_number(level, "level", 0, self.level_count - 1)
        if self._codec is None:
            self._codec = codec_of(self.header, self._model, jobs=self._jobs, max_pixels=self._max_pixels)
        across, down = self.level_dimensions[level]
        bounds = Rect(0, 0, down, across)
        wanted = Rect(top >> level, left >> level, height, width)
        if min(height, width) < 1 or wanted.intersect(bounds) != wanted:
            raise RoundelError(
                f"{width}×{height} px at x={left}, y={top} do not lie in level {level} of {across}×{down} px"
            )
        decoding = Decoding.of(self._file, self._codec, level=level, kept=self._kept)
        further = level - decoding.level
        finer = Rect(*(side << further for side in wanted)).intersect(decoding.grid.bounds)
        return shrink(decoding.picture(finer).picture, further)

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Let errors name the file, and refuse a closed one."""
        if self._closed:
            raise RoundelError(f"{self._name or 'the file'} is closed")
        try:
            yield
        except RoundelError as error:
            raise type(error)(f"{self._name}: {error}" if self._name else str(error)) from error


def _open_again(source: str | bytes, model: Any, jobs: int, max_pixels: int) -> OpenFile:
    return open(source, model=model, jobs=jobs, max_pixels=max_pixels)


def _stream(source: Any) -> tuple[str | None, Source | bytes]:
    """The name of a file, if it has one, and what to read it from."""
    if isinstance(source, str | PathLike):
        with arguments.named(source):
            file = builtins.open(source, "rb")  # noqa: SIM115, OpenFile closes it
            return os.fspath(source), Source(file) if file.seekable() else file.read()
    if callable(getattr(source, "seek", None)) and callable(getattr(source, "read", None)):
        return None, Source(source)
    return None, arguments.contents(source)


def _pair(value: Any, name: str) -> tuple[Any, Any]:
    try:
        first, second = value
    except (TypeError, ValueError):
        raise RoundelError(f"{name} {value!r} is not a pair of whole numbers") from None
    return first, second
