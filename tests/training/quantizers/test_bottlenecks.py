"""What every discrete bottleneck promises."""

from collections.abc import Callable

import pytest
import torch

from roundel.coding import decode, encode
from roundel.errors import ModelError
from roundel.training.entropy.categorical import CategoricalPrior, from_symbols, to_symbols
from roundel.training.quantizers.adaptive import AdaptiveFSQ
from roundel.training.quantizers.codes import Bottleneck
from roundel.training.quantizers.fsq import FSQ
from roundel.training.quantizers.lfq import LFQ
from roundel.training.quantizers.residual_fsq import ResidualFSQ
from roundel.training.quantizers.residual_vq import ResidualVQ
from roundel.training.quantizers.scaled_residual_fsq import ScaledResidualFSQ
from roundel.training.quantizers.soft_to_hard import SoftToHardVQ
from roundel.training.quantizers.uniform_fsq import UniformFSQ
from roundel.training.quantizers.usage import usage
from roundel.training.quantizers.vq import VectorQuantizer

DIMS = 6
MAKERS: dict[str, Callable[[], Bottleneck]] = {
    "fsq": lambda: FSQ([8, 5, 2, 3, 10, 4]),
    "adaptive": lambda: AdaptiveFSQ(DIMS),
    "uniform-fsq": lambda: UniformFSQ([8, 5, 2, 3, 10, 4]),
    "residual-fsq": lambda: ResidualFSQ(DIMS, [4, 3, 2]),
    "scaled-residual-fsq": lambda: ScaledResidualFSQ(DIMS, [4, 3, 2]),
    "vq": lambda: VectorQuantizer(DIMS, 32),
    "soft-to-hard-vq": lambda: SoftToHardVQ(DIMS, 32),
    "residual-vq": lambda: ResidualVQ(DIMS, [16, 8]),
    "lfq": lambda: LFQ(DIMS),
}
INVERTIBLE = [name for name in MAKERS if name != "residual-vq"]
SHAPES = [(40, DIMS), (4, DIMS, 3, 5)]


def make(name: str) -> Bottleneck:
    """A bottleneck that has seen some data."""
    torch.manual_seed(0)
    bottleneck = MAKERS[name]()
    for _ in range(3):
        bottleneck(torch.randn(100, DIMS))
    return bottleneck.eval()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", MAKERS)
def test_codes_are_integers_in_range_and_decode_to_the_values(name: str, shape: tuple[int, ...]) -> None:
    bottleneck = make(name)
    z = 2 * torch.randn(shape)
    found = bottleneck(z)
    assert found.values.shape == z.shape
    assert found.values.dtype == torch.float32
    assert found.codes.dtype == torch.int64
    assert found.codes.shape == found.position.shape == (shape[0], len(bottleneck.levels), *shape[2:])
    assert found.loss.shape == ()
    for channel, levels in enumerate(bottleneck.levels):
        assert 0 <= found.codes[:, channel].min() <= found.codes[:, channel].max() < levels
    assert torch.equal(bottleneck.values(found.codes), found.values)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", INVERTIBLE)
def test_values_lead_back_to_every_code(name: str, shape: tuple[int, ...]) -> None:
    bottleneck = make(name)
    codes = torch.stack([torch.randint(n, (shape[0], *shape[2:])) for n in bottleneck.levels], 1)
    assert torch.equal(bottleneck.codes(bottleneck.values(codes)), codes)  # type: ignore[operator]


@pytest.mark.parametrize("name", MAKERS)
def test_codes_are_the_nearest_to_their_positions(name: str) -> None:
    bottleneck = make(name)
    found = bottleneck(torch.randn(200, DIMS))
    nearest = torch.floor(found.position + 0.5).long().clamp_min(0)
    assert torch.equal(torch.minimum(nearest, torch.tensor(bottleneck.levels) - 1), found.codes)


