"""Contexts of wavelet bands: what is coded first never depends on what is coded later."""

import math

import torch

from roundel.training.exact.sums import ExactSum
from roundel.training.wavelet.subbands import (
    MAGNITUDE_MAX,
    LevelContext,
    SubbandContexts,
    SubbandShape,
    magnitudes,
    white_fields,
)


def test_magnitudes_are_logarithms_that_every_machine_rounds_alike() -> None:
    symbols = torch.arange(-300, 301).float()
    found = magnitudes(symbols)
    expected = [min(MAGNITUDE_MAX, math.floor(16 * math.log2(1 + min(abs(s), 255)) + 0.5)) for s in range(-300, 301)]
    assert found.tolist() == expected
    assert [magnitudes(torch.tensor(float(v))).item() for v in (0, 1, 3, 7)] == [0, 16, 32, 48]
    exact = [16 * math.log2(1 + n) for n in range(255)]
    assert min(abs(v - math.floor(v) - 0.5) for v in exact) > 1e-3  # float32 is good to 1e-5 here


def frozen_level(before: int = 6) -> LevelContext:
    torch.manual_seed(0)
    level = LevelContext(before, 8, anchors=2)
    for layer in level.modules():
        if isinstance(layer, ExactSum):
            layer.weights[0].data.mul_(3)
            layer.freeze()
    return level


def walk(level: LevelContext, symbols: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Indices of the three steps and the level's features, with symbols (1, 9, h, w)."""
    seen = []

    def step(channels: slice, index: torch.Tensor, fields: torch.Tensor | None) -> torch.Tensor:
        seen.append(index)
        return symbols[:, channels] * (1 if fields is None else fields)

    generator = torch.Generator().manual_seed(1)
    coarse = [torch.randint(0, 100, (1, n, 4, 4), generator=generator).float() for n in (9, 6)]
    _, features = level(coarse, torch.zeros(1, 8), step)
    return seen, features


@torch.no_grad()
def test_an_index_depends_only_on_what_was_coded_before() -> None:
    level = frozen_level()
    symbols = torch.randint(-20, 20, (1, 9, 8, 8), generator=torch.Generator().manual_seed(2)).float()
    before, _ = walk(level, symbols)
    board = white_fields(8, 8, symbols.device)
    luma = torch.arange(9)[:, None, None] < 3
    changes = {0: luma & board, 1: luma & ~board, 2: ~luma}
    for first_step, where in changes.items():
        after, _ = walk(level, torch.where(where[None], symbols + 40, symbols))
        for number, (a, b) in enumerate(zip(before, after, strict=True)):
            assert torch.equal(a, b) == (number <= first_step), (first_step, number)


@torch.no_grad()
def test_each_level_has_twice_the_resolution_but_the_first() -> None:
    torch.manual_seed(0)
    contexts = SubbandContexts(SubbandShape((8, 8, 4)), anchors=2)
    coarse = [torch.zeros(2, 3, 5, 6)]
    sides = []
    for level in contexts.levels:
        coarse = list(level(coarse, level.offsets(torch.tensor([0.0, 1.0])), lambda c, i, f: torch.zeros_like(i)))
        sides.append(tuple(coarse[0].shape[2:]))
    assert sides == [(5, 6), (10, 12), (20, 24)]
