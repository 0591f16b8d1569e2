"""The wavelet model: exact symbols and pixels, any size, any prefix, no seams, nothing erased."""

import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import roundel
from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.wavelet import analysis, stored, synthesis
from roundel.codecs.wavelet.codec import FILTERED, UNITS, WaveletModel
from roundel.codecs.wavelet.folding import LATENTS, fold, planar, unfold
from roundel.codecs.wavelet.places import FLAG_TABLES, RUN, TABLE_OF, TILTS, Places
from roundel.codecs.wavelet.symbols import SYMBOL_MAX, Reading
from roundel.codecs.wavelet.walk import ALL, BLACK, WHITE, Group, Level, Symbols, pick, put, signed
from roundel.errors import FormatError, ModelError
from roundel.training.wavelet.tunings import TUNINGS
from tests.codecs import reference_wavelet
from tests.codecs.pictures import smooth_picture
from tests.codecs.wavelets import tiny_net, write_tiny

CASES = [(64, 64, 90, "psnr"), (70, 45, 50, "ssimulacra2"), (1, 1, 0, "psnr"), (33, 97, 100, "ssimulacra2")]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


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


@pytest.mark.parametrize("tuning", ["ssimulacra2", "psnr"])
@pytest.mark.parametrize("quality", [5, 60, 100])
def test_no_coefficient_is_erased(model: WaveletModel, tuning: str, quality: int) -> None:
    """At effort 0 every decoded detail is within the step of its quantiser, twice that of the two together, and the low
    band within half a step, whatever the contexts expect."""
    rng = np.random.default_rng(quality)
    pixels = rng.choice(np.array([0, 255], np.uint8), (64, 64, 3))  # nothing that a net could guess
    plain = model.tuned(tuning).at_effort(0)
    window = Window(0, 0, 64, 64)
    y = plain.coefficients(plain.tile(pixels, window, quality))
    decoded = model.decode(plain.encode(pixels, window, quality).passes, 64, 64, quality)
    found, multipliers = unfold(decoded.latents), model.stored.multipliers(plain.tuning, quality)
    for number, (part, own, per_step) in enumerate(zip(y, found, multipliers, strict=True)):
        steps = own.transpose(1, 2, 0) * (256 / per_step)
        rounding = 256 / per_step  # of dequantised coefficients to whole numbers
        assert (np.abs(steps - part) <= (2 if number else 0.5) + rounding + 1e-3).all()


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


def test_the_filter_is_off_where_it_does_harm(weights: Path, tmp_path: Path) -> None:
    """An untrained filter does; its tile says so, and decodes to what stands before the filter."""
    tensors = load_file(weights)
    for tuning in TUNINGS:
        tensors[f"filter.{tuning.name}.gain"] = np.full(101, 100_000, np.int32)
    path = tmp_path / "loud.safetensors"
    with safe_open(weights, "numpy") as file:
        save_file(tensors, path, file.metadata())
    loud = WaveletModel(stored.unchecked(roundel.codecs.weights.read(path)), name="", model_id=0)
    for tuning in TUNINGS:
        coded = loud.tuned(tuning.name).encode(smooth_picture(64, 64), Window(0, 0, 64, 64), 60)
        assert not coded.passes[0][0] & FILTERED


def test_a_window_with_its_halo_renders_as_inside_the_whole(model: WaveletModel) -> None:
    side, halo = 64, model.halo_px
    pixels = smooth_picture(2 * halo + side, 2 * halo + side + 64)
    height, width = pixels.shape[:2]
    latents = model.decode(model.encode(pixels, Window(0, 0, height, width), 60).passes, height, width, 60).latents
    latents[-1] = FILTERED
    whole = model.render(latents, Window(0, 0, height, width), 60)[halo : halo + side, halo : halo + side]
    cells = (2 * halo + side) // model.latent_px
    tile = model.render(np.ascontiguousarray(latents[:, :cells, :cells]), Window(halo, halo, side, side), 60)
    assert np.array_equal(tile, whole)


@pytest.mark.parametrize("case", CASES)
def test_a_decoder_written_from_the_specification_agrees(
    model: WaveletModel, weights: Path, case: tuple[int, int, int, str]
) -> None:
    """Symbols and pixels, with the filter on and off."""
    height, width, quality, tuning = case
    plain = reference_wavelet.load(weights)
    window = Window(0, 0, height, width)
    coded = model.tuned(tuning).encode(smooth_picture(height, width), window, quality)
    parts = reference_wavelet.symbols(plain, coded.passes, height, width, quality)
    crc = zlib.crc32(coded.passes[0][:1])
    for part in parts:
        crc = zlib.crc32(part.transpose(1, 2, 0).astype("<i2").tobytes(), crc)
    assert crc == coded.crc
    latents = model.decode(coded.passes, height, width, quality).latents
    for settings in (latents[-1, 0, 0] & 15, latents[-1, 0, 0] & 15 | FILTERED):
        latents[-1] = settings
        expected = reference_wavelet.pixels(plain, parts, int(settings), quality)[:height, :width]
        assert np.array_equal(model.render(latents, window, quality), expected)


