"""Netpbm pictures, PBM to PAM, plain and raw, of any maximum: in, and PGM and PPM out.

Source: the Netpbm manual pages pbm(5), pgm(5), ppm(5), pam(5).
"""

import re
import warnings
from collections.abc import Callable
from typing import BinaryIO

import numpy as np

from roundel.errors import ImageError, RoundelWarning
from roundel.image.picture import Picture, from_array, scale_samples, source_samples

_SPACE = rb"(?:\s|#[^\n\r]*[\n\r])"
_SIZE = re.compile(rb"P([1-6])" + _SPACE + rb"+(\d{1,10})" + _SPACE + rb"+(\d{1,10})")
_MAXIMUM = re.compile(_SPACE + rb"+(\d{1,10})" + _SPACE)
_END_OF_SIZE = re.compile(_SPACE)
_PAM_END = re.compile(rb"^ENDHDR[ \t]*\n", re.M)
_PAM_FIELD = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL|TUPLTYPE)[ \t]+(\S+)[ \t]*$", re.M)
_COMMENT = re.compile(rb"#[^\n\r]*")
_NO_NUMBERS = re.compile(rb"[^\d\s]")
HEAD_BYTES = 65_536


def read(file: BinaryIO, check_size: Callable[[int, int], None]) -> Picture:
    """The first picture of a Netpbm file; samples are scaled to 8 bits, or to 16 where the maximum exceeds 255.

    Args:
        file: seekable. check_size: raises unless a picture of this width and height is allowed.

    Raises:
        ImageError: damaged, cut short, too large, or of a kind that has no place in a picture.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if head.startswith(b"P7"):
        return _read_pam(file, head, check_size)
    found = _SIZE.match(head)
    if found is None:
        raise ImageError("damaged: a Netpbm file's first bytes and no size; get a whole copy of the file")
    kind, width, height = int(found[1]), int(found[2]), int(found[3])
    check_size(width, height)
    bitmap = kind in (1, 4)
    end = (_END_OF_SIZE if bitmap else _MAXIMUM).match(head, found.end())
    if end is None:
        raise ImageError("damaged: a Netpbm file's size and no samples; get a whole copy of the file")
    largest = 1 if bitmap else _maximum(int(end[1]))
    shape = (height, width, 3 if kind in (3, 6) else 1)
    file.seek(end.end())
    if kind <= 3:
        samples = _plain(file.read(), shape, digits=kind == 1)
    elif kind == 4:
        samples = np.unpackbits(_raw(file, (height, -(-width // 8)), 255), axis=1)[:, :width, None]
    else:
        samples = _raw(file, shape, largest)
    if bitmap:
        samples = 1 - samples
    return _picture(samples, largest)


def _read_pam(file: BinaryIO, head: bytes, check_size: Callable[[int, int], None]) -> Picture:
    end = _PAM_END.search(head)
    fields = dict(_PAM_FIELD.findall(head[: end.start()])) if end else {}
    try:
        width, height, channels, largest = (int(fields[name]) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    except (KeyError, ValueError):
        raise ImageError("damaged: a PAM without width, height, depth and maximum; get a whole copy of it") from None
    check_size(width, height)
    kind = fields.get(b"TUPLTYPE", b"").decode("latin-1")
    allowed = {"": (1, 2, 3, 4), "BLACKANDWHITE": (1,), "GRAYSCALE": (1,), "RGB": (3,), "BLACKANDWHITE_ALPHA": (2,)}
    allowed |= {"GRAYSCALE_ALPHA": (2,), "RGB_ALPHA": (4,)}
    if channels not in allowed.get(kind, ()):
        raise ImageError(f"a PAM of {channels} channels, type {kind or 'not named'}, is not supported; use grey or RGB")
    file.seek(end.end() if end else 0)
    return _picture(_raw(file, (height, width, channels), _maximum(largest)), largest)


def _maximum(largest: int) -> int:
    if not 0 < largest < 65536:
        raise ImageError(f"a Netpbm file with a maximum of {largest}; 1 to 65535 are allowed")
    return largest


def _raw(file: BinaryIO, shape: tuple[int, ...], largest: int) -> np.ndarray:
    dtype = np.dtype(np.uint8 if largest < 256 else ">u2")
    count = int(np.prod(shape, dtype=object)) * dtype.itemsize
    data = file.read(count)
    if len(data) < count:
        raise ImageError(
            f"truncated: {count} bytes of samples expected, {len(data)} found; get a whole copy of the file"
        )
    if file.read(2)[:1] == b"P":
        warnings.warn("only the first of several pictures is kept", RoundelWarning, stacklevel=7)
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _plain(text: bytes, shape: tuple[int, int, int], *, digits: bool) -> np.ndarray:
    text = _COMMENT.sub(b"", text)
    count = shape[0] * shape[1] * shape[2]
    wrong = _NO_NUMBERS.search(text)
    if wrong:
        raise ImageError(f"damaged: {wrong[0]!r} among the numbers of a plain Netpbm file")
    if digits:  # of a bitmap, which need no space between them
        values = np.frombuffer(b"".join(text.split()), np.uint8) - np.uint8(ord("0"))
    else:
        values = np.fromstring(text.decode("ascii"), np.int64, sep=" ") if text.strip() else np.empty(0, np.int64)
    if len(values) < count:
        raise ImageError(f"truncated: {count} samples expected, {len(values)} found; get a whole copy of the file")
    values = values[:count].reshape(shape)
    if int(values.max()) > 65535 or (digits and int(values.max()) > 1):
        raise ImageError(f"damaged: a sample of {int(values.max())} in a plain Netpbm file")
    return values.astype(np.uint16)


def _picture(samples: np.ndarray, largest: int) -> Picture:
    picture = from_array(scale_samples(samples, largest))
    if largest in (1, 255, 65535):
        return picture
    return Picture(picture.pixels, picture.alpha, sample_max=largest)


def write(picture: Picture, file: BinaryIO) -> None:
    """A raw PGM or PPM; samples that were scaled when they were read get their own maximum back."""
    height, width, channels = picture.pixels.shape
    samples, largest = picture.pixels, int(np.iinfo(picture.pixels.dtype).max)
    if picture.sample_max is not None:
        samples, largest = source_samples(samples, picture.sample_max), picture.sample_max
        samples = samples if largest > 255 else samples.astype(np.uint8)
    file.write(f"P{5 if channels == 1 else 6}\n{width} {height}\n{largest}\n".encode())
    file.write(samples.astype(">u2" if largest > 255 else np.uint8, copy=False).tobytes())
