"""The models of the literature as codecs: what is decoded, and what it costs against the estimate."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from roundel.errors import FormatError, ModelError
from roundel.lab.classic import FactorizedPrior, Hyperprior, Size
from roundel.lab.classic_coder import coder_of
from roundel.lab.classic_tables import gaussians
from roundel.training.quantizers import Bits, Quantizer, make
from roundel.training.quantizers import Tested as Rounded


def picture(height: int, width: int) -> np.ndarray:
    """Waves and noise."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    waves = np.sin(rows / 9 + 0.3 * np.sin(columns / 23))[:, :, None] * [90, 60, 30] + 120
    return (waves + rng.normal(0, 12, (height, width, 3))).clip(0, 255).astype(np.uint8)


def tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


class Remember:
    """A quantiser that keeps what decodes."""

    def __init__(self, inner: Quantizer) -> None:
        self.inner = inner

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Rounded:
        tested = self.inner.test(y, loc, bits)
        self.y_hat = tested.y_hat
        return tested


@pytest.fixture(scope="module")
def models() -> dict[str, nn.Module]:
    """A few steps of training at a high rate, so that densities fit their latents as well as they do in use."""
    out: dict[str, nn.Module] = {}
    for name in ("factorized", "scale", "mean-scale"):
        torch.manual_seed(0)
        size = Size(16, 24, 0.2)
        model = FactorizedPrior(size) if name == "factorized" else Hyperprior(size, means=name == "mean-scale")
        with torch.no_grad():
            model.analysis[-1].weight.mul_(60)
            model.synthesis[0].weight.div_(60)
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        x = tensor(picture(128, 128))
        for _ in range(80):
            optimizer.zero_grad()
            model(x, torch.zeros(1), make("mixed")).loss.mean().backward()
            optimizer.step()
        out[name] = model.eval()
    return out


CASES = [(n, q) for n in ("factorized", "scale", "mean-scale") for q in ("noise", "noise+", "thrifty")]


@pytest.mark.parametrize(("name", "rounding"), [*CASES, ("mean-scale", "universal=3")])
def test_bytes_are_what_was_estimated_and_decode_to_what_was_measured(
    models: dict[str, nn.Module], name: str, rounding: str
) -> None:
    model, pixels = models[name], picture(384, 448)
    coder = coder_of(model, make(rounding))
    data = coder.encode(pixels)
    with torch.no_grad():
        remember = Remember(make(rounding))
        rd = model(tensor(pixels), torch.zeros(1), remember)
        expected = model.synthesis(remember.y_hat)[0].permute(1, 2, 0)
    estimate = (rd.y_bpp + rd.z_bpp).item() * 384 * 448 / 8
    assert len(data) > 4000
    assert len(data) == pytest.approx(estimate, rel=0.005)
    apart = coder.decode(data) - (255 * expected).clamp(0, 255).numpy()
    assert np.abs(apart).max() <= 0.51


@pytest.mark.parametrize("name", ["factorized", "mean-scale"])
def test_tiles_are_coded_as_pictures_of_their_own(models: dict[str, nn.Module], name: str) -> None:
    pixels = picture(128, 180)  # 2 × 3 tiles, the last ones padded by repeating the edge
    tiled, whole = (coder_of(models[name], make("noise"), tile_px) for tile_px in (64, None))
    found = tiled.decode(tiled.encode(pixels))
    assert found.shape == pixels.shape
    padded = np.pad(pixels, ((0, 0), (0, 12), (0, 0)), mode="edge")
    alone = np.empty_like(padded)
    for row, column in np.ndindex(2, 3):
        cell = np.s_[64 * row : 64 * row + 64, 64 * column : 64 * column + 64]
        alone[cell] = whole.decode(whole.encode(padded[cell]))
    # Float nets on one tile and on six may round a latent on the edge otherwise, seldom.
    assert np.abs(found - alone[:, :180].astype(float)).mean() < 0.3
    assert np.abs(found - whole.decode(whole.encode(pixels)).astype(float)).mean() > 3


def test_odd_sizes_come_back(models: dict[str, nn.Module]) -> None:
    for height, width in ((1, 1), (65, 130), (17, 64)):
        for model in models.values():
            coder = coder_of(model, make("ste"))
            assert coder.decode(coder.encode(picture(height, width))).shape == (height, width, 3)


def test_damaged_strings_are_refused(models: dict[str, nn.Module]) -> None:
    coder = coder_of(models["mean-scale"], make("ste"))
    data = coder.encode(picture(64, 64))
    for broken in (b"", data[:7], data[:12], data + b"1234"):
        with pytest.raises(FormatError):
            coder.decode(broken)


def test_what_it_cannot_code_is_refused(models: dict[str, nn.Module]) -> None:
    with pytest.raises(ModelError, match="dithered"):
        coder_of(models["factorized"], make("universal")).encode(picture(64, 64))
    with pytest.raises(ModelError, match="Linear"):
        coder_of(nn.Linear(1, 1), make("ste"))


def test_fractional_means_are_fine_where_scales_are() -> None:
    """A mean is off by at most a sixteenth of σ, so a symbol costs at most (1/16)²/(2 ln 2) = 0.003 bits more."""
    bank = gaussians(centred=False)
    assert bank.fractions[0] == 64
    assert bank.fractions[-1] == 1
    assert len(bank.tables) == bank.fractions.sum()
    assert len(gaussians(centred=True).tables) == len(bank.fractions)
