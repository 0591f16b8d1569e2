"""A picture that is read where it is looked at: slides and large scans, tile by tile in bounded memory."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType

import numpy as np

from roundel.errors import ImageError
from roundel.image.picture import Picture


class Scan(ABC):
    """A picture in a file; slices like an array (H, W, C) of uint8; safe to share between threads; a context manager.

    Args:
        width, height: px.
        beside: a picture of one pixel with all that stands beside the pixels.
        properties: what the file says of the slide, by OpenSlide's names where it has one.
        stored: how its pixels are stored, such as "JPEG tiles of 256×256 px".
    """

    def __init__(
        self, width: int, height: int, beside: Picture, *, properties: Mapping[str, str] | None = None, stored: str = ""
    ) -> None:
        self.width, self.height, self.beside = width, height, beside
        self.properties: Mapping[str, str] = properties or {}
        self.stored = stored

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns, channels: 1 or 3."""
        return self.height, self.width, self.beside.channels

    @property
    def pixels(self) -> "Scan":
        """The scan itself: where a Picture has its array."""
        return self

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Always uint8."""
        return np.dtype(np.uint8)

    @abstractmethod
    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """A rectangle within the picture, uint8 (height, width, C). Raises: ImageError."""

    def associated(self) -> dict[str, Picture]:
        """Small pictures beside it, such as "label" and "macro"."""
        return {}

    def close(self) -> None:  # noqa: B027, not all hold something
        """Let go of the file."""

    def __getitem__(self, part: tuple[slice, slice]) -> np.ndarray:
        """Rows and columns without steps."""
        (top, bottom, _), (left, right, _) = part[0].indices(self.height), part[1].indices(self.width)
        return self.read(top, left, bottom - top, right - left)

    def __enter__(self) -> "Scan":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Part(Scan):
    """A rectangle of another scan; see `Scan`."""

    def __init__(self, whole: Scan, left: int, top: int, width: int, height: int) -> None:
        """Args: in pixels of the whole. Raises: ImageError: it does not lie in the whole."""
        check_part(left, top, width, height, whole.width, whole.height)
        super().__init__(width, height, whole.beside, properties=whole.properties, stored=whole.stored)
        self._whole, self._top, self._left = whole, top, left

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """See `Scan.read`."""
        return self._whole.read(self._top + top, self._left + left, height, width)

    def associated(self) -> dict[str, Picture]:
        """See `Scan.associated`."""
        return self._whole.associated()

    def close(self) -> None:
        """See `Scan.close`."""
        self._whole.close()


def check_part(left: int, top: int, width: int, height: int, whole_width: int, whole_height: int) -> None:
    """Raises: ImageError: a rectangle is empty, or does not lie in a picture of a size."""
    inside = 0 <= left <= left + width <= whole_width and 0 <= top <= top + height <= whole_height
    if min(width, height) < 1 or not inside:
        raise ImageError(
            f"region x={left}, y={top}, {width}×{height} does not lie in the picture of {whole_width}×{whole_height} px"
        )
