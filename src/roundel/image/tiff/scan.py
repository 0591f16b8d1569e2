"""A TIFF read tile by tile: any page and level of it, where its samples are bytes and lie in parts of bounded size."""

import os
import re
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import BinaryIO, NamedTuple

import numpy as np

from roundel.errors import ImageError, RoundelWarning
from roundel.image import resolution
from roundel.image.files import reading_errors
from roundel.image.picture import Picture
from roundel.image.scan import Scan
from roundel.image.tiff.chunks import read_chunk
from roundel.image.tiff.directory import Directory, Head
from roundel.image.tiff.exif import ORIENTATION
from roundel.image.tiff.layout import CMYK, JPEG, OLD_JPEG, RAW, Layout, layout_of
from roundel.image.tiff.pages import Page, description_of, is_reduced, pages, size_of
from roundel.image.tiff.reader import conversion, head_of, read_directory, with_notes

LARGEST_PART = 1 << 28
"""Bytes of a strip or tile that is decoded at once."""
_MICROMETRES = {"µm": Fraction(1), "μm": Fraction(1), "mm": Fraction(1000), "nm": Fraction(1, 1000)}
CACHED_BYTES = 1 << 26
_BAND_ROWS = 1024
"""Rows of parts that lie side by side and are wanted again soon."""
_RAW_PART = 1 << 20

CheckSize = Callable[[int, int], None]


class Chosen(NamedTuple):
    """A directory of a TIFF. Args: pages: how many there are. page: the one it belongs to."""

    head: Head
    pages: int
    page: Page
    directory: Directory


def choose(file: BinaryIO, page: int, level: int) -> Chosen:
    """The directory of a page, counted from 0, at a level, 0 being the full size.

    Raises:
        ImageError: there is none.
    """
    head = head_of(file)
    found = pages(file, head)
    if not 0 <= page < len(found):
        raise ImageError(f"page {page} of a TIFF of {len(found)} pages; they are counted from 0")
    levels = found[page].levels
    if not 0 <= level < len(levels):
        sizes = ", ".join("{}×{}".format(*size_of(one)) for one in levels)
        raise ImageError(f"level {level} of a picture of {len(levels)} levels ({sizes}); they are counted from 0")
    return Chosen(head, len(found), found[page], levels[level])


