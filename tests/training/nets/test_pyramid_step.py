"""What predicts a phase: which squares come first, what a prediction may depend on, the gradient of a reordering."""

import torch
from torch import Tensor

from roundel.training.pyramid.step import Step, _Reorder, checkerboard

GROUPS = [(colour, white) for colour in range(3) for white in range(2)]


def test_black_squares_come_first() -> None:
    black, white = checkerboard(2, 2, 3, torch.device("cpu"))
    assert black.tolist() == [0, 2, 4, 6, 8, 10]
    assert white.tolist() == [1, 3, 5, 7, 9, 11]
    assert [len(p) for p in checkerboard(1, 1, 1, torch.device("cpu"))] == [1, 0]


def test_a_group_learns_from_its_neighbours_in_groups_before_and_from_nothing_else() -> None:
    torch.manual_seed(0)
    step = Step(1, 0, 8, 1, 8).eval().requires_grad_(False)
    for p in step.parameters():
        p.add_(0.05 * torch.randn_like(p))
    f, linear = torch.randint(0, 255, (1, 8, 6, 6)).float(), torch.zeros(1, 3, 6, 6)
    places = checkerboard(1, 6, 6, torch.device("cpu"))

    def means(values: Tensor) -> list[Tensor]:
        _, predicted = step.predict(f, linear, values)
        return [
            torch.full((36,), torch.nan).index_copy_(0, places[white], p.mean)
            for (_, white), p in zip(GROUPS, predicted, strict=True)
        ]

    values = torch.randint(-50, 50, (1, 3, 6, 6)).float()
    base = means(values)
    assert len(base) == len(GROUPS)
    for i, (colour, white) in enumerate(GROUPS):
        changed, row, column = values.clone(), 2, 2 + white
        changed[0, colour, row, column] += 40
        moved = [torch.nonzero((a != b) & ~a.isnan()).flatten() for a, b in zip(base, means(changed), strict=True)]
        assert all(not len(positions) for positions in moved[: i + 1])
        for positions in moved[i + 1 :]:
            assert ((positions // 6 - row).abs() <= 1).all()
            assert ((positions % 6 - column).abs() <= 1).all()
        assert any(len(positions) for positions in moved) or i == len(GROUPS) - 1


def test_the_gradient_of_a_reordering_finds_its_rows() -> None:
    order = torch.tensor([2, 0, 3, 1])
    rows = torch.arange(8.0).view(4, 2).requires_grad_()
    weights = torch.randn(4, 2)
    (_Reorder.apply(rows, order) * weights).sum().backward()
    assert rows.grad is not None
    assert torch.equal(rows.grad[order], weights)
