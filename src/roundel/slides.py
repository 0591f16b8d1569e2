"""OpenSlide to the letter: what code that was written for it may open in place of a slide."""

from os import PathLike
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from roundel import arguments
from roundel.codecs.protocol import Model
from roundel.container import DEFAULT_MAX_PIXELS
from roundel.errors import RoundelError
from roundel.opening import OpenFile, open

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL import Image


def open_slide(
    source: str | PathLike[str] | IO[bytes] | bytes,
    *,
    model: Model | int | str | None = None,
    jobs: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> "Slide":
    """Open a .rndl file as `openslide.open_slide` opens a slide; arguments and errors as `roundel.open`.

    Example:
        >>> import roundel
        >>> with open_slide(roundel.encode(np.zeros((60, 80, 3), np.uint8), lossless=True)) as slide:
        ...     slide.read_region((-10, 0), 0, (20, 20)).getpixel((0, 0))
        (0, 0, 0, 0)
    """
    return Slide(open(source, model=model, jobs=jobs, max_pixels=max_pixels))


class Slide:
    """An open file with the interface of `openslide.OpenSlide`.

    Regions are RGBA and may reach beyond the slide, where they are transparent. `DeepZoomGenerator` takes it.
    """

    def __init__(self, file: OpenFile) -> None:
        self._file = file

    @property
    def dimensions(self) -> tuple[int, int]:
        """Width and height of level 0."""
        return self._file.size

    @property
    def level_count(self) -> int:
        """Number of levels."""
        return self._file.level_count

    @property
    def level_dimensions(self) -> tuple[tuple[int, int], ...]:
        """Width and height of each level."""
        return self._file.level_dimensions

    @property
    def level_downsamples(self) -> tuple[float, ...]:
        """How many pixels of level 0 one of each level stands for, along each axis."""
        return self._file.level_downsamples

    @property
    def properties(self) -> "Mapping[str, str]":
        """See `OpenFile.properties`."""
        return self._file.properties

    @property
    def associated_images(self) -> "Mapping[str, Image.Image]":
        """See `OpenFile.associated_images`; RGBA."""
        return {name: picture.convert("RGBA") for name, picture in self._file.associated_images.items()}

    @property
    def color_profile(self) -> Any:
        """The colour profile as `PIL.ImageCms` has it; None without one."""
        if self._file.icc_profile is None:
            return None
        import io

        from PIL import ImageCms

        return ImageCms.getOpenProfile(io.BytesIO(self._file.icc_profile))

    def get_best_level_for_downsample(self, downsample: float) -> int:
        """See `OpenFile.get_best_level_for_downsample`."""
        return self._file.get_best_level_for_downsample(downsample)

    def read_region(self, location: tuple[int, int], level: int, size: tuple[int, int]) -> "Image.Image":
        """A region as RGBA.

        Args:
            location: left and top, in pixels of level 0. level: its number. size: in pixels of the level.

        Raises:
            RoundelError: there is no such level, the file is closed or damaged, or its model is not here.
        """
        from PIL import Image

        left, top, width, height = arguments.region((*location, *size))
        level = arguments.whole_number(level, "level", 0, self.level_count - 1)
        if min(width, height) < 0:
            raise RoundelError(f"a size of {width}×{height} px is negative")
        canvas = Image.new("RGBA", (width, height))
        x, y = left >> level, top >> level
        across, down = self.level_dimensions[level]
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, across), min(y + height, down)
        if x0 < x1 and y0 < y1:
            found = self._file.read_region((x0 << level, y0 << level), level, (x1 - x0, y1 - y0))
            if found.mode.startswith("I"):  # more than 8 bits: the high ones
                found = Image.fromarray((np.asarray(found) >> 8).astype(np.uint8))
            canvas.paste(found.convert("RGBA"), (x0 - x, y0 - y))
        profile = self._file.icc_profile
        if profile is not None:
            canvas.info["icc_profile"] = profile
        return canvas

    def get_thumbnail(self, size: tuple[int, int]) -> "Image.Image":
        """The whole slide as RGB, no larger than a width and height."""
        return self._file.get_thumbnail(size).convert("RGB")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> "Slide":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<roundel.Slide of {self._file!r}>"
