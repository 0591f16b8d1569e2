"""From trained parameters to the weights file, and back to go on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.places import FLAG_TABLES, TILTS
from roundel.errors import ModelError
from roundel.training.wavelet import density, resume
from roundel.training.wavelet.export import export, family_tables
from roundel.training.wavelet.net import WaveletNet, WaveletShape
from roundel.training.wavelet.patterns import draw
from tests.codecs.pictures import smooth_picture
from tests.codecs.wavelets import TINY, write_tiny


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def test_training_can_go_on_from_published_weights(weights: Path, tmp_path: Path) -> None:
    """What is exported from them again says nearly the same, and its rounded weights are equal."""
    net = WaveletNet(TINY)
    net.load_state_dict(resume.trainable(weights, net))
    again = tmp_path / "again.safetensors"
    export(net, np.stack([smooth_picture(64, 64, seed=k) for k in range(2)]), again, {})
    a, b = zoo.get(str(weights)), zoo.get(str(again))
    pixels, window = smooth_picture(64, 96), Window(0, 0, 64, 96)
    for quality in (0, 50, 100):
        one, other = (sum(map(len, m.encode(pixels, window, quality).passes)) for m in (a, b))
        assert other == pytest.approx(one, rel=0.02, abs=3)
    with pytest.raises(ModelError, match="shape"):
        resume.trainable(weights, WaveletNet(WaveletShape(widths=(16, 16, 16, 16, 32), c4=16, c8=16, anchors=3)))


def test_tables_of_training_and_coder_are_one_family() -> None:
    """Bits of a symbol under the exported table are those that training counts, sign and all."""
    tables, bits = family_tables(), density.size_bits()
    for index, tilt, symbol in ((20, 0, 3), (40, 2, -9), (5, 3, 1), (1, 1, 0)):
        t = 1 + (index - 1) * TILTS + tilt
        slot = tables.starts[t] + symbol - tables.offsets[t]
        skew = torch.tensor([3.0 + tilt])
        wanted = bits[index, abs(symbol)] + density.sign_bits(torch.tensor([float(symbol)]), skew)[0]
        assert 24 - np.log2(tables.frequencies[slot]) == pytest.approx(wanted.item(), abs=0.02)
    assert FLAG_TABLES == 1 + 63 * TILTS


def test_probabilities_sum_to_one_and_surprises_cost_logarithms() -> None:
    p = density.probabilities(density.scale_of(torch.arange(density.SCALES)))
    torch.testing.assert_close(p.sum(1), torch.ones(density.SCALES, dtype=torch.float64))
    assert 0.999 < p[0, 0] < 1
    bits = density.size_bits()
    assert bits[0, 100] < 32  # not expected at all, and yet it can be said


def test_drawn_pictures_are_of_every_kind() -> None:
    random = np.random.default_rng(0)
    found = [draw(48, random) for _ in range(60)]
    assert all(p.shape == (48, 48, 3) and p.dtype == np.uint8 for p in found)
    assert any(p.std() == 0 for p in found) or any(len(np.unique(p.reshape(-1, 3), axis=0)) == 2 for p in found)
