"""One range-coded byte stream; the only file that imports constriction.

The stream is the shortest byte string inside the final interval of constriction's range coder (64-bit state, 32-bit
words, 24-bit probabilities). docs/format.md states it in full; tests/coding/reference.py is a plain decoder of it.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roundel.errors import FormatError, UnsupportedError

PRECISION = 24
"""Bits of a probability: the frequencies of a table sum to 2**PRECISION."""

Model: TypeAlias = Any
"""A constriction entropy model over slots 0 .. n-1."""


def categorical(frequencies: NDArray[np.integer]) -> Model:
    """Model with exactly these integer frequencies, each ≥ 1, n ≥ 2 of them, summing to 2**24."""
    # constriction turns probabilities of cumulative sum C into cumulative frequencies trunc(C·(2^24 − n)/ΣC) + i;
    # f − 1 sums to 2^24 − n, so the factor is exactly 1 and every f comes out as it went in.
    return library().model.Categorical(frequencies.astype(np.float64) - 1.0, perfect=False)


def uniform(bits: int) -> Model:
    """Model of `bits` equally likely bits as one symbol in 0 .. 2**bits − 1; 1 ≤ bits ≤ 23."""
    return library().model.Uniform(1 << bits)


def library() -> Any:
    """The library, which is loaded when it is needed: it has no wheels for Linux on Arm, where the C coder does it."""
    try:
        from constriction import stream
    except ImportError as error:
        raise UnsupportedError(
            "no coder: roundel was installed without a C compiler, and constriction is missing; "
            "install a C compiler and roundel again, or: pip install constriction"
        ) from error
    return stream


class Writer:
    """Encodes runs of slots, each run under one model, into bytes."""

    def __init__(self) -> None:
        self._encoder = library().queue.RangeEncoder()

    def put(self, slots: NDArray[np.int32], model: Model) -> None:
        """Append slots, each within the model's alphabet."""
        if slots.size:
            self._encoder.encode(slots, model)

    def close(self) -> bytes:
        """The shortest byte string that decodes to what was put; of those the smallest; no trailing zero bytes."""
        words = self._encoder.get_compressed()
        if not words.size:
            return b""
        position, (lower, width) = self._encoder.pos()
        head, tail = words[:position].astype(">u4").tobytes(), words[position:].astype(">u4").tobytes().ljust(8, b"\0")
        # constriction ends with a value inside the interval; `low` is where that begins, relative to head·2^64.
        value = int.from_bytes(tail, "big")
        low = value - (value - lower) % 2**64
        for zeros in (64, 56, 48, 40, 32):  # bits; the interval is never narrower than 2^32
            end = -(-low >> zeros) << zeros
            if end < low + width:
                break
        if end == 2**64:  # the shortest string is on the other side of a carry into the words before
            head = (int.from_bytes(head, "big") + 1).to_bytes(len(head), "big")
            end = 0
        return (head + end.to_bytes(8, "big")).rstrip(b"\0")


class Reader:
    """Decodes what a Writer wrote, given the same models and run lengths.

    Bytes missing at the end read as zero, so any bytes decode to something, or are refused.
    """

    def __init__(self, data: bytes) -> None:
        padded = data + bytes(-len(data) % 4)
        self._decoder = library().queue.RangeDecoder(np.frombuffer(padded, ">u4").astype(np.uint32))

    def take(self, count: int, model: Model) -> NDArray[np.int32]:
        """The next `count` slots.

        Raises:
            FormatError: the bytes point into the sliver of the interval that no symbol owns.
        """
        if not count:
            return np.empty(0, np.int32)
        try:
            return self._decoder.decode(model, count)
        except AssertionError:
            raise FormatError("coded data holds a value that no encoder writes; the file is damaged") from None
