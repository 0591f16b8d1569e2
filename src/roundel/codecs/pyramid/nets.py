"""The nets of a pyramid: for each level and phase features and linear means, and a head for each of six groups.

A head sees rows of bytes, one for each position: its features, then the residuals around it plus 128, then zeros.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roundel.engine import Graph

PHASES = ((1, 1), (0, 1), (1, 0))
"""(row, column) of phases d, b, c in their 2×2 cell, in coding order."""
COLOURS = 3
GROUPS = 6
"""Of a phase: luma, Co, Cg, each first on the black squares, then on the white."""
SQUARE_TAPS = 9
"""Residuals of luma and Co come from the 3×3 around a position, pair by pair."""
CROSS_TAPS = 4
"""Those of Cg, which only the white squares of Cg see, from the black ones above, left, right and below."""
RESIDUALS = 2 * SQUARE_TAPS + CROSS_TAPS
ROW_MULTIPLE = 32
"""Products are quickest at such lengths of a row."""


def row_bytes(width: int) -> int:
    """Length of a head's rows, given the number of features."""
    return -(-(width + RESIDUALS) // ROW_MULTIPLE) * ROW_MULTIPLE


@dataclass(frozen=True, eq=False)
class PhaseNets:
    """The graphs of one phase at one level."""

    width: int
    """Number of features."""
    trunk: Graph
    heads: Sequence[Graph]

    def features(
        self, known: NDArray[np.float32], carried: NDArray[np.uint8] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Features and linear means of all positions.

        Args:
            known: (B, 3k, h + 2, w + 2) pixels of the known phases, continued by one beyond the border.
            carried: (B, h, w, width), the features of the phase before, if there is one.

        Returns:
            (B, h, w, width) and (3, B·h·w), the latter in sixteenths of a sample.
        """
        inputs = {"known": known} if carried is None else {"known": known, "carried": carried}
        features, linear = self.trunk.run(**inputs)
        return features, linear.swapaxes(0, 1).reshape(COLOURS, -1)

    def head(self, group: int, rows: NDArray[np.uint8]) -> NDArray[np.int32]:
        """(n, row_bytes) to (3, n): what is added to the linear mean, log scale, tail."""
        return self.heads[group].run(rows=rows[None, None])[0]


@dataclass(frozen=True, eq=False)
class Nets:
    """All nets; level 0 is the finest."""

    levels: Sequence[Sequence[PhaseNets]]

    def at(self, level: int) -> Sequence[PhaseNets]:
        """The nets of phases d, b, c at a level; the last ones serve all coarser levels."""
        return self.levels[min(level, len(self.levels) - 1)]
