"""Integer flows as a codec: pictures come back, for what the likelihood says, and prefixes show something."""

import numpy as np
import pytest
import torch

from roundel.errors import FormatError, ModelError
from roundel.lab import flow
from roundel.lab.flow import Flow, FlowShape
from roundel.lab.flow_coder import FlowCoder

SIDE = 32


def picture(seed: int) -> np.ndarray:
    """Waves with noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    waves = np.sin(rows / 7 + seed) * np.cos(columns / 5) * 70 + 120
    return (waves[:, :, None] + rng.normal(0, 5, (SIDE, SIDE, 3))).clip(0, 255).astype(np.uint8)


def tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 256


@pytest.fixture(scope="module")
def model() -> Flow:
    torch.manual_seed(0)
    made = flow.idf(FlowShape(levels=3, flows=2, depth=2, width=16))
    optimizer = torch.optim.Adam(made.parameters(), 3e-3)
    x = torch.cat([tensor(picture(k)) for k in range(8)])
    for _ in range(40):
        optimizer.zero_grad()
        (made(x).mean() / x[0].numel()).backward()
        optimizer.step()
    return made.eval()


def test_pictures_come_back_for_what_the_likelihood_says(model: Flow) -> None:
    coder, total, estimate = FlowCoder(model), 0, 0.0
    for seed in range(4):
        pixels = picture(seed)
        data = coder.encode(pixels)
        assert np.array_equal(coder.decode(data, SIDE, SIDE), pixels)
        with torch.no_grad():
            total, estimate = total + 8 * len(data), estimate + float(model(tensor(pixels))[0])
    assert estimate < 4 * 8 * pixels.size  # it learned something
    assert total == pytest.approx(estimate, rel=0.005)


def test_pixels_at_the_ends_and_sizes_that_are_no_squares_come_back(model: Flow) -> None:
    coder = FlowCoder(model)
    for pixels in (np.zeros((8, 24, 3), np.uint8), np.full((16, 8, 3), 255, np.uint8)):
        assert np.array_equal(coder.decode(coder.encode(pixels), *pixels.shape[:2]), pixels)


def test_more_bytes_show_more(model: Flow) -> None:
    coder, pixels = FlowCoder(model), picture(1)
    data = coder.encode(pixels)
    shown = [coder.preview(data[: round(len(data) * f)], SIDE, SIDE, None) for f in (0, 0.3, 0.6, 1)]
    errors = [np.square(pixels.astype(float) - one).mean() for one in shown]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 20
    drawn = [coder.preview(b"", SIDE, SIDE, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    assert drawn[0].std() > 3


def test_other_bytes_are_no_pictures(model: Flow) -> None:
    coder = FlowCoder(model)
    data = coder.encode(picture(0))
    for wrong in (data + bytes(range(1, 20)), b"\xff" * 200):  # shorter ones are mostly the code of something else
        with pytest.raises(FormatError):
            coder.decode(wrong, SIDE, SIDE)


def test_continuous_flows_have_no_bytes() -> None:
    with pytest.raises(ModelError, match="continuous"):
        FlowCoder(flow.real_nvp(FlowShape(2, 1, 1, 8)))
