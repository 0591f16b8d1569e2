"""Samples of up to 16 bits, a square of a picture at a time; docs/format.md, "Samples".

A least-squares prediction from the neighbours, and its error under mixed decisions. The C core takes some 1 to 2 µs a
sample; `plain_samples` is its twin in Python.
"""

import numpy as np
from numpy.typing import NDArray

from roundel.coding import compiled, plain_samples
from roundel.errors import FormatError, RoundelError

RAW = 16
"""First byte where the samples follow as they are; else the zeros that all end with."""
PLAIN_SAMPLES = 1 << 12
"""More are not coded where the C core is missing: it would take seconds."""


def encode(samples: NDArray[np.uint16]) -> bytes:
    """Samples (h, w, 1 or 3) in at most one byte more than they have.

    Example:
        >>> len(encode(np.full((64, 64, 1), 777, np.uint16))) < 20
        True
    """
    together = int(np.bitwise_or.reduce(samples, axis=None))
    zeros = (together & -together).bit_length() - 1 if together else 0
    given, limit = np.ascontiguousarray(samples >> zeros), samples.nbytes
    native = compiled.native()
    coded: bytes | None = None
    if native:
        coded = native.samples_put(given, *given.shape, limit)
    elif given.size <= PLAIN_SAMPLES:
        coded = plain_samples.put(given, limit)
    if coded is None:
        return bytes([RAW]) + samples.astype("<u2").tobytes()
    return bytes([zeros]) + coded


def decode(data: bytes, height: int, width: int, colours: int) -> NDArray[np.uint16]:
    """Samples (height, width, colours) that `encode` took. Raises: FormatError: they are damaged."""
    shape = height, width, colours
    if data[:1] == bytes([RAW]) and len(data) == 1 + 2 * height * width * colours:
        return np.frombuffer(data, "<u2", offset=1).astype(np.uint16).reshape(shape)
    if not data or data[0] >= RAW:
        raise FormatError(f"{len(data)} bytes are not {colours} × {height} × {width} samples; the file is damaged")
    native = compiled.native()
    if native is None:
        found = plain_samples.take(data[1:], *shape)
    else:
        found = np.empty(shape, np.uint16)
        try:
            native.samples_take(data[1:], found, *shape)
        except native.Damaged as error:
            raise FormatError(f"coded data holds {error}; the file is damaged") from None
        except MemoryError:
            raise RoundelError(f"{width} × {height} samples take more memory than there is") from None
    if found.max() > 65535 >> data[0]:
        raise FormatError("coded data holds a sample beyond its range; the file is damaged")
    return np.left_shift(found, data[0], dtype=np.uint16)
