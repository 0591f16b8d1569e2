"""Discrete autoencoders: any size, every quantiser, codes alone decode, weights come back, training learns."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from safetensors.torch import load_file

from roundel.cli.train import command
from roundel.codecs import zoo
from roundel.errors import ImageError, ModelError
from roundel.image import cifar
from roundel.training import recipes
from roundel.training.quantizers.adaptive import NOTCHES
from roundel.training.tokens import export
from roundel.training.tokens.calibrate import integer_twin, strided, transposed
from roundel.training.tokens.integer_net import LATENT_UNIT, LOGIT_UNIT, PIXEL_UNIT, inner, to_channels, to_squares
from roundel.training.tokens.model import AutoencoderShape, DiscreteAutoencoder

VECTOR = AutoencoderShape(widths=(4, 4, 8, 8), dims=16)
GRID = AutoencoderShape(net="grid", widths=(8,), blocks=1, dims=4, levels=(8, 5, 5, 5), prior="coset", prior_width=4)
INTEGER = [replace(VECTOR, net="integer-vector"), replace(GRID, net="integer-grid")]
QUANTIZERS = [
    ("fsq", (8,)),
    ("adaptive-fsq", (5,)),
    ("uniform-fsq", (8,)),
    ("residual-fsq", (4, 2)),
    ("scaled-residual-fsq", (4, 2)),
    ("vq", (16,)),
    ("residual-vq", (8, 8)),
    ("lfq", (2,)),
]


@pytest.mark.parametrize("net", ["vector", "grid"])
@pytest.mark.parametrize(("quantizer", "levels"), QUANTIZERS)
def test_codes_alone_make_the_picture(net: str, quantizer: str, levels: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    widths = VECTOR.widths if net == "vector" else GRID.widths
    model = DiscreteAutoencoder(AutoencoderShape(net, widths, dims=4, quantizer=quantizer, levels=levels)).eval()
    x = torch.rand(2, 3, 32, 32)
    found = model(x)
    codes = model.encode(x)
    assert torch.equal(codes, found.codes.codes)
    assert torch.allclose(model.decode(codes, 32, 32), model.net.picture(found.raw).clamp(0, 1), atol=1e-6)
    assert found.bits.shape == found.rate.shape == (2,)


@pytest.mark.parametrize("size", [(1, 1), (7, 65), (8, 16), (33, 20)])
def test_the_grid_takes_any_size(size: tuple[int, int]) -> None:
    model = DiscreteAutoencoder(GRID).eval()
    codes = model.encode(torch.rand(1, 3, *size))
    assert codes.shape == (1, 4, -(-size[0] // 8), -(-size[1] // 8))
    assert model.decode(codes, *size).shape == (1, 3, *size)


def test_shapes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ImageError, match="32 × 32"):
        DiscreteAutoencoder(VECTOR).encode(torch.rand(1, 3, 40, 32))
    wrong = [
        ({"net": "round"}, "round"),
        ({"widths": (8, 8)}, "takes 4"),
        ({"net": "grid"}, "takes 1"),
        ({"prior": "coset"}, "coset"),
        ({"quantizer": "dice"}, "dice"),
        ({"levels": (8, 8)}, "one for each of 64"),
        ({"levels": (1,)}, "at least 2"),
        ({"mode": "as_is"}, "as_is"),
        ({"mode": "as_written", "quantizer": "vq"}, "as_written"),
        ({"net": "integer-vector", "quantizer": "vq"}, "fsq"),
        ({"net": "integer-vector", "mode": "as_written"}, "fsq"),
        ({"quantizer": "vq", "levels": (8, 8)}, "one number"),
        ({"quantizer": "adaptive-fsq", "levels": (8,)}, "among"),
    ]
    for settings, complaint in wrong:
        with pytest.raises(ModelError, match=complaint):
            DiscreteAutoencoder(AutoencoderShape(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", INTEGER)
def test_training_goes_on_from_weights(shape: AutoencoderShape, tmp_path: Path) -> None:
    """A model that starts from a weights file exports nets and tables that do the same."""
    torch.manual_seed(0)
    published = DiscreteAutoencoder(replace(shape, prior="coset" if "grid" in shape.net else "chain", prior_width=4))
    for name, parameter in published.named_parameters():
        if name.endswith("bias") or name.startswith("prior"):
            torch.nn.init.normal_(parameter, std=0.3)
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    export.save(published, first, {})
    model = DiscreteAutoencoder(published.shape)
    recipes.start(model, first, "fsq")
    export.save(model, second, {})
    one, two = (zoo.get(str(path)) for path in (first, second))
    pictures = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
    codes = one.nets.analyse(pictures)
    assert np.array_equal(two.nets.analyse(pictures), codes)
    assert np.array_equal(one.nets.synthesise(codes, 32, 32), two.nets.synthesise(codes, 32, 32))
    assert one.coder.encode(codes) == two.coder.encode(codes)
    other = DiscreteAutoencoder(replace(published.shape, prior="factorized"))
    recipes.start(other, first, "fsq")
    assert torch.equal(other.net.encoder.leave.bias, model.net.encoder.leave.bias)
    with pytest.raises(ModelError, match="of the shape"):
        recipes.start(DiscreteAutoencoder(replace(shape, levels=(5,))), first, "fsq")
    with pytest.raises(ModelError, match="such as the configuration"):
        recipes.start(DiscreteAutoencoder(replace(shape, widths=tuple(2 * w for w in shape.widths))), first, "fsq")


@pytest.mark.parametrize("grown", [{}, {"widths": (12,), "blocks": 3, "prior_width": 6}])
def test_floats_go_on_from_weights(grown: dict[str, Any], tmp_path: Path) -> None:
    """Wider and deeper ones, too: what is new says nothing at first."""
    torch.manual_seed(0)
    small = replace(GRID, widths=(8,), prior="coset", prior_width=4)
    published = DiscreteAutoencoder(replace(small, net="integer-grid"))
    for name, parameter in published.named_parameters():
        if name.endswith("bias") or name.startswith("prior"):
            torch.nn.init.normal_(parameter, std=0.3)
    export.save(published, tmp_path / "w.safetensors", {})
    model = DiscreteAutoencoder(replace(small, **grown))
    recipes.start(model, tmp_path / "w.safetensors", "fsq")
    x = torch.rand(4, 3, 64, 64)
    codes = published.encode(x)
    assert (model.encode(x) != codes).float().mean() < 0.05
    assert (model.decode(codes, 64, 64) - published.decode(codes, 64, 64)).abs().max() < 3 / 255
    position = codes.float()
    assert (model.prior(codes, position)[0] - published.prior(codes, position)[0]).abs().mean() < 0.02
    narrower = DiscreteAutoencoder(replace(small, widths=(4,)))
    with pytest.raises(ModelError, match="more than the configuration"):
        recipes.start(narrower, tmp_path / "w.safetensors", "fsq")


@pytest.mark.parametrize("shape", INTEGER)
def test_nets_in_integers_start_alike(shape: AutoencoderShape) -> None:
    """All sums are integers, and gradients reach every layer."""
    torch.manual_seed(0)
    model = DiscreteAutoencoder(shape)
    found = model(torch.rand(2, 3, 32, 32))
    steps = found.raw * (PIXEL_UNIT if "grid" in shape.net else LOGIT_UNIT)
    assert torch.equal(steps, torch.round(steps))
    latents = model.net.analysis(torch.rand(2, 3, 32, 32)) * LATENT_UNIT
    assert torch.equal(latents, torch.round(latents))
    (found.raw.square().sum() + found.rate.sum()).backward()
    for name, parameter in model.net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("shape", [VECTOR, GRID])
def test_the_twin_in_integers_does_what_was_trained(shape: AutoencoderShape, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = DiscreteAutoencoder(replace(shape, widths=tuple(4 * width for width in shape.widths)))
    for name, parameter in model.net.named_parameters():
        if name.endswith("leave.weight") or name.endswith("conv2.weight"):
            torch.nn.init.normal_(parameter, std=0.01)
    (model.net.analysis_linear.linear if shape is GRID else model.net.to_latent).weight.data.mul_(20)
    pictures = torch.randint(0, 256, (64, 3, 8, 8), dtype=torch.uint8).repeat_interleave(4, 2).repeat_interleave(4, 3)
    model(pictures.float() / 255)  # statistics of batch normalisation
    export.save(integer_twin(model, pictures), tmp_path / "w.safetensors", {})
    model.eval()
    twin = zoo.get(str(tmp_path / "w.safetensors"))
    x = pictures[:16]
    codes = model.encode(x.float() / 255).numpy().reshape(16, -1)
    found = twin.nets.analyse(x.permute(0, 2, 3, 1).numpy())
    assert len(np.unique(codes)) > 3
    assert (found.reshape(16, -1) != codes).mean() < 0.1
    shown = model.decode(torch.from_numpy(codes).view(model.encode(x.float() / 255).shape), 32, 32) * 255
    own = twin.nets.synthesise(codes.astype(np.int32).reshape(found.shape), 32, 32).transpose(0, 3, 1, 2)
    assert np.abs(own - shown.numpy()).mean() < max(2.0, 0.1 * float(shown.std()))


def test_strided_convolutions_are_ones_of_squares() -> None:
    torch.manual_seed(0)
    x, weight, back = torch.randn(2, 5, 12, 8), torch.randn(7, 5, 4, 4), torch.randn(5, 7, 4, 4)
    found = F.conv2d(to_channels(F.pad(x, (1, 1, 1, 1)), 2), strided(weight))
    assert torch.allclose(found, F.conv2d(x, weight, stride=2, padding=1), atol=1e-4)
    found = inner(to_squares(F.conv2d(F.pad(x, (1, 1, 1, 1)), transposed(back)), 2))
    assert torch.allclose(found, F.conv_transpose2d(x, back, stride=2, padding=1), atol=1e-4)


def test_reconstruction_reaches_the_encoder_unless_as_written() -> None:
    for mode, learns in (("corrected", True), ("as_written", False)):
        model = DiscreteAutoencoder(AutoencoderShape(widths=(4, 4, 8, 8), dims=16, mode=mode))
        model(torch.rand(4, 3, 32, 32)).raw.square().sum().backward()
        gradient = model.net.to_latent.weight.grad
        assert learns == (gradient is not None and bool((gradient != 0).any()))


CONFIG = """
kind = "fsq"
[shape]
net = "{net}"
widths = [4, 4, 8, 8]
dims = 8
quantizer = "{quantizer}"
levels = {levels}
mode = "{mode}"
[objective]
distortion = "mse"
lmbda = 0.1
beta = 0.01
gamma = 0.01
[data]
cifar = true
[schedule]
steps = {steps}
lr = 4e-3
warmup = 4
muon = false
ema = 0.9
crops = [[0.0, 32, 32]]
validate_every = 50
bf16 = false
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """CIFAR-10 files of flat colours: 1,200 pictures."""
    colours = np.random.default_rng(0).integers(0, 256, (1200, 1, 1, 3), dtype=np.uint8)
    batch = cifar.to_bytes(np.broadcast_to(colours, (1200, 32, 32, 3)), np.zeros(1200, np.uint8))
    (tmp_path / "data_batch_1.bin").write_bytes(batch)
    return tmp_path


