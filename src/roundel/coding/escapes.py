"""Values outside a table: a stated code for any 32-bit integer, in the same stream.

The distance e ≥ 0 beyond the table's edge (even above, odd below) is an Exp-Golomb code: the class
L = floor(log2(e + 1)) under a fixed table, then the L low bits of e + 1 as they are.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from roundel.coding.stream import PRECISION, Model, Reader, Writer, categorical, uniform
from roundel.errors import FormatError

CLASSES = 34
"""Distances reach 2^33 − 1, from one end of the int32 range to the other, both signs."""

LOW_BITS = 16
"""A class's bits are coded as one symbol of those above this many and one of the rest."""


def class_frequencies() -> NDArray[np.int64]:
    """(34,) frequencies of the classes: 2^(22 − ⌊L/2⌋), and what is left of 2^24 to class 0."""
    frequencies = 1 << (22 - np.arange(CLASSES) // 2)
    frequencies[0] += (1 << PRECISION) - frequencies.sum()
    return frequencies


CLASS_BITS = PRECISION - np.log2(class_frequencies())


@cache
def class_model() -> Model:
    """The model of the classes."""
    return categorical(class_frequencies())


def distances(values: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """(E,) e ≥ 0 of values outside [first, last]: 0, 2, 4 ... above last; 1, 3, 5 ... below first."""
    return np.where(values > last, 2 * (values - last - 1), 2 * (first - 1 - values) + 1)


def values(e: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """The inverse of `distances`.

    Raises:
        FormatError: a value is beyond 32 bits.
    """
    result = np.where(e & 1, first - 1 - (e >> 1), last + 1 + (e >> 1))
    if result.size and (result.min() < -(2**31) or result.max() >= 2**31):
        raise FormatError("coded data holds an escaped value beyond 32 bits; the file is damaged")
    return result


def classes(e: NDArray[np.int64]) -> NDArray[np.int32]:
    """(E,) floor(log2(e + 1)); exact, since float64 holds these integers."""
    return (np.frexp((e + 1).astype(np.float64))[1] - 1).astype(np.int32)


def put(writer: Writer, e: NDArray[np.int64]) -> None:
    """Append distances: all classes, then class by class the high and the low bits."""
    kind = classes(e)
    writer.put(kind, class_model())
    for bits in np.unique(kind[kind > 0]).tolist():
        rest = e[kind == bits] + 1 - (1 << bits)
        if bits > LOW_BITS:
            writer.put((rest >> LOW_BITS).astype(np.int32), uniform(bits - LOW_BITS))
            writer.put((rest & ((1 << LOW_BITS) - 1)).astype(np.int32), uniform(LOW_BITS))
        else:
            writer.put(rest.astype(np.int32), uniform(bits))


def take(reader: Reader, count: int) -> NDArray[np.int64]:
    """(count,) distances, as `put` wrote them."""
    kind = reader.take(count, class_model())
    e = (1 << kind.astype(np.int64)) - 1
    for bits in np.unique(kind[kind > 0]).tolist():
        here = np.flatnonzero(kind == bits)
        if bits > LOW_BITS:
            e[here] += reader.take(here.size, uniform(bits - LOW_BITS)).astype(np.int64) << LOW_BITS
        e[here] += reader.take(here.size, uniform(min(bits, LOW_BITS)))
    return e


def cost_bits(e: NDArray[np.int64]) -> float:
    """Ideal bits of `put`."""
    kind = classes(e)
    return float(CLASS_BITS[kind].sum() + kind.sum())
