"""What a file says of the slide in it, by OpenSlide's names, and the pictures beside it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from roundel import container, image
from roundel.container import File, Tag
from roundel.container.contents import unpack_associated, unpack_resolution, unpack_texts
from roundel.errors import FormatError
from roundel.image import Resolution, resolution
from roundel.restore import restore

if TYPE_CHECKING:
    from PIL import Image

MICROMETRES = 10_000
"""In a centimetre."""


def properties_of(file: File, level_dimensions: tuple[tuple[int, int], ...]) -> dict[str, str]:
    """Keys and values as `OpenSlide.properties` has them.

    Args:
        level_dimensions: width and height of each level that the file is shown in.

    Raises:
        ChecksumError, FormatError: a box is damaged.
    """
    packed = file.box(Tag.PROPERTIES)
    found = {} if packed is None else dict(unpack_texts(packed))
    found.setdefault("openslide.vendor", "roundel")
    found["openslide.level-count"] = str(len(level_dimensions))
    for level, (width, height) in enumerate(level_dimensions):
        side = max(1, file.header.tile_px >> level)
        facts = {"downsample": 1 << level, "height": height, "width": width, "tile-height": side, "tile-width": side}
        found |= {f"openslide.level[{level}].{name}": str(value) for name, value in facts.items()}
    micrometres = micrometres_of(file)
    if micrometres is not None:
        found["openslide.mpp-x"], found["openslide.mpp-y"] = (f"{value:.12g}" for value in micrometres)
    return found


def micrometres_of(file: File) -> tuple[float, float] | None:
    """Width and height of a pixel in micrometres; None where the file does not say. Raises: ChecksumError."""
    packed = file.box(Tag.RESOLUTION)
    if packed is None:
        return None
    density = Resolution(*unpack_resolution(packed))
    if density.unit == resolution.NONE:
        return None
    x, y, _ = density.per(resolution.CENTIMETRE)
    return float(MICROMETRES / x), float(MICROMETRES / y)


def associated_of(file: File, model: Any = None, max_pixels: int = container.DEFAULT_MAX_PIXELS) -> "Associated":
    """The pictures beside the slide. Raises: ChecksumError, FormatError: the box is damaged."""
    packed = file.box(Tag.ASSOCIATED)
    return Associated({} if packed is None else unpack_associated(packed), model, max_pixels)


class Associated(Mapping[str, "Image.Image"]):
    """Pictures by name, each decoded when it is asked for. Args: files: roundel files."""

    def __init__(self, files: Mapping[str, bytes], model: Any, max_pixels: int) -> None:
        self._files, self._model, self._max_pixels = files, model, max_pixels

    def __getitem__(self, name: str) -> "Image.Image":
        """The picture. Raises: KeyError; FormatError: it is damaged."""
        data = self._files[name]
        if container.read(data, max_pixels=self._max_pixels, lazy=True).box(Tag.ASSOCIATED) is not None:
            raise FormatError(f"the associated picture {name!r} has associated pictures itself; the file is damaged")
        return image.to_pil(restore(data, model=self._model, max_pixels=self._max_pixels).picture)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"<{', '.join(self._files) or 'no pictures'}>"