def test_training_learns_and_exports_what_codes(pictures: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(CONFIG.format(net="integer-vector", quantizer="fsq", levels="[8]", mode="corrected", steps=40))
    torch.manual_seed(0)
    before = recipes.load(config, [pictures]).task
    start, _ = before.validate(before.model.eval())
    result = CliRunner().invoke(command, [str(config), "--data", str(pictures), "--out", str(tmp_path / "run")],
                                catch_exceptions=False)  # fmt: skip
    assert result.exit_code == 0
    task = recipes.load(config, [pictures]).task
    path = tmp_path / "run" / "weights.safetensors"
    recipes.start(task.model, path, "fsq")
    score, values = task.validate(task.model.eval())
    assert score < 0.95 * start
    assert values["val_bits"] <= 24  # 8 dimensions of 8 levels
    coded = zoo.get(str(path)).encode_batch(task.validation.permute(0, 2, 3, 1).contiguous().numpy())
    assert len(coded.passes[0]) / len(task.validation) < 25 / 8


@pytest.mark.parametrize(
    ("quantizer", "levels", "mode"),
    [
        ("vq", "[16]", "corrected"),
        ("scaled-residual-fsq", "[4, 2]", "corrected"),
        ("uniform-fsq", "[8]", "corrected"),
        ("fsq", "[8]", "as_written"),
    ],
)
def test_other_quantisers_train_by_the_same_recipe(
    quantizer: str, levels: str, mode: str, pictures: Path, tmp_path: Path
) -> None:
    config = tmp_path / "c.toml"
    config.write_text(CONFIG.format(net="vector", quantizer=quantizer, levels=levels, mode=mode, steps=3))
    args = [str(config), "--data", str(pictures), "--out", str(tmp_path / "run")]
    assert CliRunner().invoke(command, args, catch_exceptions=False).exit_code == 0
    task = recipes.load(config, [pictures]).task
    task.model.load_state_dict(load_file(tmp_path / "run" / "weights.safetensors"))
    assert task.model.encode(torch.rand(1, 3, 32, 32)).shape[0] == 1
    with pytest.raises(ModelError, match="integers"):
        export.save(task.model, tmp_path / "w.safetensors", {})


def test_adaptive_levels_move_in_training_and_come_back(pictures: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    text = CONFIG.format(net="vector", quantizer="adaptive-fsq", levels="[5]", mode="corrected", steps=10)
    mean = []
    for name, lmbda in (("free", 0.0), ("dear", 1e9)):
        config.write_text(f"{text}[adaptation]\nevery_steps = 2\nlmbda = {lmbda}")
        args = [str(config), "--data", str(pictures), "--out", str(tmp_path / name)]
        assert CliRunner().invoke(command, args, catch_exceptions=False).exit_code == 0
        levels = load_file(tmp_path / name / "weights.safetensors")["bottleneck.chosen"].tolist()
        assert set(levels) <= set(NOTCHES)
        mean.append(np.mean(levels))
    assert mean[0] > mean[1] < 5
    config.write_text(text.replace("adaptive-fsq", "fsq") + "[adaptation]\nevery_steps = 2\nlmbda = 0.1")
    with pytest.raises(ModelError, match="adaptive-fsq"):
        recipes.load(config, [pictures])
