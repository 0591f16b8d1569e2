"""The weights file of a wavelet model: nets and integer tables at each quality and tuning, and their self-test."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.nets import Contexts, Filter, LevelContext, with_biases
from roundel.codecs.wavelet.places import INDICES, LEVELS, TABLES, Places
from roundel.codecs.wavelet.symbols import SYMBOL_MAX
from roundel.codecs.wavelet.synthesis import LIMIT
from roundel.codecs.wavelet.walk import COLOURS, DETAILS, Group, Symbols, walk
from roundel.codecs.weights import Weights
from roundel.coding import Tables
from roundel.errors import ModelError

ARCHITECTURE = "wavelet/4"
QUALITIES = 101
QUALITIES_AT_HAND = 6
"""Nets are kept for so many qualities and tunings."""
NETS = ("white", "black", "colours")
TABLE_ARRAYS = ("frequencies", "starts", "offsets")
SELFTEST_CELLS = (2, 3)


@dataclass(frozen=True, eq=False)
class Stored:
    """A model's weights, checked."""

    weights: Weights
    tables: Tables
    tunings: tuple[str, ...]
    """Their order is that of their numbers in files."""

    def multipliers(self, tuning: int, quality: int) -> list[NDArray[np.int32]]:
        """(C,) of every part, coarsest first: what symbols are times to be coefficients."""
        found = self.weights.tensor("multipliers")[tuning, quality]
        return [found[:COLOURS], *(found[COLOURS:].reshape(LEVELS, DETAILS))]

    def limits(self, tuning: int, quality: int) -> list[NDArray[np.int32]]:
        """(C,) of every part: the largest |symbol|."""
        return [np.minimum((LIMIT - 1) // m, SYMBOL_MAX).astype(np.int32) for m in self.multipliers(tuning, quality)]

    def bit_price(self, tuning: int) -> float:
        """Squared error, in steps², that a bit is worth to the encoder."""
        return float(self.weights.tensor("bit_price")[tuning])

    def contexts(self, tuning: int, quality: int) -> Contexts:
        """The nets that say how uncertain coefficients are."""
        return _contexts(self, tuning, quality)

    def filter(self, tuning: int, quality: int) -> Filter:
        """What repairs decoded pictures."""
        return _filter(self, f"filter.{self.tunings[tuning]}", quality)

    def prefilter(self, tuning: int, quality: int) -> Filter | None:
        """What the encoder does to pictures first; not every tuning has it."""
        name = f"prefilter.{self.tunings[tuning]}"
        return _filter(self, name, quality) if name in self.weights.graphs else None

    def masking(self, tuning: int) -> float:
        """The power of contrast by which a bit's price rises, see `masking`; 0 for not at all."""
        found = self.weights.tensors.get("masking")
        return 0.0 if found is None else float(found[tuning])


@lru_cache(maxsize=QUALITIES_AT_HAND)
def _contexts(stored: Stored, tuning: int, quality: int) -> Contexts:
    tensor = stored.weights.tensor
    levels = []
    for k in range(LEVELS):
        shift = tensor(f"context{k}.shift")[tuning, quality].astype(np.int32)
        base, bits = tensor(f"context{k}.up_bias"), tensor(f"context{k}.up_bits")
        up = base + (np.tile(shift, base.size // shift.size) << bits)
        graphs = []
        for net in NETS:
            name = f"context{k}.{net}"
            biases = [up] if net == "white" else []
            biases.append(tensor(f"{name}_bias")[tuning, quality])
            graphs.append(with_biases(stored.weights.graph(name), tensor(f"{name}_at"), biases))
        levels.append(LevelContext((graphs[0], graphs[1], graphs[2])))
    return Contexts(tuple(levels), tensor("low_index")[tuning, quality].reshape(COLOURS, -1))


@lru_cache(maxsize=2 * QUALITIES_AT_HAND)
def _filter(stored: Stored, name: str, quality: int) -> Filter:
    tensor = stored.weights.tensor
    biases = [tensor(f"{name}.bias")[quality]]
    graph = with_biases(stored.weights.graph(name), tensor(f"{name}.at"), biases)
    return Filter(graph, int(tensor(f"{name}.gain")[quality]))


def read(weights: Weights) -> Stored:
    """A model out of its weights file, tested on this machine.

    Raises:
        ModelError: it is not complete, or this machine computes other integers than the one that wrote it.
    """
    stored = unchecked(weights)
    weights.require(selftest(stored))
    return stored


def unchecked(weights: Weights) -> Stored:
    """The same without the self-test: for the export, which needs the model to say what the test's result is.

    Raises:
        ModelError: the file is not complete.
    """
    if weights.architecture != ARCHITECTURE:
        raise ModelError(f"{weights.path}: holds {weights.architecture}, expected {ARCHITECTURE}")
    tables = Tables.from_arrays({key: weights.tensor(f"tables.{key}") for key in TABLE_ARRAYS})
    names = weights.shape.get("tunings")
    if not isinstance(names, list) or not names or len(tables) != TABLES:
        raise ModelError(f"{weights.path}: holds {len(tables)} tables and tunings {names}: not a wavelet model")
    stored = Stored(weights, tables, tuple(map(str, names)))
    count = len(names)
    for name, shape in (
        ("multipliers", (count, QUALITIES, COLOURS + LEVELS * DETAILS)),
        ("low_index", (count, QUALITIES, COLOURS * 9)),
        ("bit_price", (count,)),
    ):
        if weights.tensor(name).shape != shape:
            raise ModelError(f"{weights.path}: {name} is {weights.tensor(name).shape}, expected {shape}")
    multipliers, low = weights.tensor("multipliers"), weights.tensor("low_index")
    if multipliers.min() < 1 or multipliers.max() >= LIMIT // 4 or low.min() < 1 or low.max() >= INDICES:
        raise ModelError(f"{weights.path}: a multiplier or an index is out of range")
    return stored


class _Hashing(Symbols):
    """Makes symbols up and hashes what the nets say about them."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def next(self, group: Group, places: Places, guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """See `walk.Symbols.next`."""
        self.digest.update(places.table.astype("<i4").tobytes() + places.turned.tobytes())
        self.digest.update(np.asarray(guess, "<i4").tobytes())
        channels = group.channels.stop - group.channels.start
        count = np.arange(places.table.size, dtype=np.int64) + group.part
        noise = (count * 2654435761 % 2**32 >> 8) % 15 - 7
        value = np.where((count // 7) % 5 == 0, noise * 37, np.where(noise > 3, noise, 0))
        return value.astype(np.int32).reshape(-1, channels)


def selftest(stored: Stored) -> str:
    """Hash of all that nets say of a fixed picture, 32 hexadecimal digits."""
    hashing = _Hashing()
    for tuning in range(len(stored.tunings)):
        quality = (50 + 40 * tuning) % QUALITIES
        walk(stored.contexts(tuning, quality), hashing, *SELFTEST_CELLS, LEVELS)
        count = np.arange(3 * 64 * 64, dtype=np.int64).reshape(64, 64, 3)
        pixels = np.where(count // 96 % 2, count * 2654435761 % 2**32 >> 24, count // 7 % 256).astype(np.uint8)
        hashing.digest.update(stored.filter(tuning, quality).corrections(pixels).tobytes())
    return hashing.digest.hexdigest()[:32]
