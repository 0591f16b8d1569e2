"""What users hand in, checked: pictures, files, numbers. A mistake is a RoundelError that says what was expected."""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Union

import numpy as np

from roundel import image
from roundel.container import DEFAULT_MAX_PIXELS, MAGIC, Sliceable, Source
from roundel.errors import ImageError, RoundelError
from roundel.image import Picture

if TYPE_CHECKING:
    import torch
    from PIL import Image

_ALREADY = "already a roundel file; decode it first, if it is to be encoded anew"

Pictured = Union[Picture, "Image.Image", np.ndarray, "torch.Tensor", str, PathLike[str], IO[bytes]]
"""What can be encoded."""
Readable = bytes | bytearray | memoryview | str | PathLike[str] | IO[bytes]
"""What a .rndl file can be given as."""


def picture(source: Any, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """A Picture from what users have.

    Args:
        source: the path of a picture file, a binary file object, a PIL image, a Picture, an array (H, W[, C]) of uint8
            or uint16, or a tensor (C, H, W) or (H, W) of uint8, or of floating point in [0, 1].
        max_pixels: of a file, the largest picture to accept.

    Raises:
        RoundelError: it is none of these, or cannot be read.

    Example:
        >>> picture(np.zeros((20, 30, 3), np.uint8)).width
        30
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, np.ndarray):
        return image.from_array(source)
    if isinstance(source, str | PathLike):
        return _picture_file(source, max_pixels)
    if callable(getattr(source, "read", None)):
        return _picture_stream(source, max_pixels)
    if callable(getattr(source, "getbands", None)):  # a PIL image, without importing Pillow here
        return image.from_pil(source)
    if all(hasattr(source, name) for name in ("detach", "cpu", "numpy", "is_floating_point")):
        return image.from_array(_samples(source))
    raise ImageError(
        f"a {type(source).__name__} is no picture: give the path of one, a binary file object, a PIL image, an array "
        "(H, W[, C]) of uint8 or uint16, or a tensor (C, H, W)"
    )


@contextmanager
def opened(source: Any) -> Iterator[Sliceable]:
    """A .rndl file given as bytes, as a path, whose bytes are read only where they are sliced, or as a file object.

    Raises:
        RoundelError: it is none of these, or cannot be read.
    """
    if not isinstance(source, str | PathLike):
        yield contents(source)
        return
    with named(source), open(source, "rb") as file:
        if file.seekable():
            yield Source(file)
        else:
            yield file.read()


def is_pipe(path: str | PathLike[str]) -> bool:
    """Whether this names a pipe, which can be opened once only."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def is_file(source: Any) -> bool:
    """Whether this is a .rndl file, rather than a picture: bytes are one, a path is one if it starts like one."""
    if isinstance(source, bytes | bytearray | memoryview):
        return True
    if not isinstance(source, str | PathLike) or is_pipe(source):
        return False
    with named(source), open(source, "rb") as file:
        return file.seekable() and file.read(len(MAGIC)) == MAGIC


def contents(source: Any) -> bytes:
    """All bytes of a .rndl file given as such, as a path, or as a binary file object.

    Raises:
        RoundelError: it is none of these, or cannot be read.

    Example:
        >>> contents(memoryview(b"bytes"))
        b'bytes'
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | PathLike):
        with named(source):
            return Path(source).read_bytes()
    if not callable(getattr(source, "read", None)):
        raise RoundelError(f"a {type(source).__name__} is no file: give its bytes, its path, or a binary file object")
    data = source.read()
    if not isinstance(data, bytes):
        raise RoundelError(f"the file object gives {type(data).__name__}, not bytes: open it in binary mode")
    return data


def beginning(source: Any, length: int) -> tuple[bytes, int]:
    """The first bytes of a file, and how many it has; arguments and errors as `contents`."""
    with opened(source) as data:
        return data[:length], len(data)


def whole_number(value: Any, name: str, low: int, high: int, meaning: str = "") -> int:
    """An integer of a range, also one of NumPy's.

    Raises:
        RoundelError: it is none, or outside.
    """
    try:
        number = value.__index__()
    except (AttributeError, TypeError):
        number = None
    if number is None or isinstance(value, bool):
        raise RoundelError(f"{name} {value!r} is not a whole number: give {low} to {high}{meaning}")
    if not low <= number <= high:
        raise RoundelError(f"{name} {number} is out of range: give {low} to {high}{meaning}")
    return int(number)


def positive(value: Any, name: str) -> float:
    """A number above 0. Raises: RoundelError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < float("inf"):
        raise RoundelError(f"{name} {value!r} is not a number above 0")
    return number


def region(value: Any) -> tuple[int, int, int, int]:
    """Left, top, width and height in pixels. Raises: RoundelError."""
    try:
        left, top, width, height = (part.__index__() for part in value)
    except (AttributeError, TypeError, ValueError):
        raise RoundelError(
            f"region {value!r} is not four whole numbers: give (left, top, width, height) in pixels"
        ) from None
    return left, top, width, height


@contextmanager
def named(path: Any) -> Iterator[None]:
    """Let what the system says about a file be a RoundelError that names it."""
    try:
        yield
    except OSError as error:
        raise RoundelError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the name
        raise RoundelError(f"cannot read {path!r}: {error}") from error


def _picture_file(path: Any, max_pixels: int) -> Picture:
    if is_file(path):
        raise ImageError(f"{path}: {_ALREADY}")
    return image.read(path, max_pixels=max_pixels)


def _picture_stream(file: Any, max_pixels: int) -> Picture:
    """The picture in a file object, which may be unable to seek."""
    data = file.read()
    if not isinstance(data, bytes):
        raise ImageError(f"the file object gives {type(data).__name__}, not bytes: open it in binary mode")
    if data.startswith(MAGIC):
        raise ImageError(_ALREADY)
    return image.read(io.BytesIO(data), max_pixels=max_pixels)


def _samples(tensor: Any) -> np.ndarray:
    """Samples (H, W[, C]) of a tensor (C, H, W) or (H, W)."""
    shape = tuple(tensor.shape)
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] not in (1, 2, 3, 4)):
        raise ImageError(
            f"a tensor is (C, H, W), C = 1 to 4, or (H, W); found {shape}: "
            "of a batch (B, C, H, W) encode one picture at a time, or `pack` all"
        )
    values = tensor.detach().cpu()
    if tensor.is_floating_point():
        samples = values.double().numpy()
        if not np.isfinite(samples).all() or samples.min(initial=0) < 0 or samples.max(initial=0) > 1:
            raise ImageError("a tensor of floating point has samples from 0 to 1; found others: scale or clamp it")
        samples = np.rint(samples * 255).astype(np.uint8)
    else:
        samples = values.numpy()
    return samples if samples.ndim == 2 else samples.transpose(1, 2, 0)
