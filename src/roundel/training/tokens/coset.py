"""Which integers surround a token: nets that guess each channel of a grid of codes from those decoded before it."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.codecs.tokens.walk import KNOWN, PHASES, TAPS
from roundel.training.exact.sums import ExactSum, Part

UNIT = 4
"""Integer steps of an output per unit of the real-valued layers: means in quarters of a code."""
MAX_INDEX = 511


class Guess(nn.Module):
    """Mean and scale of a code from integers around it: a linear guess plus a hidden layer.

    Args:
        inputs: how many integers. bound: of |code − centre|. width: of the hidden layer.
    """

    def __init__(self, inputs: int, bound: int, width: int) -> None:
        super().__init__()
        limits = (-MAX_INDEX, MAX_INDEX)
        self.direct = ExactSum([Part(inputs, 1, bound)], 2, limits, unit=UNIT, gain=0.0, scaled=True)
        # Codes vary by several units.
        self.enter = ExactSum([Part(inputs, 1, bound)], width, (0, 255), gain=0.25, scaled=True)
        self.leave = ExactSum([Part(width, 1, 255)], 2, limits, unit=UNIT / 16, gain=0.0, scaled=True)

    def forward(self, around: Tensor) -> Tensor:
        """Integers (B, inputs, h, w) to (B, 2, h, w): mean of the code less its centre, and log-scale."""
        return self.direct(around) + self.leave(self.enter(around))


class Guesses(nn.Module):
    """The nets of a prior, one `Guess` for each thing to guess, in order.

    Args:
        levels: (D,) of the codes. inputs: of each guess. width: of the hidden layers.
    """

    centre: Tensor

    def __init__(self, levels: tuple[int, ...], inputs: Iterable[int], width: int) -> None:
        super().__init__()
        self.levels = levels
        self.guesses = nn.ModuleList(Guess(count, max(levels) // 2, width) for count in inputs)
        self.register_buffer("centre", torch.tensor([n // 2 for n in levels]).view(-1, 1, 1), persistent=False)


class CosetNet(Guesses):
    """A `Guess` for every channel and phase. Channels come one after the other, each in four phases.

    Args:
        levels: (D,) of the codes. width: of the hidden layers.
    """

    def __init__(self, levels: tuple[int, ...], width: int) -> None:
        super().__init__(levels, (len(TAPS) * (d + 1) for d in range(len(levels)) for _ in PHASES), width)

    def guess(self, codes: Tensor, channel: int, phase: int) -> Tensor:
        """Parameters (B, 2, h', w') of one channel at the positions of one phase.

        Args:
            codes: (B, C ≥ channel + 1, h, w) integers as float32; of the channel itself only those of earlier phases
                are looked at, and of later ones none.
        """
        return self.guesses[channel * len(PHASES) + phase](self._around(codes, channel, phase))

    def forward(self, codes: Tensor) -> Tensor:
        """Parameters of all codes (B, D, h, w), each given what is decoded before it: (B, D, 2, h, w)."""
        out = codes.new_empty(codes.shape[0], codes.shape[1], 2, *codes.shape[2:])
        for channel in range(len(self.levels)):
            for phase, (row, column) in enumerate(PHASES):
                if row < codes.shape[2] and column < codes.shape[3]:
                    out[:, channel, :, row::2, column::2] = self.guess(codes, channel, phase)
        return out

    def _around(self, codes: Tensor, channel: int, phase: int) -> Tensor:
        """The 3 × 3 neighbours at the phase's positions, (B, 9·(channel + 1), h', w'), channel by channel.

        What is not known is 0.
        """
        row, column = PHASES[phase]
        centred = F.pad(codes[:, : channel + 1] - self.centre[: channel + 1], (1, 1, 1, 1))
        height, width = (codes.shape[2] - row + 1) // 2, (codes.shape[3] - column + 1) // 2
        taps = []
        for number, (dy, dx) in enumerate(TAPS):
            top, left = 1 + row + dy, 1 + column + dx
            tap = centred[:, :, top : top + 2 * height - 1 : 2, left : left + 2 * width - 1 : 2]
            if number not in KNOWN[phase]:
                tap = torch.cat([tap[:, :-1], torch.zeros_like(tap[:, -1:])], 1)
            taps.append(tap)
        return torch.stack(taps, 2).flatten(1, 2)
