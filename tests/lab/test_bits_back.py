"""Bit-Swap: pictures come back, so do the bits they were drawn with, and the stack grows by the bound."""

import numpy as np
import pytest
import torch

from roundel.errors import FormatError, ModelError
from roundel.lab import bits_back
from roundel.lab.bits_back import BINS, BitSwapCoder
from roundel.lab.bitswap import BitSwap, BitSwapShape, pixel_log_mass

pytest.importorskip("constriction")
COUNT, SIDE = 24, 16


def pictures(count: int = COUNT) -> np.ndarray:
    """Gradients with noise."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    slopes = rng.uniform(-80, 80, (2, count, 1, 1, 3))
    plain = 128 + slopes[0] * rows[:, :, None] + slopes[1] * columns[:, :, None]
    return (plain + rng.normal(0, 6, (count, SIDE, SIDE, 3))).clip(0, 255).astype(np.uint8)


def tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def words(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(1, 2**32, count, dtype=np.uint32)


@pytest.fixture(scope="module")
def trained() -> BitSwap:
    torch.manual_seed(0)
    model = BitSwap(BitSwapShape(layers=2, channels=2, blocks=1, width=16))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    x = tensor(pictures()).float() / 256
    for _ in range(100):
        optimizer.zero_grad()
        (model(x).mean() / x[0].numel()).backward()
        optimizer.step()
    return model.eval()


@pytest.fixture(scope="module")
def coder(trained: BitSwap) -> BitSwapCoder:
    return BitSwapCoder(trained, bits_back.fit_bins(trained, tensor(pictures()), torch.Generator().manual_seed(0)))


def test_pictures_and_the_initial_words_come_back(coder: BitSwapCoder) -> None:
    initial = bits_back.least_initial(coder, pictures(), words(2000))
    coded = coder.encode(pictures(), initial)
    found, left = coder.decode(coded.words, (COUNT, SIDE, SIDE))
    assert np.array_equal(found, pictures())
    assert np.array_equal(left, initial)
    with pytest.raises(ModelError, match="too few"):
        coder.encode(pictures(), initial[1:])


def test_the_stack_grows_by_the_bound(coder: BitSwapCoder, trained: BitSwap) -> None:
    initial = words(2000)
    growth = 32 * (len(coder.encode(pictures(), initial).words) - len(initial))
    with torch.no_grad():
        x = tensor(pictures()).float() / 256
        bound = float(torch.stack([trained(x).sum() for _ in range(20)]).mean())
    assert bound < 6 * x.numel()  # the model learned something
    assert growth == pytest.approx(bound, rel=0.01)


def test_a_single_picture_pays_for_what_it_was_drawn_with(coder: BitSwapCoder) -> None:
    initial = bits_back.least_initial(coder, pictures(1), words(2000))
    # The first latents alone: 2 channels of 8 × 8 in BINS bins, and the state of the coder at the bottom.
    assert 2 < len(initial) < 2 * 8 * 8 * np.log2(BINS) / 32 + 3
    # Both layers at once take more; the swap puts the picture on the stack in between.
    assert coder.all_layers_words(pictures(1)[0], words(2000)) > 1.3 * len(initial)


@pytest.mark.parametrize("data", [words(0), words(1), words(40), np.array([5, 0], np.uint32)])
def test_other_words_are_no_pictures(coder: BitSwapCoder, data: np.ndarray) -> None:
    with pytest.raises(FormatError):
        coder.decode(data, (COUNT, SIDE, SIDE))


def test_masses_of_pixels_sum_to_one() -> None:
    x = torch.arange(256) / 256
    for mean, log_scale in ((-0.2, -3.0), (0.4, -6.0), (1.0, 0.0)):
        mass = torch.exp(pixel_log_mass(x, torch.tensor(mean), torch.tensor(log_scale)))
        assert float(mass.sum()) == pytest.approx(1, abs=1e-4)