class TiffScan(Scan):
    """See `Scan`; made by `open_tiff`."""

    def __init__(self, file: BinaryIO, chosen: Chosen, layout: Layout, check_size: CheckSize) -> None:
        head, self.pages, page, directory = chosen
        self._file, self._head, self._page, self._directory = file, head, page, directory
        self._layout, self._check_size = layout, check_size
        self._name = getattr(file, "name", "")
        self._convert, channels = conversion(directory, layout)
        self._lock, self._parts = threading.Lock(), OrderedDict[int, np.ndarray]()
        band = layout.width * (_BAND_ROWS + layout.chunk_height) * channels if not layout.tiled else 0
        self._room, self._held = max(CACHED_BYTES, band), 0
        base = page.levels[0]
        beside = with_notes(Picture(np.zeros((1, 1, channels), np.uint8)), file, base, head)
        properties = properties_of(base)
        density = _density(properties) or beside.resolution
        if density is not None and directory is not base:
            density = density.reduced(Fraction(size_of(base)[0], layout.width))
        kind = "tiles" if layout.tiled else "strips"
        code = "JPEG" if layout.compression == JPEG else "lossless"
        super().__init__(
            layout.width,
            layout.height,
            replace(beside, resolution=density),
            properties=properties,
            stored=f"{code} {kind} of {layout.chunk_width}×{layout.chunk_height} px",
        )
        self.lossy = layout.compression == JPEG
        self.stored_bytes = int(layout.counts.clip(0, 2**40).sum())

    @property
    def has_beside(self) -> bool:
        """Whether other pictures belong to the page, such as a label."""
        return bool(self._page.beside)

    @property
    def levels(self) -> int:
        """Of the page, in the file."""
        return len(self._page.levels)

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """See `Scan.read`."""
        layout, (_, _, channels) = self._layout, self.shape
        out = np.empty((height, width, channels), np.uint8)
        for down in range(top // layout.chunk_height, -(-(top + height) // layout.chunk_height)):
            for across in range(left // layout.chunk_width, -(-(left + width) // layout.chunk_width)):
                with reading_errors(self._name):
                    part = self._part(down * layout.across + across)
                y, x = down * layout.chunk_height, across * layout.chunk_width
                t, b = max(top, y), min(top + height, y + part.shape[0])
                u, r = max(left, x), min(left + width, x + part.shape[1])
                out[t - top : b - top, u - left : r - left] = part[t - y : b - y, u - x : r - x]
        return out

    def associated(self) -> dict[str, Picture]:
        """See `Scan.associated`."""
        with self._lock, reading_errors(self._name):
            return {
                name: read_directory(self._file, self._head, directory, self._check_size)
                for name, directory in self._page.beside.items()
            }

    def close(self) -> None:
        """See `Scan.close`."""
        self._file.close()

    def _part(self, number: int) -> np.ndarray:
        """A strip or tile in all its channels, (rows, columns, C), from memory where it was wanted lately."""
        with self._lock:
            found = self._parts.pop(number, None)
            if found is None:
                found = self._decoded(number)
                self._held += found.nbytes
            self._parts[number] = found
            while self._held > self._room and len(self._parts) > 1:
                self._held -= self._parts.popitem(last=False)[1].nbytes
            return found

    def _decoded(self, number: int) -> np.ndarray:
        layout = self._layout
        planes = layout.samples if layout.planar else 1
        each = layout.across * layout.down
        stored = [
            self._convert(read_chunk(self._file, self._directory, layout, plane * each + number), plane)
            for plane in range(planes)
        ]
        return stored[0] if planes == 1 else np.concatenate(stored, axis=2)


def open_tiff(
    path: str | os.PathLike[str], check_size: CheckSize, page: int | None = None, level: int = 0
) -> TiffScan | None:
    """A page of a TIFF at a level, to be read tile by tile; None where it has to be read whole.

    Whole are pictures of more than 8 bits, with alpha, turned, CMYK, and compressed ones without parts.

    Args:
        page: counted from 0; None for the first.

    Raises:
        ImageError: it is damaged, too large, or of a kind that is not supported.
    """
    file = open(path, "rb")  # noqa: SIM115, the scan closes it
    try:
        chosen = choose(file, page or 0, level)
        check_size(*size_of(chosen.directory))
        layout = _parted(layout_of(chosen.directory))
        odd = page is None and level == 0 and is_reduced(chosen.directory)  # such as a camera's raw file
        if _in_parts(layout, chosen.directory) and not odd:
            return TiffScan(file, chosen, layout, check_size)
        if chosen.page.beside:
            names = ", ".join(chosen.page.beside)
            warnings.warn(f"left out, for it is read whole: {names} beside the picture", RoundelWarning, stacklevel=5)
    except BaseException:
        file.close()
        raise
    file.close()
    return None


def read_page(file: BinaryIO, check_size: CheckSize, page: int | None = None, level: int = 0) -> Picture:
    """The same as a whole picture, of any depth. Raises: ImageError."""
    chosen = choose(file, page or 0, level)
    if page is None:
        warn_of_pages(chosen.pages)
    return read_directory(file, chosen.head, chosen.directory, check_size)


def warn_of_pages(count: int) -> None:
    """Say that there are further pages, if there are."""
    if count > 1:
        warnings.warn(
            f"only the first of {count} pages is kept; {count - 1} are left out", RoundelWarning, stacklevel=5
        )


def properties_of(directory: Directory) -> dict[str, str]:
    """What a slide's description says, under OpenSlide's names; nothing for other TIFFs.

    Source: OpenSlide's documentation of Aperio's format; the OME data model.
    """
    text = description_of(directory)
    found = {"tiff.ImageDescription": text} if text else {}
    if text.startswith("Aperio"):
        fields = (part.partition("=") for part in text.split("|")[1:])
        aperio = {key.strip(): value.strip() for key, equals, value in fields if equals}
        found |= {f"aperio.{key}": value for key, value in aperio.items()}
        found["openslide.vendor"] = "aperio"
        if "AppMag" in aperio:
            found["openslide.objective-power"] = aperio["AppMag"]
        if _number(aperio.get("MPP", "")):
            found["openslide.mpp-x"] = found["openslide.mpp-y"] = aperio["MPP"]
    elif "<OME" in text:
        for axis in "xy":
            size = re.search(rf'PhysicalSize{axis.upper()}="([0-9.eE+-]+)"', text)
            unit = re.search(rf'PhysicalSize{axis.upper()}Unit="([^"]*)"', text)
            scale = _MICROMETRES.get(unit[1] if unit else "µm")
            if size and scale and _number(size[1]):
                found[f"openslide.mpp-{axis}"] = f"{float(Fraction(size[1]) * scale):.12g}"
    return found


def _density(properties: dict[str, str]) -> resolution.Resolution | None:
    """Pixels a centimetre, where the description gives micrometres a pixel."""
    x, y = (_number(properties.get(f"openslide.mpp-{axis}", "")) for axis in "xy")
    return resolution.resolution(10_000 / x, 10_000 / y, resolution.CENTIMETRE) if x and y else None


def _number(text: str) -> Fraction | None:
    """A positive number of a size that means something."""
    try:
        return Fraction(text) if len(text) < 32 and 1e-6 < float(text) < 1e6 else None
    except ValueError:
        return None


def _parted(layout: Layout) -> Layout:
    """Uncompressed strips of any height as strips of a handy one."""
    if layout.tiled or layout.compression != RAW or layout.chunk_height * layout.row_bytes <= _RAW_PART:
        return layout
    rows = max(1, _RAW_PART // layout.row_bytes)
    if layout.down > 1:  # all strips are cut alike
        rows = max(divisor for divisor in range(1, rows + 1) if layout.chunk_height % divisor == 0)
    offsets, counts = [], []
    planes = layout.samples if layout.planar else 1
    for strip in range(planes * layout.down):
        top = strip % layout.down * layout.chunk_height
        height = min(layout.chunk_height, layout.height - top)
        for row in range(0, height, rows):
            offsets.append(int(layout.offsets[strip]) + row * layout.row_bytes)
            rest = max(0, int(layout.counts[strip]) - row * layout.row_bytes)
            counts.append(min(rest, min(rows, height - row) * layout.row_bytes))
    return replace(layout, chunk_height=rows, offsets=np.array(offsets), counts=np.array(counts))


def _in_parts(layout: Layout, directory: Directory) -> bool:
    """Whether a picture can be read part by part."""
    plain = layout.bits <= 8 and layout.extra is None and directory.integer(ORIENTATION, 1) in (0, 1)
    if not plain or layout.compression == OLD_JPEG or layout.photometric == CMYK:
        return False
    if layout.chunk_height * layout.chunk_width * layout.chunk_samples > LARGEST_PART:
        return False
    convert, _ = conversion(directory, layout)
    return convert(np.zeros((1, 1, layout.chunk_samples), np.uint8), 0).dtype == np.uint8
