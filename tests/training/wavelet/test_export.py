"""From trained parameters to the weights file, and back to go on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.places import SECOND, TILTS
from roundel.coding import Writer, cost_bits
from roundel.errors import ModelError
from roundel.training.wavelet import density, resume
from roundel.training.wavelet.export import export
from roundel.training.wavelet.families import family_tables, size_bits
from roundel.training.wavelet.net import WaveletNet, WaveletShape
from roundel.training.wavelet.paths import choose
from roundel.training.wavelet.patterns import draw
from tests.codecs.pictures import smooth_picture
from tests.codecs.wavelets import TINY, tiny_net, write_tiny


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
        resume.trainable(weights, WaveletNet(WaveletShape(widths=(16, 16, 16, 16, 32), anchors=3)))


@pytest.mark.parametrize("odd", [0, 1])
def test_tables_of_training_and_coder_are_one_family(odd: int) -> None:
    """Bits of a symbol under the exported table are those that training counts, sign and all."""
    tables = family_tables()
    bits = size_bits(tables)[64 * odd :]
    for index, tilt, symbol in ((20, 0, 3), (40, 2, -9), (5, 3, 1), (1, 1, 0), (12, 0, 200)):
        t = 1 + (index - 1) * TILTS + tilt + SECOND * odd
        skew = torch.tensor([3.0 + tilt])
        wanted = bits[index, abs(symbol)] + density.sign_bits(torch.tensor([float(symbol)]), skew)[0]
        assert cost_bits([symbol], [t], tables) == pytest.approx(wanted.item(), abs=1.0 if symbol == 200 else 0.02)


@pytest.mark.parametrize("odd", [0, 1])
def test_probabilities_sum_to_one_and_surprises_cost_logarithms(odd: int) -> None:
    p = density.probabilities(density.scale_of(torch.arange(density.SCALES)), odd)
    torch.testing.assert_close(p.sum(1), torch.ones(density.SCALES, dtype=torch.float64))
    assert (0.99 if odd else 0.999) < p[0, 0] < 1
    assert size_bits(family_tables())[64 * odd, 100] < 40  # not expected at all, and yet it can be said


def test_what_training_chooses_is_what_the_encoder_writes() -> None:
    """The bits that training counts are about those of the file, for tables that were counted."""
    net, rng = tiny_net(), np.random.default_rng(0)
    y = torch.from_numpy(rng.laplace(size=(2, 3, 16, 16)) * 3).float()
    place, skew = torch.full_like(y, 30.0), torch.full_like(y, 3.0)
    chosen = choose(y, place, skew, torch.tensor(0.2), None, net.tables, net.table)
    table = np.full(y.numel(), 1 + 29 * TILTS, np.int32)
    writer = Writer()
    writer.put_dependent(chosen.values.int().flatten().numpy(), table, SECOND, net.tables)
    assert chosen.bits(place, skew, net.table).sum().item() == pytest.approx(8 * len(writer.close()), rel=0.01)


def test_what_breaks_a_silence_has_to_be_worth_its_run() -> None:
    """Or training counts bits that no encoder spends, and learns to expect something everywhere."""
    net = tiny_net()
    y = torch.tensor([1.4, 12.0, 0.6]).view(1, 3, 1, 1)
    nothing = torch.zeros_like(y)
    chosen = choose(y, nothing, nothing + 3, torch.tensor(0.2), None, net.tables, net.table)
    assert chosen.values.flatten().tolist() == [0, 12, 0]
    assert chosen.bits(nothing, nothing + 3, net.table).flatten()[0] < 0.1
    assert chosen.bits(nothing, nothing + 3, net.table).flatten()[1] > 10


def test_drawn_pictures_are_of_every_kind() -> None:
    random = np.random.default_rng(0)
    found = [draw(48, random) for _ in range(60)]
    assert all(p.shape == (48, 48, 3) and p.dtype == np.uint8 for p in found)
    assert any(p.std() == 0 for p in found) or any(len(np.unique(p.reshape(-1, 3), axis=0)) == 2 for p in found)


def test_a_net_that_has_learned_nothing_makes_files(tmp_path: Path) -> None:
    """Its biases are all alike, which says nothing of where they stand in the graphs."""
    net, path = WaveletNet(TINY), tmp_path / "fresh.safetensors"
    export(net, np.stack([smooth_picture(64, 64)]), path, {})
    model, window = zoo.get(str(path)), Window(0, 0, 64, 64)
    coded = model.encode(smooth_picture(64, 64), window, 50)
    assert model.decode(coded.passes, 64, 64, 50).crc == coded.crc
