"""Encoding harder and for the eye: what is minimised falls, texture hides errors, and files of all efforts decode."""

from pathlib import Path

import numpy as np
import pytest
import torch

import roundel
from roundel.codecs import zoo
from roundel.codecs.loading import at_effort
from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.codec import FILTERED, ROUNDS, WaveletModel
from roundel.codecs.wavelet.masking import RANGE, price_maps
from roundel.codecs.wavelet.nets import Preparation
from roundel.codecs.wavelet.refine import Aim, Looking, gainful, refine
from roundel.codecs.wavelet.symbols import Writing
from roundel.codecs.wavelet.walk import walk
from roundel.engine import Graph
from roundel.errors import ModelError, RoundelError
from roundel.training.wavelet.prefilter import PreFilter, prefilter_parts
from tests.codecs.pictures import smooth_picture
from tests.codecs.wavelets import write_tiny
from tests.standin import BlockMeans

QUALITY = 60
WINDOW = Window(0, 0, 96, 128)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> WaveletModel:
    found = zoo.get(str(write_tiny(tmp_path_factory.mktemp("weights") / "tiny.safetensors")))
    assert isinstance(found, WaveletModel)
    return found.tuned("psnr")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return smooth_picture(WINDOW.height, WINDOW.width)


def cost(model: WaveletModel, parts: list[np.ndarray], pixels: np.ndarray) -> float:
    """Squared error in steps² and the worth of the bits, of known symbols."""
    looking = Looking(parts)
    walk(model.stored.contexts(model.tuning, QUALITY), looking, *parts[0].shape[:2], model.passes)
    bits = sum(
        float(model.prices.of(part, table, turned).sum())
        for part, table, turned in zip(parts[1:], looking.tables[1:], looking.turned[1:], strict=True)
    )
    errors = model._errors(pixels, WINDOW, QUALITY, parts, parts)
    return sum(float(np.square(e).sum()) for e in errors) + model.stored.bit_price(model.tuning) * bits


def test_rate_and_distortion_together_fall_with_the_rounds(model: WaveletModel, pixels: np.ndarray) -> None:
    stored, y = model.stored, model.coefficients(pixels, WINDOW, QUALITY)
    contexts, limits = stored.contexts(model.tuning, QUALITY), stored.limits(model.tuning, QUALITY)
    begin = Writing(y, limits, stored.tables, model.prices, stored.bit_price(model.tuning))
    parts = walk(contexts, begin, *y[0].shape[:2], model.passes)
    aim = Aim(
        lambda found: model._errors(pixels, WINDOW, QUALITY, found, found), limits, stored.bit_price(model.tuning), None
    )
    costs = [cost(model, refine(parts, contexts, model.prices, aim, rounds), pixels) for rounds in (0, 4, 16)]
    assert costs[0] > costs[1] > costs[2]


def test_a_move_is_made_where_it_pays_and_nowhere_else(model: WaveletModel) -> None:
    # Without a price of bits, a symbol moves when its error is beyond half a step.
    errors = np.array([[[0.0, 0.4, -0.4, 0.6, -0.6, 1.7]]], np.float32)
    symbols = np.full(errors.shape, 2, np.int32)
    table, turned = np.full(errors.shape, 40, np.int32), np.zeros(errors.shape, np.uint8)
    free = np.zeros((1, 1, 1), np.float32)
    assert gainful(symbols, errors, model.prices, table, turned, free).tolist() == [[[0, 0, 0, -1, 1, -1]]]
    # At a very high price all go towards what is cheapest.
    dear = np.full((1, 1, 1), 1e4, np.float32)
    cheaper = model.prices.of(symbols - 1, table, turned) < model.prices.of(symbols, table, turned)
    assert (gainful(symbols, errors, model.prices, table, turned, dear)[cheaper] == -1).all()


def test_errors_are_nothing_for_a_picture_that_decodes_to_itself(model: WaveletModel, pixels: np.ndarray) -> None:
    coded = model.encode(pixels, WINDOW, QUALITY)
    looking = walk(
        model.stored.contexts(model.tuning, QUALITY),
        Writing(
            model.coefficients(pixels, WINDOW, QUALITY), model.stored.limits(model.tuning, QUALITY),
            model.stored.tables, model.prices, model.stored.bit_price(model.tuning),
        ),
        WINDOW.height // 32, WINDOW.width // 32, model.passes,
    )  # fmt: skip
    shown = model._finished(model._drawn(looking, QUALITY), WINDOW, model.tuning | FILTERED, QUALITY)
    errors = model._errors(shown, WINDOW, QUALITY, looking, looking)
    assert max(np.abs(e).max() for e in errors) < 1e-3
    assert len(coded.passes) == model.passes


def test_a_bit_costs_more_where_texture_hides_errors() -> None:
    rng = np.random.default_rng(1)
    picture = np.full((128, 128, 3), 120, np.float32)
    picture[:, 64:] += np.repeat(np.repeat(rng.normal(0, 40, (16, 8, 1)), 8, 0), 8, 1)
    maps = price_maps(picture, 0.5)
    assert [m.shape for m in maps] == [(128 >> k, 128 >> k) for k in (5, 4, 3, 2, 1)]
    for found in maps:
        half = found.shape[1] // 2
        assert found[:, half + half // 2 :].mean() > 1.5 * found[:, : half // 2].mean()
        assert found.min() >= RANGE[0]
        assert found.max() <= RANGE[1]
    assert all((m == 1).all() for m in price_maps(picture, 0.0))


def test_the_graph_of_a_prefilter_is_the_net() -> None:
    torch.manual_seed(0)
    net = PreFilter(8, 8, anchors=3).eval()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.05 * torch.randn_like(p))
    tables, data = prefilter_parts(net, torch.linspace(0, 1, 5))
    gain, shift = (tables[name][3].astype(np.float32)[None, :, None, None] for name in ("gain", "shift"))
    found = Preparation(Graph(data), gain, shift, tables["scale"][3:4])
    pixels = np.random.default_rng(2).uniform(0, 255, (32, 48, 3)).astype(np.float32)
    with torch.no_grad():
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
        expected = (net(x, torch.tensor([0.75]))[0].permute(1, 2, 0) * 255).numpy()
    assert np.abs(expected - pixels).max() > 10
    assert found.prepared(pixels) == pytest.approx(expected, abs=0.5)  # weights are in half precision


@pytest.mark.parametrize("effort", [0, 2, 5])
def test_files_of_every_effort_decode_to_what_was_meant(model: WaveletModel, pixels: np.ndarray, effort: int) -> None:
    coded = at_effort(model, effort).encode(pixels, WINDOW, QUALITY)
    assert model.decode(coded.passes, WINDOW.height, WINDOW.width, QUALITY).crc == coded.crc


def test_efforts_are_known_and_models_without_them_say_so(model: WaveletModel) -> None:
    assert list(ROUNDS) == sorted(ROUNDS)
    assert len(ROUNDS) == 10
    with pytest.raises(RoundelError, match="out of range"):
        at_effort(model, 10)
    with pytest.raises(ModelError, match="effort"):
        at_effort(BlockMeans(), 5)


def test_the_python_api_takes_an_effort(tmp_path: Path, pixels: np.ndarray) -> None:
    weights = str(write_tiny(tmp_path / "tiny.safetensors"))
    quick, slow = (roundel.encode(pixels, quality=QUALITY, model=weights, effort=e) for e in (1, 4))
    assert roundel.decode_array(slow, model=weights).shape == pixels.shape
    assert quick != slow
