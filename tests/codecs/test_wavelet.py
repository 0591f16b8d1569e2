"""The wavelet model: exact symbols, any size, any prefix, no seams, weights that cannot be mistaken."""

import json
import os
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file, save_file

import roundel
from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.codec import WaveletModel, fold, unfold
from roundel.codecs.wavelet.symbols import BITS_PRICE, prices
from roundel.errors import FormatError, ModelError
from roundel.training import recipes
from roundel.training.quantizers import Thrifty
from roundel.training.wavelet import stored as wavelet_weights
from roundel.training.wavelet.export import calibrated
from roundel.training.wavelet.net import WaveletNet, WaveletShape
from tests.codecs import reference_wavelet
from tests.codecs.pictures import smooth_picture
from tests.codecs.test_lossy_exact import KERNELS

TINY = WaveletShape(widths=(8, 8, 8, 8, 6), c4=8, c8=8, blocks4=1, blocks8=1, anchors=3)
CASES = [(64, 64, 90), (130, 75, 50), (200, 300, 100), (1, 1, 0)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a small model, untrained but with all its parts at work."""
    torch.manual_seed(0)
    net = WaveletNet(TINY).eval()
    net.initialise(torch.from_numpy(smooth_picture(256, 256)).permute(2, 0, 1)[None].float() / 255)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.02 * torch.randn_like(p))
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    wavelet_weights.save(path, net, wavelet_weights.integers(net, wavelet_weights.family_tables()), {})
    return path


@pytest.fixture(scope="module")
def model(weights: Path) -> WaveletModel:
    found = zoo.get(str(weights))
    assert isinstance(found, WaveletModel)
    return found


@pytest.mark.parametrize(("height", "width"), [(64, 128), (1, 1), (1, 200), (65, 17), (100, 150)])
@pytest.mark.parametrize("quality", [0, 37, 100])
def test_decoded_symbols_are_those_encoded(model: WaveletModel, height: int, width: int, quality: int) -> None:
    window = Window(0, 0, height, width)
    coded = model.encode(smooth_picture(height, width), window, quality)
    decoded = model.decode(coded.passes, height, width, quality)
    assert decoded.crc == coded.crc
    assert model.render(decoded.latents, window, quality).shape == (height, width, 3)


def test_each_pass_brings_the_picture_closer(model: WaveletModel) -> None:
    pixels, window = smooth_picture(128, 128), Window(0, 0, 128, 128)
    coded = model.encode(pixels, window, 80)
    assert len(coded.passes) == model.passes == 5
    errors = []
    for count in range(model.passes + 1):
        decoded = model.decode(coded.passes[:count], 128, 128, 80)
        assert (decoded.crc is None) == (count < model.passes)
        errors.append(np.square(model.render(decoded.latents, window, 80) - pixels.astype(float)).mean())
    assert errors == sorted(errors, reverse=True)


def test_quality_buys_fidelity_and_costs_bytes(model: WaveletModel) -> None:
    pixels, window = smooth_picture(128, 192), Window(0, 0, 128, 192)
    sizes, errors = [], []
    for quality in (0, 25, 50, 75, 100):
        coded = model.encode(pixels, window, quality)
        latents = model.decode(coded.passes, 128, 192, quality).latents
        sizes.append(sum(map(len, coded.passes)))
        errors.append(np.square(model.render(latents, window, quality) - pixels.astype(float)).mean())
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)


def test_tiles_leave_no_seams(model: WaveletModel) -> None:
    """At the highest quality little is rounded away, so that tiles and the whole show the same picture."""
    pixels = smooth_picture(256, 320)
    whole = roundel.decode_array(roundel.encode(pixels, quality=100, model=model), model=model)
    tiled = roundel.decode_array(roundel.encode(pixels, quality=100, model=model, tile_px=128), model=model)
    error = np.abs(tiled.astype(int) - whole)
    inside, at_seams = np.delete(error, np.s_[124:132], 0).mean(), error[124:132].mean()
    assert at_seams < 1.5 * inside + 0.1


def test_a_window_with_its_halo_renders_as_inside_the_whole(model: WaveletModel) -> None:
    side, halo = 64, model.halo_px
    pixels = smooth_picture(2 * halo + side, 2 * halo + side + 128)
    height, width = pixels.shape[:2]
    coded = model.encode(pixels, Window(0, 0, height, width), 60)
    latents = model.decode(coded.passes, height, width, 60).latents
    whole = model.render(latents, Window(halo, halo, side, side), 60)
    cells = (2 * halo + side) // model.latent_px
    tile = model.render(np.ascontiguousarray(latents[:, :cells, :cells]), Window(halo, halo, side, side), 60)
    assert np.abs(tile.astype(int) - whole).max() <= 1


def test_folding_keeps_every_symbol() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.integers(-99, 99, (3, 2, 3))] + [rng.integers(-99, 99, (9, 2 << k, 3 << k)) for k in range(3)]
    found = unfold(fold([p.astype(np.int32) for p in parts], 3), 3)
    assert all(np.array_equal(a, b) for a, b in zip(parts, found, strict=True))


def test_prices_are_those_of_the_tables() -> None:
    tables = wavelet_weights.family_tables()
    found = prices(tables)
    slot = tables.starts[30] + 2 - tables.offsets[30]
    assert found[30, 2] == pytest.approx(24 - np.log2(tables.frequencies[slot]))
    assert np.all(np.diff(found[0, -100:]) >= 0)


@pytest.mark.parametrize("case", CASES)
def test_a_decoder_written_from_the_specification_agrees(
    model: WaveletModel, weights: Path, case: tuple[int, int, int]
) -> None:
    height, width, quality = case
    coded = model.encode(smooth_picture(height, width), Window(0, 0, height, width), quality)
    parts = reference_wavelet.symbols(coded.passes, height, width, quality, load_arrays(weights))
    crc = 0
    for part in parts:
        crc = zlib.crc32(part.astype("<i4").tobytes(), crc)
    assert crc == coded.crc


@pytest.mark.parametrize(("kernels", "threads", "mkldnn"), [("AVX2", 1, "on"), ("SSE", 2, "on"), ("SSE", 1, "off")])
def test_other_kernels_decode_the_same_symbols(
    model: WaveletModel, weights: Path, kernels: str, threads: int, mkldnn: str
) -> None:
    lines, expected = [], []
    for height, width, quality in CASES:
        coded = model.encode(smooth_picture(height, width), Window(0, 0, height, width), quality)
        lines.append(json.dumps([[p.hex() for p in coded.passes], height, width, quality]))
        expected.append(str(coded.crc))
    command = [sys.executable, "-m", "tests.codecs.child_lossy", str(weights), str(threads), mkldnn]
    done = subprocess.run(
        command, input="\n".join(lines), capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        env=os.environ | KERNELS[kernels],
    )  # fmt: skip
    assert done.stdout.split() == expected


def test_garbage_is_a_format_error_or_other_symbols(model: WaveletModel) -> None:
    coded = model.encode(smooth_picture(64, 64), Window(0, 0, 64, 64), 90)
    rng = np.random.default_rng(0)
    for _ in range(50):
        broken = [bytearray(p) for p in coded.passes]
        victim = broken[rng.integers(len(broken))]
        if victim:
            victim[rng.integers(len(victim))] ^= 1 << rng.integers(8)
        try:
            decoded = model.decode([bytes(p) for p in broken], 64, 64, 90)
        except FormatError:
            continue
        assert decoded.latents.shape == (3 + 9 * 341, 2, 2)


def test_damaged_weights_are_refused(weights: Path, tmp_path: Path) -> None:
    tensors = load_file(weights)
    with safe_open(weights, "pt") as file:
        metadata = file.metadata()
    name = "exact.contexts.levels.2.white"
    bad = {
        "overflow": tensors | {f"{name}.weight0": torch.full_like(tensors[f"{name}.weight0"], 32767)},
        "changed": tensors | {f"{name}.bias": tensors[f"{name}.bias"] + 1000},
        "lacking": {k: v for k, v in tensors.items() if k != "low_index"},
    }
    for label, changed in bad.items():
        path = tmp_path / f"{label}.safetensors"
        save_file(changed, path, metadata)
        with pytest.raises(ModelError):
            zoo.get(str(path))


def test_training_can_go_on_from_published_weights(model: WaveletModel, weights: Path, tmp_path: Path) -> None:
    """What is exported from them again is the same model: its files are decoded to the same symbols."""
    net = WaveletNet(TINY)
    recipes.start(net, weights, "wavelet")
    again = tmp_path / "again.safetensors"
    wavelet_weights.save(again, net, wavelet_weights.integers(net, wavelet_weights.family_tables()), {})
    pixels, window = smooth_picture(64, 64), Window(0, 0, 64, 64)
    for quality in (0, 50, 100):
        coded = model.encode(pixels, window, quality)
        assert zoo.get(str(again)).decode(coded.passes, 64, 64, quality).crc == coded.crc
    with pytest.raises(ModelError, match="shape"):
        recipes.start(WaveletNet(replace(TINY, c8=12)), weights, "wavelet")


def test_exported_tables_follow_what_was_met(weights: Path) -> None:
    """Counts move probability to where symbols are; both signs stay alike."""
    net, stored = wavelet_weights.load(weights, "cpu")
    found = calibrated(net, stored, np.stack([smooth_picture(128, 128, seed=k) for k in range(4)]))
    assert np.array_equal(found.offsets, stored.tables.offsets)
    a, b = found.starts[20], found.starts[21] - 1
    assert np.abs(np.diff([found.frequencies[a:b], found.frequencies[a:b][::-1]], axis=0)).max() <= 1
    assert not np.array_equal(found.frequencies, stored.tables.frequencies)


def test_bytes_match_the_estimate_of_training(model: WaveletModel, weights: Path) -> None:
    """The rate that training minimises is the rate that files have; what is not coded costs it next to nothing."""
    net, _ = wavelet_weights.load(weights, "cpu")
    pixels = smooth_picture(512, 512, seed=1)
    coded = model.encode(pixels, Window(0, 0, 512, 512), 80)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    again = WaveletNet(TINY).eval()
    again.load_state_dict(wavelet_weights.trainable(weights, net))
    with torch.no_grad():
        found = again(x, torch.tensor([0.8]), Thrifty(BITS_PRICE))
    assert sum(map(len, coded.passes)) * 8 / 512**2 == pytest.approx((found.y_bpp + found.z_bpp).item(), rel=0.03)
