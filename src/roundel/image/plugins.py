"""WebP, GIF, BMP and AVIF files, as Pillow's plug-ins read them."""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import BinaryIO

from PIL import AvifImagePlugin, BmpImagePlugin, GifImagePlugin, Image, ImageFile, WebPImagePlugin

from roundel.errors import ImageError, RoundelWarning
from roundel.image import avif, resolution, xmp
from roundel.image.orientation import upright_picture
from roundel.image.picture import Picture
from roundel.image.pil import plain_picture, with_info

_PLUGINS: dict[str, Callable[[BinaryIO], ImageFile.ImageFile]] = {
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
_guard = threading.Lock()
_without_limit = 0
_limit: int | None = None


def read(file: BinaryIO, check_size: Callable[[int, int], None], format: str) -> Picture:
    """The first frame of a file.

    Args:
        file: seekable. check_size: raises unless a picture of this width and height is allowed.
        format: "WEBP", "GIF", "BMP" or "AVIF".

    Raises:
        ImageError: damaged, cut short, too large, or of more bits than Pillow gives.
    """
    size = _size_at_once(file, format)
    if size is not None:
        check_size(*size)
    facts = avif.read_facts(file) if format == "AVIF" else avif.Facts()
    if facts.depth > 8:
        raise ImageError(
            f"an AVIF of {facts.depth}-bit samples is not supported, which Pillow would cut to 8; "
            "convert it to a 16-bit PNG first"
        )
    file.seek(0)
    with _pillows_limit_off():
        try:
            image = _PLUGINS[format](file)
            check_size(image.width, image.height)
            picture = plain_picture(image)
        except (SyntaxError, OSError, ValueError) as error:
            if "support" in str(error):  # "Unsupported BMP pixel depth"
                raise ImageError(f"a {format} of a kind that is not supported ({error}); convert it to PNG") from error
            raise ImageError(f"damaged {format} ({error}); get a whole copy of the file") from error
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        warnings.warn(f"only the first of {frames} frames is kept", RoundelWarning, stacklevel=5)
    if format == "BMP":
        picture = replace(picture, icc=_bmp_profile(file))
    return upright_picture(_with_facts(with_info(picture, image), image, facts))


def _with_facts(picture: Picture, image: ImageFile.ImageFile, facts: avif.Facts) -> Picture:
    packet, lost = (picture.xmp, []) if picture.xmp is None else xmp.without_announcements(picture.xmp)
    if facts.gain_map:
        lost.append("its HDR gain map")
    if lost:
        names = " and ".join(dict.fromkeys(lost))
        warnings.warn(f"left out of what the file holds: {names}", RoundelWarning, stacklevel=5)
    comment = image.info.get("comment")
    texts = picture.texts
    if isinstance(comment, bytes) and comment.strip(b"\0"):
        texts = (("Comment", comment.replace(b"\0", b"").decode("utf-8", "replace")),)
    density = picture.resolution
    if image.format == "BMP" and "dpi" in image.info:  # whole numbers per metre, which Pillow divides
        x, y = (round(Fraction(value) / Fraction("0.0254")) for value in image.info["dpi"])
        density = resolution.resolution(x, y, resolution.METRE)
    colour = {b"cICP": facts.cicp} if facts.cicp and not picture.icc else picture.colour
    return replace(picture, xmp=packet, texts=texts, resolution=density, colour=colour)


def _size_at_once(file: BinaryIO, format: str) -> tuple[int, int] | None:
    """Width and height, where a file's first bytes say them, before a decoder allocates anything."""
    file.seek(0)
    head = file.read(32)
    if format == "GIF" and len(head) >= 10:
        return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    if format == "WEBP" and len(head) >= 30:
        if head[12:16] == b"VP8X":
            return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
        if head[12:16] == b"VP8 ":
            return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _bmp_profile(file: BinaryIO) -> bytes | None:
    """The colour profile in a BMP of version 5."""
    file.seek(0)
    head = file.read(138)
    if len(head) < 138 or int.from_bytes(head[14:18], "little") < 124 or head[70:74] != b"DEBM":  # MBED, reversed
        return None
    file.seek(14 + int.from_bytes(head[126:130], "little"))
    return file.read(int.from_bytes(head[130:134], "little")) or None


@contextmanager
def _pillows_limit_off() -> Iterator[None]:
    """Pillow's own limit of pixels, a variable of its module, is off while any thread is in here."""
    global _without_limit, _limit  # noqa: PLW0603
    with _guard:
        if _without_limit == 0:
            _limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _without_limit += 1
    try:
        yield
    finally:
        with _guard:
            _without_limit -= 1
            if _without_limit == 0:
                Image.MAX_IMAGE_PIXELS = _limit
