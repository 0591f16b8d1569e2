"""Token models: what they code decodes everywhere, from any size, and nothing else gets through."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

import roundel
from roundel import container, tokens
from roundel.codecs import zoo
from roundel.codecs.tokens.codec import TokenModel
from roundel.codecs.tokens.nets import Guesses
from roundel.codecs.weights import read
from roundel.engine import Graph
from roundel.errors import ChecksumError, FormatError, ModelError, UnsupportedError
from roundel.packing import Collection, pack, unpack
from roundel.training.entropy.bounded import (
    MEANS,
    SCALES,
    bounded_bits,
    bounded_tables,
    first_tables,
    scale_of,
    tables_for,
)
from roundel.training.entropy.guessed import GuessedPrior
from roundel.training.tokens import export
from roundel.training.tokens.chain import ChainNet
from roundel.training.tokens.coset import CosetNet
from roundel.training.tokens.graphs import prior_graph
from roundel.training.tokens.model import AutoencoderShape, DiscreteAutoencoder
from tests.codecs import reference_tokens as reference
from tests.test_codec import scene

LEVELS = (8, 5, 5)
SHAPES = {
    "grid": AutoencoderShape("integer-grid", (8,), 1, 3, levels=LEVELS, prior="coset", prior_width=4),
    "vector": AutoencoderShape("integer-vector", (4, 4, 8, 8), dims=6),
    "chain": AutoencoderShape("integer-vector", (4, 4, 8, 8), dims=3, levels=LEVELS, prior="chain", prior_width=4),
}


@pytest.fixture(scope="module", params=SHAPES)
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model that says something."""
    path = tmp_path_factory.mktemp("tokens") / f"{request.param}.safetensors"
    export.save(random_model(request.param), path, {})
    return path


def random_model(kind: str) -> DiscreteAutoencoder:
    """A model whose latents, pictures and prior vary, and where some of all ranges is beyond their ends."""
    torch.manual_seed(1)
    model = DiscreteAutoencoder(SHAPES[kind]).eval()
    for name, parameter in model.named_parameters():
        if name.startswith("prior."):
            torch.nn.init.normal_(parameter, std=0.2 if "direct" in name else 0.4)
        elif name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.5)
        elif "shortcut" in name or "leave" in name:
            parameter.data.mul_(4)
    return model


@pytest.fixture
def model(weights: Path) -> TokenModel:
    found = zoo.get(str(weights))
    assert isinstance(found, TokenModel)
    return found


