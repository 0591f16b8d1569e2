"""Encoding harder: symbols of one picture moved to where rate and distortion together are least.

Rounding by rate and distortion takes each coefficient by itself, and knows nothing of the filter behind the decoder.
Here the error of the decoded, filtered picture says, back in the wavelet's coefficients, which of them should rather be
one less or one more. Decoders see nothing of it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.nets import Contexts
from roundel.codecs.wavelet.places import LEVELS, Places
from roundel.codecs.wavelet.symbols import Prices
from roundel.codecs.wavelet.walk import Group, pick, put, walk

Parts = Sequence[NDArray[np.int32]]
MOVING = (0.5, 0.15)
"""Share of the moves that pay which are made at once, first and last: neighbours share errors, and would all mend the
same one."""


class Aim(NamedTuple):
    """What a picture's symbols are refined for."""

    errors: Callable[[Parts], list[NDArray[np.float32]]]
    """Of symbols: the error of what they decode to, as coefficients in rounding steps."""
    limits: Sequence[NDArray[np.int32]]
    """(C,) for each part, the largest |symbol|."""
    bit_price: float
    """Squared error, in steps², that a bit is worth."""
    maps: Sequence[NDArray[np.float32]] | None
    """Factors of it, see `masking`."""


def refine(parts: Parts, contexts: Contexts, prices: Prices, aim: Aim, rounds: int) -> list[NDArray[np.int32]]:
    """Symbols (h, w, C) of every part to code instead of the given ones."""
    symbols = list(parts)
    generator = np.random.default_rng(0)
    for number in range(rounds):
        share = MOVING[0] * (MOVING[1] / MOVING[0]) ** (number / max(1, rounds - 1))
        looking = Looking(symbols)
        walk(contexts, looking, symbols[0].shape[0], symbols[0].shape[1], LEVELS)
        errors = aim.errors(symbols)
        for part in range(1, len(symbols)):
            worth = np.full((1, 1, 1), aim.bit_price, np.float32)
            if aim.maps is not None:
                worth = worth * aim.maps[part - 1][:, :, None]
            chosen = generator.random(symbols[part].shape, np.float32) < share
            moves = gainful(symbols[part], errors[part], prices, looking.tables[part], looking.turned[part], worth)
            symbols[part] = np.clip(symbols[part] + moves * chosen, -aim.limits[part], aim.limits[part])
    return symbols


def gainful(
    symbols: NDArray[np.int32],
    errors: NDArray[np.float32],
    prices: Prices,
    table: NDArray[np.int32],
    turned: NDArray[np.uint8],
    worth: NDArray[np.float32],
) -> NDArray[np.int32]:
    """−1, 0 or 1 for each symbol: the step that lowers squared error and worth · bits the most, if one does.

    Args:
        symbols: (h, w, C). errors: of the coefficients, in steps, with these symbols; a step changes its own by one.
        table, turned: see `Places`.
    """
    now = prices.of(symbols, table, turned)
    down, up = (worth * (prices.of(symbols + step, table, turned) - now) + (1 + 2 * step * errors) for step in (-1, 1))
    return np.where(np.minimum(down, up) < 0, np.where(down < up, -1, 1), 0).astype(np.int32)


class Looking:
    """Walks over known symbols, and keeps their places."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.tables = [np.zeros(part.shape, np.int32) for part in parts]
        self.turned = [np.zeros(part.shape, np.uint8) for part in parts]

    def next(self, group: Group, places: Places, guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """See `walk.Symbols.next`."""
        values = pick(self._parts[group.part], group)
        put(self.tables[group.part], group, places.table.reshape(values.shape))
        put(self.turned[group.part], group, places.turned.astype(np.uint8).reshape(values.shape))
        return values