@pytest.mark.parametrize("name", MAKERS)
def test_the_encoder_has_a_gradient_and_it_is_that_of_the_bound(name: str) -> None:
    z = torch.randn(50, DIMS, requires_grad=True)
    (gradient,) = torch.autograd.grad(make(name)(z).values.sum(), z)
    if name == "soft-to-hard-vq":
        return  # that of soft assignments: see below
    assert (gradient > 0).all()
    if name in ("vq", "residual-vq", "lfq"):
        assert torch.equal(gradient, torch.ones_like(z))
    if name.endswith("residual-fsq"):
        assert torch.allclose(gradient, 1 - torch.tanh(z.detach()) ** 2)


@pytest.mark.parametrize("name", MAKERS)
def test_state_is_all_there_is(name: str) -> None:
    bottleneck, copy = make(name), MAKERS[name]().eval()
    copy.load_state_dict(bottleneck.state_dict())
    z = torch.randn(50, DIMS)
    assert torch.equal(copy(z).codes, bottleneck(z).codes)
    assert torch.equal(copy(z).values, bottleneck(z).values)


@pytest.mark.parametrize("name", MAKERS)
def test_bfloat16_latents_give_the_codes_of_their_float32_values(name: str) -> None:
    bottleneck, z = make(name), torch.randn(50, DIMS).bfloat16()
    assert torch.equal(bottleneck(z).codes, bottleneck(z.float()).codes)


@pytest.mark.parametrize("name", MAKERS)
def test_codes_survive_real_bytes_under_the_prior(name: str) -> None:
    bottleneck = make(name)
    codes = bottleneck(torch.randn(4, DIMS, 3, 5)).codes
    prior = CategoricalPrior(bottleneck.levels)
    symbols, index = to_symbols(codes, bottleneck.levels)
    tables = prior.tables()
    assert torch.equal(from_symbols(decode(encode(symbols, index, tables), index, tables), codes.shape), codes)


@pytest.mark.parametrize("name", MAKERS)
def test_normal_latents_use_more_than_half_of_every_alphabet(name: str) -> None:
    bottleneck = make(name)
    codes = bottleneck(torch.randn(4000, DIMS)).codes
    found = usage(codes, bottleneck.levels)
    levels = torch.tensor(bottleneck.levels)
    assert (found.used >= levels / 2).all()
    assert (found.perplexity <= levels + 1e-3).all()
    assert (found.perplexity > 1).all()


@pytest.mark.parametrize("name", MAKERS)
def test_wrong_input_is_named(name: str) -> None:
    bottleneck = make(name)
    with pytest.raises(ModelError, match="takes"):
        bottleneck(torch.zeros(4, DIMS + 1))
    codes = torch.zeros(2, len(bottleneck.levels), dtype=torch.int64)
    codes[1, -1] = bottleneck.levels[-1]
    with pytest.raises(ModelError, match=f"channel {len(bottleneck.levels) - 1} are 0 .. {bottleneck.levels[-1]}"):
        bottleneck.values(codes)
    with pytest.raises(ModelError, match="integers"):
        bottleneck.values(codes.float())


def test_impossible_quantisers_are_refused() -> None:
    with pytest.raises(ModelError, match="at least 2"):
        FSQ([8, 1])
    with pytest.raises(ModelError, match="at least 2"):
        ResidualFSQ(3, [])
    with pytest.raises(ModelError, match="levels a dimension"):
        ResidualFSQ(3, [1024, 1024, 2])
    with pytest.raises(ModelError, match="codebook of 1"):
        VectorQuantizer(3, 1)
    with pytest.raises(ModelError, match="among"):
        AdaptiveFSQ(3, 4)
    for levels in (8, [8.5, 5], "88"):
        with pytest.raises(ModelError, match="integer of at least 2"):
            FSQ(levels)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="at least 2"):
        ResidualVQ(3, [])
    for maker in (lambda: VectorQuantizer(0, 8), lambda: AdaptiveFSQ(0), lambda: ResidualFSQ(0, [4]), lambda: LFQ(0)):
        with pytest.raises(ModelError, match="0 dimensions"):
            maker()
    with pytest.raises(ModelError, match="forward rounds hard"):
        FSQ([8, 5]).soften(torch.zeros(1, 2), 0.0)


def test_usage_of_codes_beyond_the_levels_is_refused() -> None:
    with pytest.raises(ModelError, match="channel 1"):
        usage(torch.tensor([[7, 4]]), [8, 3])
