"""Coarse-to-fine prediction: a partition into stages that can be undone one after the other."""

import pytest
import torch

from roundel.training.wavelet import interpolation

CPU = torch.device("cpu")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (4, 4), (5, 9), (16, 24)])
def test_every_sample_is_in_exactly_one_stage(height: int, width: int) -> None:
    fields = torch.stack([s.fields for s in interpolation.stages(height, width, CPU)])
    assert torch.equal(fields.sum(0), torch.ones(height, width, dtype=torch.long))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (5, 9), (16, 24)])
def test_samples_follow_from_residuals_stage_by_stage(height: int, width: int) -> None:
    x = torch.randint(-9000, 9000, (2, 3, height, width), generator=torch.Generator().manual_seed(1)).float()
    residual, _ = interpolation.residuals(x)
    found = torch.full_like(x, 12345.0)  # what is not known yet must not matter
    for stage in interpolation.stages(height, width, CPU):
        found = torch.where(stage.fields, residual + interpolation.predict(found, stage), found)
    assert torch.equal(found, x)


def test_a_ramp_is_predicted_exactly_between_known_samples() -> None:
    x = (4.0 * torch.arange(9)[:, None] + 8.0 * torch.arange(17)[None])[None, None]
    residual, _ = interpolation.residuals(x)
    assert torch.count_nonzero(residual[..., 1:-1, 1:-1]) == 0


def test_kinds_are_within_bounds_and_tell_the_finest_strides_apart() -> None:
    kinds = [s.kind for s in interpolation.stages(64, 64, CPU)]
    assert kinds == [0, 1, 2, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8]
    assert max(kinds) == interpolation.STAGES - 1
