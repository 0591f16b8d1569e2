"""The samples of a JPEG, which Pillow decodes, from the segments that they need alone."""

import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from PIL import JpegImagePlugin

from roundel.errors import ImageError, RoundelWarning
from roundel.image.jpeg.segments import APP0, COMMENT, JFIF, Segment, profile_of
from roundel.image.picture import Picture
from roundel.image.pil import plain_picture

_END = b"\xff\xd9"
_ADOBE = b"Adobe"  # which colours the components are
_PROCESSES = {0xC3: "lossless", 0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical, lossless"}
_PROCESSES |= {0xC9: "arithmetic", 0xCA: "arithmetic", 0xCB: "arithmetic, lossless", 0xF7: "JPEG-LS"}


def read_pixels(data: bytes, segments: Sequence[Segment], scan: int, check_size: Callable[[int, int], None]) -> Picture:
    """Samples and colour profile; of a file that lacks only its end marker too, with a RoundelWarning.

    Args:
        data: the file. segments, scan: as `split` gave them. check_size: raises unless a picture of this width and
            height is allowed.

    Raises:
        ImageError: damaged, cut short, too large, or of a process that is not supported, which is named.
    """
    plain = b"\xff\xd8" + b"".join(found.whole for found in segments if _matters(found)) + data[scan:]
    try:
        return _decode(plain, segments, check_size)
    except (SyntaxError, OSError) as error:
        if "truncated" not in str(error) or plain.endswith(_END):
            raise _unreadable(segments, error) from error
        return _without_end(plain, segments, check_size, error)


def _matters(found: Segment) -> bool:
    """Whether a segment has a say in the samples."""
    noted = APP0 <= found.marker <= APP0 + 15 or found.marker == COMMENT
    return not noted or found.content.startswith((JFIF, _ADOBE))


def _decode(plain: bytes, segments: Sequence[Segment], check_size: Callable[[int, int], None]) -> Picture:
    profile = profile_of(segments)
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(plain))
    check_size(image.width, image.height)
    picture = plain_picture(image, profile)
    return picture if image.mode == "CMYK" else replace(picture, icc=profile)


def _unreadable(segments: Sequence[Segment], error: Exception) -> ImageError:
    """What is the matter with a JPEG that does not decode."""
    for found in segments:
        if 0xC0 <= found.marker <= 0xCF and found.marker not in (0xC4, 0xC8, 0xCC) and found.content:
            bits = found.content[0]
            if bits != 8:
                return ImageError(f"a JPEG of {bits}-bit samples is not supported; convert it to PNG or TIFF")
        if found.marker in _PROCESSES:
            process = _PROCESSES[found.marker]
            return ImageError(f"a JPEG of the process {process} is not supported; convert it to PNG")
    return ImageError(f"damaged JPEG ({error}); get a whole copy of the file")


def _without_end(
    plain: bytes, segments: Sequence[Segment], check_size: Callable[[int, int], None], error: Exception
) -> Picture:
    """The picture of a JPEG that ends before its end marker, if all of its samples are there.

    They are if it does not matter which bytes follow where the file ends.
    """
    found: list[Picture] = []
    inside = b"\0" if plain.endswith(b"\xff") else b""  # what a byte FF of samples is followed by
    for more in (bytes(256), b"\xfe\x5a" * 128):
        try:
            found.append(_decode(plain + inside + more + _END, segments, check_size))
        except (OSError, SyntaxError):
            break
    if len(found) < 2 or not np.array_equal(found[0].pixels, found[1].pixels):
        raise _unreadable(segments, error) from error
    warnings.warn("the JPEG ends without its end marker; the picture is whole", RoundelWarning, stacklevel=6)
    return found[0]
