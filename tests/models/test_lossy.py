"""The lossy model: exact symbols, any size, any prefix, weights that cannot be mistaken."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from roundel import coding
from roundel.errors import FormatError, ModelError
from roundel.lab.train import load_initial
from roundel.models import lossy_weights, zoo
from roundel.models.hyperprior import MeanScaleHyperprior
from roundel.models.lossy import LossyModel
from roundel.models.protocol import Window
from tests.models.conftest import TINY
from tests.models.pictures import smooth_picture


@pytest.mark.parametrize(("height", "width"), [(64, 128), (1, 1), (1, 200), (65, 17), (100, 150)])
@pytest.mark.parametrize("quality", [0, 37, 100])
def test_decoded_symbols_are_those_encoded(model: LossyModel, height: int, width: int, quality: int) -> None:
    window = Window(0, 0, height, width)
    pixels = smooth_picture(height, width)
    coded = model.encode(pixels, window, quality)
    decoded = model.decode(coded.passes, height, width, quality)
    assert decoded.crc == coded.crc
    assert model.render(decoded.latents, window, quality).shape == (height, width, 3)


def test_each_pass_brings_the_picture_closer(model: LossyModel) -> None:
    pixels = smooth_picture(128, 128)
    window = Window(0, 0, 128, 128)
    coded = model.encode(pixels, window, 80)
    assert len(coded.passes) == model.passes
    errors = []
    for count in range(model.passes + 1):
        decoded = model.decode(coded.passes[:count], 128, 128, 80)
        assert (decoded.crc is None) == (count < model.passes)
        errors.append(np.square(model.render(decoded.latents, window, 80) - pixels.astype(float)).mean())
    # What the hyper-latents alone give is learned, so an untrained net need not gain by them.
    assert errors[1:] == sorted(errors[1:], reverse=True)


def test_quality_buys_fidelity_and_costs_bytes(model: LossyModel) -> None:
    pixels = smooth_picture(128, 192)
    window = Window(0, 0, 128, 192)
    sizes, errors = [], []
    for quality in (0, 25, 50, 75, 100):
        coded = model.encode(pixels, window, quality)
        latents = model.decode(coded.passes, 128, 192, quality).latents
        sizes.append(sum(map(len, coded.passes)))
        errors.append(np.square(model.render(latents, window, quality) - pixels.astype(float)).mean())
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)


def test_a_window_with_its_halo_codes_as_inside_the_whole(model: LossyModel) -> None:
    """The analysis and synthesis of a tile see `halo_px` and no further, so tiles leave no seams."""
    side = 64
    pixels = smooth_picture(2 * model.halo_px + side, 2 * model.halo_px + side + 64)
    whole = model.render(_latents(model, pixels), Window(model.halo_px, model.halo_px, side, side), 60)
    latents = _latents(model, pixels)
    margin = model.halo_px // model.latent_px
    cells = side // model.latent_px
    cut = latents[:, : 2 * margin + cells, : 2 * margin + cells]
    tile = model.render(np.ascontiguousarray(cut), Window(model.halo_px, model.halo_px, side, side), 60)
    assert np.abs(tile.astype(int) - whole).max() <= 1


def _latents(model: LossyModel, pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    coded = model.encode(pixels, Window(0, 0, height, width), 60)
    return model.decode(coded.passes, height, width, 60).latents


def test_bytes_match_the_estimate_of_each_stream(model: LossyModel, weights: Path) -> None:
    """The rate that training minimises is the rate that files have."""
    from roundel.entropy.densities import gaussian_bits
    from roundel.models.hyperprior import scale_of

    pixels = smooth_picture(512, 512, seed=1)
    coded = model.encode(pixels, Window(0, 0, 512, 512), 70)
    z_int = model.decode(coded.passes[:1], 512, 512, 70)
    full = model.decode(coded.passes, 512, 512, 70)
    symbols = torch.from_numpy(full.latents - z_int.latents).round()
    _, stored = lossy_weights.load(weights, "cpu")
    # The scale indices as the codec has them, the bits as training counts them.
    size = (TINY.hyper, 8, 8)
    centre, table = model._z_call(size, 70)
    z = torch.from_numpy((centre + coding.decode(coded.passes[0], table, stored.z_tables)).reshape(size))[None].float()
    _, index = model._hyper(z, 70, 32, 32)
    for number, (channels, data) in enumerate(zip(model._groups(), coded.passes[1:], strict=True)):
        at = 1 + model._tables(number, channels, symbols.numpy().astype(np.int32), index)
        scale = scale_of(torch.from_numpy(at.astype(np.float32)))
        bits = gaussian_bits(symbols[channels], scale)[torch.from_numpy(index[channels] > 0)]
        assert len(data) * 8 == pytest.approx(bits.sum().item(), rel=0.01, abs=40)


def test_garbage_is_a_format_error_or_other_symbols(model: LossyModel) -> None:
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
        assert decoded.latents.shape == (TINY.latents, 4, 4)


def test_damaged_weights_are_refused(weights: Path, tmp_path: Path) -> None:
    tensors = load_file(weights)
    with_overflow = dict(tensors)
    with_overflow["exact.middle.weight"] = torch.full_like(tensors["exact.middle.weight"], 32767)
    from safetensors import safe_open

    with safe_open(weights, "pt") as file:
        metadata = file.metadata()
    changed = dict(tensors)
    changed["exact.leave.weight"] = tensors["exact.leave.weight"] + 1
    lacking = {k: v for k, v in tensors.items() if k != "z_loc"}
    for name, bad in {"overflow": with_overflow, "changed": changed, "lacking": lacking}.items():
        path = tmp_path / f"{name}.safetensors"
        save_file(bad, path, metadata)
        with pytest.raises(ModelError):
            zoo.get(str(path))
    (tmp_path / "short.safetensors").write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="damaged"):
        zoo.get(str(tmp_path / "short.safetensors"))
    with pytest.raises(ModelError, match="missing"):
        zoo.get(str(tmp_path / "absent.safetensors"))


def test_training_can_go_on_from_published_weights(model: LossyModel, weights: Path, tmp_path: Path) -> None:
    """What is exported from them again is the same model: same symbols, same picture."""
    net = MeanScaleHyperprior(TINY)
    load_initial(net, weights)
    again = tmp_path / "again.safetensors"
    lossy_weights.save(again, net, lossy_weights.integers(net), {})
    pixels, window = smooth_picture(64, 64), Window(0, 0, 64, 64)
    for quality in (0, 50, 100):
        coded = model.encode(pixels, window, quality)
        decoded = zoo.get(str(again)).decode(coded.passes, 64, 64, quality)
        assert decoded.crc == coded.crc
    load_initial(MeanScaleHyperprior(replace(TINY, context_width=0)), weights)  # the first stage of a training
    with pytest.raises(ModelError, match="shape"):
        load_initial(MeanScaleHyperprior(replace(TINY, c8=24)), weights)
