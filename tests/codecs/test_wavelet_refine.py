"""Encoding harder: what it minimises falls, slopes are right, and files of all efforts decode alike."""

import numpy as np
import pytest
import torch

import roundel
from roundel.codecs import zoo
from roundel.codecs.loading import at_effort
from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.codec import ROUNDS, WaveletModel
from roundel.codecs.wavelet.refine import CURVATURE, fidelity, move
from roundel.codecs.wavelet.surroundings import Surroundings, look, thaw
from roundel.codecs.wavelet.walk import Group, walk
from roundel.errors import ModelError, RoundelError
from roundel.training.wavelet import stored as wavelet_weights
from roundel.training.wavelet.net import WaveletNet, WaveletShape
from tests.codecs.pictures import smooth_picture
from tests.standin import BlockMeans

QUALITY = 60


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> WaveletModel:
    """Untrained, but for a filter that does something."""
    torch.manual_seed(0)
    net = WaveletNet(WaveletShape(widths=(8, 8, 8, 8, 6), c4=8, c8=8, blocks4=1, blocks8=1, anchors=3)).eval()
    net.initialise(torch.from_numpy(smooth_picture(256, 256)).permute(2, 0, 1)[None].float() / 255)
    with torch.no_grad():
        for p in net.filter.parameters():
            p.add_(0.02 * torch.randn_like(p))
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    wavelet_weights.save(path, net, wavelet_weights.integers(net, wavelet_weights.family_tables()), {})
    found = zoo.get(str(path))
    assert isinstance(found, WaveletModel)
    return found


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 9, (96, 128, 3))
    return (smooth_picture(96, 128) + noise).clip(0, 255).astype(np.uint8)


def cost_bits(model: WaveletModel, pixels: np.ndarray, effort: int) -> float:
    """R + λD of the file, D of its pixels."""
    window, chosen = Window(0, 0, *pixels.shape[:2]), model.at_effort(effort)
    coded = chosen.encode(pixels, window, QUALITY)
    decoded = model.decode(coded.passes, *pixels.shape[:2], QUALITY)
    assert decoded.crc == coded.crc
    mse = np.square(model.render(decoded.latents, window, QUALITY) - pixels.astype(float)).mean()
    lmbda = model.net.lmbda(torch.tensor([QUALITY / 100])).item()
    return 8 * sum(map(len, coded.passes)) + lmbda * mse * pixels.shape[0] * pixels.shape[1]


class Known:
    """Rounded coefficients; remembers the scale indices that the walk finds for them."""

    def __init__(self, parts: list[np.ndarray]) -> None:
        self.index = [np.zeros(p.shape, np.uint8) for p in parts]
        self.parts = [np.floor(p + 0.5).astype(np.int32) for p in parts]
        self.symbols = [torch.from_numpy(p)[None].float() for p in self.parts]

    def next(self, group: Group, index: np.ndarray, guess: np.ndarray | int) -> np.ndarray:
        fields = np.broadcast_to(True if group.fields is None else group.fields, index.shape)
        self.index[group.part][group.channels][fields] = index[fields]
        return np.where(fields, self.parts[group.part][group.channels], 0)


def walk_of(model: WaveletModel, pixels: np.ndarray) -> Known:
    known = Known(model.coefficients(pixels, Window(0, 0, *pixels.shape[:2]), QUALITY))
    walk(model.net, model.stored, known, *known.parts[0].shape[1:], QUALITY, model.net.levels)
    return known


def test_more_effort_costs_less(model: WaveletModel, pixels: np.ndarray) -> None:
    nearest, usual, some, more = (cost_bits(model, pixels, effort) for effort in (0, 1, 3, 5))
    assert nearest > usual > some
    assert more < usual


def test_efforts_ascend() -> None:
    assert len(ROUNDS) == 10
    assert list(ROUNDS) == sorted(ROUNDS)


def test_files_of_all_efforts_are_read_by_the_same_model(model: WaveletModel, pixels: np.ndarray) -> None:
    usual = roundel.encode(pixels, quality=QUALITY, model=model)
    assert roundel.encode(pixels, quality=QUALITY, model=model, effort=1) == usual
    harder = roundel.encode(pixels, quality=QUALITY, model=model, effort=2)
    assert harder == roundel.encode(pixels, quality=QUALITY, model=model, effort=2) != usual
    assert roundel.decode_array(harder, model=model).shape == pixels.shape
    assert model.effort == 1
    tiled = roundel.encode(pixels, quality=QUALITY, model=model, effort=2, tile_px=2 * model.align_px)
    assert roundel.decode_array(tiled, model=model).shape == pixels.shape


def test_wrong_efforts_are_refused(model: WaveletModel) -> None:
    with pytest.raises(RoundelError, match="effort 10 is out of range"):
        at_effort(model, 10)
    with pytest.raises(ModelError, match="knows one effort only"):
        at_effort(BlockMeans(), 5)


def test_slopes_are_those_of_small_moves(model: WaveletModel, pixels: np.ndarray) -> None:
    x, t = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255, torch.tensor([0.6])
    symbols = [torch.floor(p + 0.5) for p in model.net.coefficients(x, t)]
    found = fidelity(model.net, symbols, x, t)
    for part in (0, 2, 5):
        direction = found.slopes[part] / found.slopes[part].abs().max()
        sides = []
        for sign in (-1, 1):
            moved = [s + 0.02 * sign * direction if k == part else s for k, s in enumerate(symbols)]
            sides.append(fidelity(model.net, moved, x, t).bits)
        expected = (found.slopes[part] * direction).sum().item()
        assert (sides[1] - sides[0]) / 0.04 == pytest.approx(expected, rel=0.05)


def test_a_symbol_moves_where_that_costs_least() -> None:
    """By hand: bits 0, 5, 7, 8 of 0 … 3; a step costs 26/3 bits of curvature, less or more by its slope."""
    table = torch.tensor([[0.0, 5, 7, 8]])
    symbols = torch.tensor([1.0, 1, 1, -1, 0, 0, 2]).reshape(1, 1, 1, 7)
    #     down: −5 − slope + c, up: +2 + slope + c; c = 8.67
    slope = torch.tensor([0.0, 5, -12, -5, 14, -13, 0]).reshape(1, 1, 1, 7)
    place = torch.zeros_like(symbols).int()
    around = Surroundings(place, torch.zeros_like(symbols))
    moved = move(symbols, around, slope, table, 1.0, torch.Generator()).flatten().tolist()
    assert pytest.approx(26 / 3) == CURVATURE
    assert moved == [1, 0, 2, 0, -1, 0, 2]  # 0 → −1: 5 − 14 + 8.67 < 0; 0 → 1: 5 − 13 + 8.67 > 0
    still = move(symbols, around, slope, table, 0.0, torch.Generator())
    assert torch.equal(still, symbols)
    # Others would cost 10 bits more for each step of size, of which half is believed: 1 becomes 0, and 0 stays.
    around = Surroundings(place, torch.full_like(symbols, 10.0))
    moved = move(symbols, around, slope, table, 1.0, torch.Generator()).flatten().tolist()
    assert moved == [0, 0, 1, 0, 0, 0, 2]


def test_surroundings_are_what_the_coder_finds(model: WaveletModel, pixels: np.ndarray) -> None:
    known = walk_of(model, pixels)
    found = look(model.net, thaw(model.net.contexts), model.stored, known.symbols, QUALITY)
    for around, index in zip(found, known.index[1:], strict=True):
        apart = (around.place[0].numpy() - index).ravel()
        assert np.abs(apart).max() <= 1
        assert np.mean(apart != 0) < 0.02