@pytest.mark.parametrize("size", [(1, 1), (7, 65), (33, 20), (150, 131)])
def test_codes_come_back_from_files(model: TokenModel, size: tuple[int, int]) -> None:
    pixels = scene(*size)
    codes = roundel.tokenize(pixels, model=model)
    px = model.latent_px
    assert codes.shape == (-(-size[0] // px), -(-size[1] // px), len(model.levels))
    data = roundel.encode(pixels, model=model)
    assert np.array_equal(roundel.tokenize(data, model=model), codes)
    other = np.random.default_rng(2).integers(0, model.levels, codes.shape)  # such as no picture has
    stored = tokens.to_file(other, size=size[::-1], model=model)
    assert np.array_equal(roundel.tokenize(stored, model=model), other)
    shown = roundel.detokenize(other, size=size[::-1], model=model)
    assert shown.shape == (*size, 3)
    assert np.array_equal(roundel.decode_array(stored, model=model), shown)


def test_tiles_change_nothing(model: TokenModel) -> None:
    """A halo of the nets' reach: tokens and pixels are those of the picture coded whole."""
    pixels = scene(200, 170)
    whole, tiled = (roundel.encode(pixels, model=model, tile_px=n) for n in (1536, 64))
    assert np.array_equal(*(roundel.tokenize(data, model=model) for data in (whole, tiled)))
    assert np.array_equal(*(roundel.decode_array(data, model=model) for data in (whole, tiled)))


@pytest.mark.parametrize("size", [(32, 32), (64, 96)])
def test_nets_do_what_was_trained(size: tuple[int, int], weights: Path, model: TokenModel) -> None:
    """Graphs compute what training did, but for the rounding of weights that training leaves real."""
    net = random_model(weights.stem)
    if not model.nets.joined:
        size = (32, 32)
    pixels = np.stack([np.roll(scene(*size), 5 * k, 1) for k in range(16)])
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    codes = model.nets.analyse(pixels)
    assert len(np.unique(codes)) > 2
    off = np.abs(net.encode(x).numpy().reshape(codes.shape) - codes)
    assert off.max() <= 1
    assert off.mean() < 0.15
    given = torch.from_numpy(codes.astype(np.int64)).reshape(net.encode(x).shape)
    shown = torch.round(net.decode(given, *size) * 255).permute(0, 2, 3, 1).numpy()
    found = model.nets.synthesise(codes, *size)
    assert found.std() > 5
    assert np.abs(found - shown).mean() < 0.3


def test_the_specification_alone_gives_codes_and_pixels(weights: Path, model: TokenModel) -> None:
    plain = reference.load(weights)
    if model.nets.joined:
        pixels = scene(24, 40)
        codes = reference.grid_codes(plain, pixels)
        shown = reference.grid_pixels(plain, codes)
    else:
        pixels = scene(32, 32)
        codes = reference.vector_codes(plain, pixels)[:, None, None]
        shown = reference.vector_pixels(plain, codes[:, 0, 0])
    assert np.array_equal(model.nets.analyse(pixels[None])[0], codes)
    assert np.array_equal(model.nets.synthesise(codes[None], *pixels.shape[:2])[0], shown)
    tops = np.array(model.levels)[:, None, None] - 1
    for extreme in (0 * codes, codes * 0 + tops, np.where(codes % 2, tops, 0)):
        plainly = reference.grid_pixels(plain, extreme) if model.nets.joined else (
            reference.vector_pixels(plain, extreme[:, 0, 0])
        )  # fmt: skip
        assert np.array_equal(model.nets.synthesise(extreme[None], *pixels.shape[:2])[0], plainly)


def test_company_changes_nothing(model: TokenModel) -> None:
    """Pictures of a batch are what they are alone."""
    side = 32
    pixels = np.stack([scene(side, side), 255 - scene(side, side), scene(side, side)[::-1]])
    codes = model.nets.analyse(pixels)
    shown = model.nets.synthesise(codes, side, side)
    for k in range(3):
        assert np.array_equal(model.nets.analyse(pixels[k : k + 1])[0], codes[k])
        assert np.array_equal(model.nets.synthesise(codes[k : k + 1], side, side)[0], shown[k])


def test_a_prefix_of_the_passes_is_a_preview(model: TokenModel) -> None:
    data = roundel.encode(scene(40, 40), model=model)
    for passes in range(1, model.passes + 1):
        assert roundel.decode_array(data, model=model, passes=passes).shape == (40, 40, 3)
    empty = model.decode([], 40, 40, 0)
    assert empty.crc is None
    assert (empty.latents == np.array(model.levels)[:, None, None] // 2).all()


def test_packs_code_pictures_together(model: TokenModel) -> None:
    rng = np.random.default_rng(0)
    pictures = list(rng.integers(0, 256, (10, 32, 32, 3), dtype=np.uint8))
    data = pack(Collection(pictures), model=model, group=4)
    opened = container.read_pack(data)
    assert opened.header.kind is container.Kind.TOKENS
    shown = list(unpack(opened, range(10), model=model))
    codes = [roundel.tokenize(picture, model=model) for picture in pictures]
    assert np.array_equal(roundel.tokenize(data, model=model), np.stack(codes))
    for own, found in zip(codes, shown, strict=True):
        assert np.array_equal(roundel.detokenize(own, model=model), found)
    uneven = pack(Collection([*pictures, np.zeros((32, 40, 3), np.uint8)]), model=model)
    with pytest.raises(UnsupportedError, match="differ in size"):
        roundel.tokenize(uneven, model=model)
    units = [opened.passes(unit) for unit in range(opened.units)]
    units[1] = model.coder.encode(rng.integers(0, 2, (4, *model.decode([], 32, 32, 0).latents.shape)).astype(np.int32))
    wrong = container.write_pack(opened.header, [(32, 32)] * 10, units, group=4)
    with pytest.raises(ChecksumError):
        list(unpack(container.read_pack(wrong), range(10), model=model))
    with pytest.raises(ChecksumError):
        roundel.tokenize(wrong, model=model)


def random_codes(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.array(LEVELS)[:, None, None], shape).astype(np.int32)


@pytest.mark.parametrize("weights", ["grid"], indirect=True)
def test_the_specification_alone_decodes(weights: Path, model: TokenModel) -> None:
    codes, plain = random_codes(3, 5, 7), reference.load(weights)
    passes = model.encode_codes(codes).passes
    assert np.array_equal(reference.coset_codes(passes, 5, 7, plain), codes)
    assert np.array_equal(reference.coset_codes(passes[:2], 5, 7, plain), model.decode(passes[:2], 40, 56, 0).latents)


@pytest.mark.parametrize("weights", ["chain"], indirect=True)
def test_the_specification_alone_decodes_chains(weights: Path, model: TokenModel) -> None:
    codes = random_codes(4, 3, 2, 3)
    (data,) = model.coder.encode(codes)
    assert np.array_equal(reference.chain_codes(data, (4, 3, 2, 3), reference.load(weights)), codes)


def test_nothing_is_seen_before_it_is_decoded() -> None:
    """Parameters of a code depend on earlier channels, and on earlier phases of the own."""
    torch.manual_seed(0)
    prior = GuessedPrior(CosetNet(LEVELS, 4))
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    codes = torch.randint(0, 5, (1, 3, 6, 6)).float().requires_grad_()
    raw = prior.net(codes)
    (seen,) = torch.autograd.grad(raw[0, 1, :, 3, 3].sum(), codes)
    assert (seen[0, 2] == 0).all()
    rows, columns = seen[0, 1].nonzero(as_tuple=True)
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) <= {(2, 2), (2, 4), (4, 2), (4, 4)}
    assert (seen[0, 0].nonzero() - 3).abs().max() == 1


def test_a_chain_sees_only_earlier_dimensions_of_its_token() -> None:
    torch.manual_seed(0)
    prior = GuessedPrior(ChainNet(LEVELS, 4))
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    codes = torch.randint(0, 5, (2, 3, 2, 2)).float().requires_grad_()
    for channel in range(3):
        (seen,) = torch.autograd.grad(prior.net(codes)[1, channel, :, 0, 1].sum(), codes)
        assert (seen.abs().sum((0, 2, 3)) > 0).tolist() == [k < channel for k in range(3)]
        assert seen[0].abs().sum() == 0
        assert seen[1, :, [0, 1, 1], [0, 0, 1]].abs().sum() == 0
    assert torch.equal(prior.net(codes[:, :, 0, 0]), prior.net(codes)[..., 0, 0])


def test_a_chain_does_not_mind_who_else_is_in_the_batch() -> None:
    torch.manual_seed(1)
    net = ChainNet((8,) * 20, 16)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    guess = Guesses(Graph(prior_graph(net)))
    known = np.random.default_rng(0).integers(-4, 4, (20, 70)).astype(np.float32)
    for number in (0, 7, 19):
        together = guess(number, known[: number + 1])
        assert len(np.unique(together)) > 1 or number == 0
        for start, end in ((0, 1), (3, 10), (69, 70)):
            assert np.array_equal(guess(number, known[: number + 1, start:end]), together[start:end])


def test_training_counts_what_the_tables_cost() -> None:
    levels, codes = 5, torch.arange(5)
    tables = tables_for((levels,))
    for i, j in ((0, 0), (7, 9), (16, 19)):
        mean, scale = torch.tensor(i / MEANS), scale_of(torch.tensor(float(j)))
        bits = bounded_bits(codes.float(), codes, torch.tensor(levels), mean, scale)
        table = i * SCALES + j
        assert torch.allclose(torch.exp2(-bits).sum(), torch.tensor(1.0), atol=1e-4)
        stored = tables.slot_bits[tables.starts[table] : tables.starts[table] + levels]
        assert np.allclose(bits.numpy(), stored, rtol=2e-3)
    assert first_tables((8, 5, 5)) == {5: 0, 8: len(bounded_tables(5))}


def test_what_is_wrong_is_named(model: TokenModel, weights: Path, tmp_path: Path) -> None:
    codes = roundel.tokenize(scene(40, 70), model=model)
    high = codes.copy()
    high[0, 0, 1] = model.levels[1]
    for wrong, complaint in (
        (codes[..., :2], "were they made by another model"),
        (codes.astype(float), "are integers"),
        (codes[0], "are integers"),
        (high, f"entry 1 .* 0 .. {model.levels[1] - 1}"),
        (codes[:0], "are integers"),
    ):
        with pytest.raises(ModelError, match=complaint):
            roundel.detokenize(wrong, model=model)
    with pytest.raises(ModelError, match="no picture of 640 × 480"):
        roundel.detokenize(codes, size=(640, 480), model=model)
    with pytest.raises(UnsupportedError, match=r"loss(y|less), it holds no tokens"):
        roundel.tokenize(roundel.encode(scene(20, 20)), model=model)
    with pytest.raises(ModelError, match="makes no tokens"):
        roundel.tokenize(scene(20, 20), model="photo-wavelet")
    with pytest.raises(FormatError):
        model.decode([b"\xff" * 9] * model.passes, 40, 40, 0)
    data = weights.read_bytes()
    (tmp_path / "w.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match=r"w\.safetensors"):
        zoo.get(str(tmp_path / "w.safetensors"))


def rewritten(weights: Path, path: Path, **changes: object) -> str:
    """A copy of a weights file with other metadata or tensors."""
    with safe_open(weights, "numpy") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    for key, value in changes.items():
        held: dict[str, object] = metadata if isinstance(value, str) else tensors
        held[key.replace("_", ".") if key.startswith(("graph", "tables")) else key] = value
    save_file(tensors, path, metadata)
    return str(path)


@pytest.mark.parametrize("weights", ["grid"], indirect=True)
def test_weights_that_are_no_such_model_are_refused(weights: Path, tmp_path: Path) -> None:
    shape = json.dumps({"levels": [8, 5, 5], "token_px": 8, "reach": 4, "prior": "coset"})
    wrong: list[tuple[dict[str, object], str]] = [
        ({"shape": "{}"}, "levels"),
        ({"shape": shape.replace("[8, 5, 5]", "[8, 5, 1]")}, "levels"),
        ({"shape": shape.replace("[8, 5, 5]", "[8, 5, 999]")}, "levels"),
        ({"shape": shape.replace("8,", "0,", 2)}, "levels|px"),
        ({"shape": shape.replace("coset", "oracle")}, "oracle"),
        ({"shape": shape.replace("coset", "factorized")}, "probability tables"),
        ({"thresholds": np.zeros((2, 2), np.int32)}, "thresholds"),
        ({"graph_synthesis": np.zeros(9, np.uint8)}, "cannot load a net"),
        ({"graph_prior": read(weights).tensors["thresholds"].view(np.uint8).ravel()}, "cannot load a net"),
        ({"selftest": "0" * 32}, "where they were exported"),
        ({"architecture": "tokens/99"}, "tokens/99"),
    ]
    for number, (changes, complaint) in enumerate(wrong):
        with pytest.raises(ModelError, match=complaint):
            zoo.get(rewritten(weights, tmp_path / f"{number}.safetensors", **changes))
