"""Contexts of wavelet bands: what is coded first never depends on what is coded later."""

import math

import torch

from roundel.training.wavelet.subbands import (
    MAGNITUDE_MAX,
    LevelContext,
    Said,
    Shape,
    SubbandContexts,
    magnitudes,
    shuffle,
    signed,
    white_fields,
)

SHAPE = Shape((8, 8, 4), anchors=2, tunings=2)


def test_magnitudes_are_logarithms_that_every_machine_rounds_alike() -> None:
    symbols = torch.arange(-300, 301).float()
    found = magnitudes(symbols)
    expected = [
        min(MAGNITUDE_MAX, math.floor(16 * math.log2(1 + 0.8 * min(abs(s), 255)) + 0.5)) for s in range(-300, 301)
    ]
    assert found.tolist() == expected
    assert [magnitudes(torch.tensor(float(v))).item() for v in (0, 1, 3, 7)] == [0, 14, 28, 44]
    exact = [16 * math.log2(1 + 0.8 * n) for n in range(256)]
    assert min(abs(v - math.floor(v) - 0.5) for v in exact) > 1e-3  # float32 is good to 1e-5 here


def test_signs_have_channels_of_their_own() -> None:
    found = signed(torch.tensor([1.0, 0.0, -3.0])[None, :, None, None])
    assert found.flatten().tolist() == [14, 0, 0, 0, 0, 28]


def test_shuffled_channels_become_neighbours() -> None:
    x = torch.arange(8.0)[None, :, None, None]  # four cells of two channels
    found = shuffle(x, 2)
    assert found[0, 0].tolist() == [[0, 2], [4, 6]]
    assert found[0, 1].tolist() == [[1, 3], [5, 7]]


def walk(level: LevelContext, symbols: torch.Tensor) -> list[Said]:
    """What the three steps are told, with symbols (1, 9, h, w)."""
    seen = []

    def step(channels: slice, said: Said, fields: torch.Tensor | None) -> torch.Tensor:
        seen.append(said)
        return symbols[:, channels] * (1 if fields is None else fields)

    generator = torch.Generator().manual_seed(1)
    known, features = (torch.randint(0, 100, (1, n, 4, 4), generator=generator).float() for n in (18, 8))
    level(known, features, torch.zeros(1, 8), step)
    return seen


@torch.no_grad()
def test_what_is_said_depends_only_on_what_was_coded_before() -> None:
    torch.manual_seed(0)
    level = LevelContext(8, 8, SHAPE)
    symbols = torch.randint(-20, 20, (1, 9, 8, 8), generator=torch.Generator().manual_seed(2)).float()
    before = walk(level, symbols)
    board = white_fields(8, 8, symbols.device)
    luma = torch.arange(9)[:, None, None] < 3
    for first_step, where in {0: luma & board, 1: luma & ~board, 2: ~luma}.items():
        after = walk(level, torch.where(where[None], symbols + 40, symbols))
        for number, (a, b) in enumerate(zip(before, after, strict=True)):
            alike = torch.equal(a.scale, b.scale) and torch.equal(a.skew, b.skew)
            assert alike == (number <= first_step), (first_step, number)


@torch.no_grad()
def test_each_level_has_twice_the_resolution_but_the_first() -> None:
    torch.manual_seed(0)
    contexts = SubbandContexts(SHAPE)
    known, features, sides = torch.zeros(2, 6, 5, 6), None, []
    t, tuning = torch.tensor([0.0, 1.0]), torch.tensor([0, 1])
    for level in contexts.steps():
        shifts = level.shifts(t, tuning)
        known, features = level(known, features, shifts, lambda c, said, f: torch.zeros_like(said.scale))
        sides.append((known.shape[1], *features.shape[2:]))
    assert sides == [(18, 5, 6), (18, 10, 12), (18, 20, 24)]