def test_the_plain_coder_makes_the_same_files(weights: Path) -> None:
    """Without the C extension: the same passes and the same pixels."""
    script = (
        "import hashlib, sys, numpy as np\n"
        "from roundel.codecs import zoo\n"
        "from roundel.codecs.protocol import Window\n"
        "from tests.codecs.pictures import smooth_picture\n"
        "model, window = zoo.get(sys.argv[1]), Window(0, 0, 50, 70)\n"
        "coded = model.encode(smooth_picture(50, 70), window, 70)\n"
        "pixels = model.render(model.decode(coded.passes, 50, 70, 70).latents, window, 70)\n"
        "print(hashlib.sha256(b''.join(coded.passes) + pixels.tobytes()).hexdigest())\n"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", script, str(weights)], capture_output=True, text=True, check=True,
            cwd=Path(__file__).parents[2], env=os.environ | {"ROUNDEL_CODER": coder},
        ).stdout
        for coder in ("", "plain")
    ]  # fmt: skip
    assert found[0] == found[1] != ""


def test_bytes_match_the_estimate_of_training(model: WaveletModel) -> None:
    """The rate that training minimises is about the rate that files have, before tables are fitted to counts."""
    pixels = smooth_picture(256, 256, seed=1)
    coded = model.tuned("psnr").encode(pixels, Window(0, 0, 256, 256), 80)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        found = tiny_net()(x, torch.tensor([0.8]), torch.tensor([1]))
    assert sum(map(len, coded.passes)) * 8 / 256**2 == pytest.approx((found.bpp + found.low_bpp).item(), rel=0.05)


def test_synthesis_is_the_inverse_of_analysis() -> None:
    """Within what whole numbers of 1/32 can say; of a flat picture exactly."""
    rng = np.random.default_rng(0)
    for pixels in (rng.integers(0, 256, (64, 96, 3)), np.full((64, 64, 3), 200)):
        factors = [np.full(channels, 32, np.float32) for channels in (3, 9, 9, 9, 9, 9)]
        parts = analysis.analysis(pixels.astype(np.float32), factors)
        whole = [np.rint(p).astype(np.int16).transpose(2, 0, 1) for p in parts]
        drawn = synthesis.draw(synthesis.synthesis(whole))
        assert np.abs(drawn.samples / 32 + 127.5 - pixels).max() < 0.5
        assert np.abs(drawn.pixels.astype(int) - pixels).max() <= (1 if pixels.std() else 0)


@pytest.mark.parametrize("extreme", [-(2**15), 2**15 - 1])
def test_no_coefficients_can_leave_32_bits(extreme: int) -> None:
    """The plain twin in 64 bits says the same as 32 bits do, for coefficients that alternate between their bounds."""
    board = np.where(np.indices((9, 8, 8)).sum(0) % 2, extreme, -1 - extreme).astype(np.int16)
    low = np.full((3, 8, 8), extreme, np.int16)
    found = synthesis.merge(low, board)
    planes = []
    for c in range(3):
        h, v, d = board[3 * c : 3 * c + 3].astype(np.int64)
        left = reference_wavelet.joined(reference_wavelet.times(low[c].astype(np.int64), 24793), v, 0)
        planes.append(reference_wavelet.joined(left, reference_wavelet.joined(h, d, 0), 1))
    assert np.array_equal(found, np.stack(planes))


def test_folding_keeps_every_coefficient() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.integers(-99, 99, (2, 3, 3))] + [rng.integers(-99, 99, (2 << k, 3 << k, 9)) for k in range(3)]
    multipliers = [np.full(part.shape[2], 256, np.int32) for part in parts]
    latents = fold([p.astype(np.int16) for p in parts], multipliers, 17)
    assert latents.shape == (LATENTS, 2, 3)
    assert (latents[-1] == 17).all()
    found = unfold(latents)
    assert all(np.array_equal(a, b.transpose(1, 2, 0)) for a, b in zip(parts, found, strict=False))
    assert not any(part.any() for part in found[4:])
    for a, b in zip(planar([p.astype(np.int16) for p in parts], multipliers), found, strict=False):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(4, 6), (3, 5), (1, 1)])
def test_fields_of_a_chessboard_are_in_raster_order(shape: tuple[int, int]) -> None:
    array = np.arange(shape[0] * shape[1] * 2).reshape(*shape, 2)
    odd = np.indices(shape).sum(0) % 2 == 1
    again = np.zeros_like(array)
    for fields, where in ((WHITE, ~odd), (BLACK, odd), (ALL, np.ones_like(odd))):
        group = Group(1, slice(0, 2), fields)
        assert np.array_equal(pick(array, group), array[where])
        again[:] = 0
        put(again, group, pick(array, group))
        assert np.array_equal(again, array * where[..., None])


def test_magnitudes_tell_the_signs_apart() -> None:
    found = signed(np.array([[[0, 1, -3, 7, -30000]]], np.int16))
    # round(16·log2(1 + 0.8·|v|)): 13.57, 28.25, 43.58
    assert found.tolist() == [[[[0, 14, 0, 44, 0, 0, 0, 28, 0, 123, 0, 0]]]]
    assert signed(np.array([[[1, -1, 5]]], np.int16), 2).tolist() == [[[[14, 0, 0, 14]]]]


