"""The order in which codes are coded, and what is known of them by then."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]
"""(picture, channel, row, column)."""
Shape = tuple[int, int, int, int]

PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
"""(row, column) of the quarters of a grid in the order in which a channel is coded."""
TAPS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
KNOWN = ((), (0, 2, 6, 8), (1, 3, 5, 7), (0, 1, 2, 3, 5, 6, 7, 8))
"""Taps of the own channel that earlier phases have decoded, for each phase."""


def middles(levels: Sequence[int], shape: Shape) -> Codes:
    """The middle code of each channel everywhere: what is assumed of channels that are not there."""
    middle = np.array(levels, np.int32) // 2
    return np.broadcast_to(middle[None, :, None, None], shape).copy()


class Neighbours:
    """What the prior "coset" knows of a grid: the 3 × 3 neighbours of every position, less their middles.

    Channels come one after the other, each in four phases. What is not known, or outside, is 0.

    Args:
        shape: of the codes. levels: (K,) of their channels.
    """

    def __init__(self, shape: Shape, levels: Sequence[int]) -> None:
        count, channels, height, width = shape
        self._levels = levels
        self._sizes = [(count, (height - row + 1) // 2, (width - column + 1) // 2) for row, column in PHASES]
        self._rows = [np.zeros((channels * len(TAPS), *size), np.float32) for size in self._sizes]
        self._edged = np.zeros((count, height + 2, width + 2), np.float32)
        self._channel = 0

    def of(self, channel: int, phase: int) -> NDArray[np.float32]:
        """The inputs of the net at the positions of a phase in raster order, (9·(channel + 1), N).

        Row 9·k + t is tap t of channel k; of the own channel only taps of earlier phases are there.
        """
        if channel != self._channel:
            for earlier in range(len(PHASES)):
                self._spread(earlier, range(len(TAPS)))
            self._edged[:] = 0
            self._channel = channel
        self._spread(phase, KNOWN[phase])
        rows = self._rows[phase][: (channel + 1) * len(TAPS)]
        return rows.reshape(len(rows), -1)

    def learn(self, channel: int, phase: int, codes: Codes) -> None:
        """Take in the codes (B, h', w') of the phase that was asked for last."""
        row, column = PHASES[phase]
        inside = self._edged[:, 1:-1, 1:-1]
        inside[:, row::2, column::2] = codes - self._levels[channel] // 2

    def _spread(self, phase: int, taps: Sequence[int]) -> None:
        (row, column), (_, height, width) = PHASES[phase], self._sizes[phase]
        for number in taps:
            top, left = 1 + row + TAPS[number][0], 1 + column + TAPS[number][1]
            tap = self._edged[:, top : top + 2 * height - 1 : 2, left : left + 2 * width - 1 : 2]
            self._rows[phase][self._channel * len(TAPS) + number] = tap[:, :height, :width]


class Forerunners:
    """What the prior "chain" knows of tokens: the channels before, less their middles; each token by itself.

    Args:
        count: of tokens. levels: (K,) of their channels.
    """

    def __init__(self, count: int, levels: Sequence[int]) -> None:
        self._levels = levels
        self._rows = np.zeros((len(levels), count), np.float32)

    def of(self, channel: int) -> NDArray[np.float32]:
        """The inputs of the net, (channel + 1, N); the last row, the own code, is 0 as long as it is not known."""
        return self._rows[: channel + 1]

    def learn(self, channel: int, codes: NDArray[np.int32]) -> None:
        """Take in the codes (N,) of a channel."""
        self._rows[channel] = codes - self._levels[channel] // 2