def test_runs_of_zeros_cost_one_flag() -> None:
    index = np.zeros(70, np.uint8)
    index[5] = 9
    places = Places.of(index, np.full(70, 3, np.uint8))
    symbols = np.zeros(70, np.int32)
    symbols[40] = 2
    flags = places.flags(symbols != 0)
    assert places.runs == len(flags) == 3
    assert flags.tolist() == [0, 1, 0]  # the first run is of places 0 … 32 but for 5, the second begins at 33
    held = np.flatnonzero(places.coded(flags))
    assert held.tolist() == [5, *range(33, 33 + RUN)]


def test_every_index_and_skew_has_its_table() -> None:
    assert TABLE_OF[0].tolist() == [0] * 7
    assert TABLE_OF[1].tolist() == [4, 3, 2, 1, 2, 3, 4]
    assert TABLE_OF.max() == FLAG_TABLES - 1 == 63 * TILTS


def test_garbage_is_a_format_error_or_other_symbols(model: WaveletModel) -> None:
    coded = model.encode(smooth_picture(64, 64), Window(0, 0, 64, 64), 90)
    rng = np.random.default_rng(0)
    refused = 0
    for number in range(120):
        broken = [bytearray(p) for p in coded.passes]
        victim = broken[number % len(broken)]
        if victim and number % 3:
            victim[rng.integers(len(victim))] ^= 1 << rng.integers(8)
        else:
            victim[:] = rng.bytes(rng.integers(0, 200))
        try:
            decoded = model.decode([bytes(p) for p in broken], 64, 64, 90)
        except FormatError:
            refused += 1
            continue
        assert model.render(decoded.latents, Window(0, 0, 64, 64), 90).shape == (64, 64, 3)
    assert refused


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (12, 16), (33, 9)])
def test_groups_are_read_alike_at_once_and_step_by_step(model: WaveletModel, shape: tuple[int, int]) -> None:
    """Of any bytes, and whatever a head says, scale indices and skews beyond their grids among it."""
    rng = np.random.default_rng(shape)
    refused = 0
    for number in range(12):
        limits = [np.full(9, (SYMBOL_MAX, 40)[number % 2], np.int32)] * 6
        passes = [bytes(3), bytes(3), rng.integers(0, 256, 2000, np.uint8).tobytes(), b"", b""]
        levels, ends = [Level.blank(*shape) for _ in range(2)], []
        heads = [rng.integers(0, (3, 70, 256)[number % 3], (*shape, 2 * c)).astype(np.uint8) for c in (3, 3, 6)]
        for level, read in zip(levels, (Reading.details, Symbols.details), strict=True):
            reading, end = Reading(passes, limits, model.stored.tables), ""
            groups = ((slice(0, 3), WHITE), (slice(0, 3), BLACK), (slice(3, 9), ALL))
            for (channels, fields), said in zip(groups, heads, strict=True):
                try:
                    read(reading, Group(3, channels, fields), said, level)
                except FormatError as error:
                    end = str(error)
                    break
            ends.append(end)
        assert bool(ends[0]) == bool(ends[1])
        refused += bool(ends[0])
        if not ends[0]:
            for once, stepwise in zip(*levels, strict=True):
                np.testing.assert_array_equal(once, stepwise)
    assert refused < 12


def test_settings_and_coefficients_out_of_range_are_damage(model: WaveletModel) -> None:
    coded = model.encode(smooth_picture(32, 32), Window(0, 0, 32, 32), 50)
    for first in (2, 15, 32, 255):
        with pytest.raises(FormatError, match="settings"):
            model.decode([bytes([first]) + coded.passes[0][1:], *coded.passes[1:]], 32, 32, 50)
    with pytest.raises(FormatError, match="empty"):
        model.decode([b"", *coded.passes[1:]], 32, 32, 50)
    with pytest.raises(ModelError, match="no tuning"):
        model.tuned("taste")


def test_damaged_weights_are_refused(weights: Path, tmp_path: Path) -> None:
    tensors = load_file(weights)
    with safe_open(weights, "numpy") as file:
        metadata = file.metadata()
    changes = {
        "changed": {"context2.white_bias": tensors["context2.white_bias"] + 4000},
        "range": {"multipliers": np.full_like(tensors["multipliers"], 2**30)},
        "shape": {"low_index": tensors["low_index"][:1]},
    }
    for label, changed in changes.items():
        path = tmp_path / f"{label}.safetensors"
        save_file(tensors | changed, path, metadata)
        with pytest.raises(ModelError):
            zoo.get(str(path))
    path = tmp_path / "lacking.safetensors"
    save_file({k: v for k, v in tensors.items() if k != "low_index"}, path, metadata)
    with pytest.raises(ModelError, match="low_index"):
        zoo.get(str(path))


def test_units_are_those_of_the_specification() -> None:
    assert UNITS == 32 * 256
