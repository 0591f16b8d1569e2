"""Bottlenecks at the edges: batches that are not finite, other types, other defaults."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.training.quantizers.adaptive import AdaptiveFSQ
from roundel.training.quantizers.centroids import Centroids
from roundel.training.quantizers.codes import MAX_LEVELS, Bottleneck, NotFiniteError
from roundel.training.quantizers.fsq import FSQ
from roundel.training.quantizers.fsq_as_written import FSQAsWritten
from roundel.training.quantizers.ladder import LadderFSQ
from roundel.training.quantizers.residual_fsq import ResidualFSQ
from roundel.training.quantizers.usage import usage
from roundel.training.quantizers.vq import VectorQuantizer
from tests.training.quantizers.test_bottlenecks import DIMS, MAKERS, make

ALL: dict[str, Callable[[], Bottleneck]] = {**MAKERS, "as-written": lambda: FSQAsWritten(DIMS, 8)}


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ALL)
def test_what_is_not_finite_is_refused_by_name_and_leaves_no_trace(name: str, poison: float) -> None:
    torch.manual_seed(0)
    bottleneck = ALL[name]()
    bottleneck(torch.randn(50, DIMS))
    before = {key: value.clone() for key, value in bottleneck.state_dict().items()}
    z = torch.randn(50, DIMS)
    z[7, 2] = poison
    with pytest.raises(NotFiniteError, match=rf"^{type(bottleneck).__name__}: 1 of {50 * DIMS} latents are NaN"):
        bottleneck(z)
    assert all(torch.equal(value, before[key]) for key, value in bottleneck.state_dict().items())


def test_a_codebook_lives_on_after_a_batch_of_nan() -> None:
    torch.manual_seed(0)
    vq, batches = VectorQuantizer(4, 32), torch.randn(200, 256, 4)
    for number, z in enumerate(batches):
        vq(z)
        if number == 20:
            for wrong in (torch.full_like(z, float("nan")), torch.full_like(z, 1e30)):  # squares of 1e30 overflow
                with pytest.raises(NotFiniteError, match="VectorQuantizer"):
                    vq(wrong)
    found = vq.eval()(batches[0])
    assert torch.isfinite(found.loss)
    assert usage(found.codes, vq.levels).used.item() == 32


def test_no_layer_takes_what_is_not_finite() -> None:
    nan = torch.full((5, 3), float("nan"))
    with pytest.raises(NotFiniteError, match="LadderFSQ: 15 of 15"):
        LadderFSQ(3)(nan, torch.zeros(5, dtype=torch.int64))
    with pytest.raises(NotFiniteError, match="Centroids"):
        Centroids([5, 5, 5]).update(nan, torch.zeros(5, 3, dtype=torch.int64))
    for gain, z in ((nan[0], torch.randn(5, 3)), (torch.ones(3), nan)):
        with pytest.raises(NotFiniteError, match="AdaptiveFSQ"):
            AdaptiveFSQ(3).adapt(z, gain, 0.1)
    for bottleneck in (FSQ([5, 5, 5]), ResidualFSQ(3, [4, 2]), VectorQuantizer(3, 8)):
        with pytest.raises(NotFiniteError, match=type(bottleneck).__name__):
            bottleneck.codes(nan)  # type: ignore[operator]


MOVES: dict[str, Callable[[nn.Module], nn.Module]] = {
    "bfloat16": lambda m: m.to(torch.bfloat16),
    "half": lambda m: m.half(),
    "double": lambda m: m.double(),
    "type": lambda m: m.type(torch.bfloat16),
    "within": lambda m: nn.Sequential(nn.Linear(2, 2), m).to(torch.bfloat16)[1],
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("name", ALL)
def test_other_types_of_a_model_do_not_change_codes(name: str, move: str) -> None:
    torch.manual_seed(0)
    bottleneck = make(name) if name in MAKERS else ALL[name]()
    z = 2 * torch.randn(300, DIMS).bfloat16().float()
    before = bottleneck.eval()(z)
    moved = MOVES[move](bottleneck)
    assert isinstance(moved, Bottleneck)
    assert all(b.dtype in (torch.float32, torch.int64) for b in moved.buffers())
    for latents in (z, z.bfloat16(), z.double()):
        found = moved(latents)
        assert torch.equal(found.codes, before.codes)
        if name != "as-written":  # whose values are not those of its codes
            assert torch.equal(moved.values(found.codes), before.values)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(moved(z).codes, before.codes)


def test_codebooks_that_move_keep_learning_in_float32() -> None:
    torch.manual_seed(0)
    plain, z = VectorQuantizer(4, 16), torch.randn(30, 64, 4)
    moved = VectorQuantizer(4, 16)
    moved.load_state_dict(plain.state_dict())
    moved.to(torch.bfloat16)
    for quantizer in (plain, moved):
        torch.manual_seed(1)
        for batch in z:
            quantizer(batch)
    assert torch.equal(plain.codebook, moved.codebook)


@pytest.mark.parametrize("levels", [255, 256, 1000, 4097, MAX_LEVELS - 1, MAX_LEVELS])
def test_many_levels_in_bfloat16_stay_within_their_range(levels: int) -> None:
    fsq = FSQ([levels]).to(torch.bfloat16)
    z = torch.tensor([[-1e9], [-30.0], [-0.5], [0.0], [0.5], [30.0], [1e9]])
    codes = fsq(z).codes[:, 0]
    assert codes[0] == codes[1] == 0
    assert codes[-1] == codes[-2] == levels - 1
    assert codes[3] == levels // 2
    assert torch.equal(fsq.values(codes[:, None]), fsq(z).values)
    assert torch.equal(fsq.codes(fsq.values(codes[:, None]))[:, 0], codes)


def test_levels_that_float32_cannot_tell_apart_are_refused() -> None:
    for made in (lambda: FSQ([4, MAX_LEVELS + 1]), lambda: ResidualFSQ(2, [1 << 11, 1 << 10])):
        with pytest.raises(ModelError, match=str(MAX_LEVELS)):
            made()


@pytest.mark.parametrize("name", MAKERS)
def test_the_default_type_of_torch_does_not_matter(name: str) -> None:
    z = 2 * torch.randn(100, DIMS, generator=torch.Generator().manual_seed(0))
    before = make(name)(z)
    torch.set_default_dtype(torch.float64)
    try:
        torch.manual_seed(0)
        other = MAKERS[name]()
        assert all(b.dtype in (torch.float32, torch.int64) for b in other.buffers())
        found = other.eval()(z)
        assert found.values.dtype == torch.float32
        assert torch.equal(other.values(found.codes), found.values)
        if "vq" not in name and name != "uniform-fsq":  # which follow the data that they saw
            assert torch.equal(found.codes, before.codes)
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_sum_of_latents_is_no_latent() -> None:
    """Large but finite latents are taken: what is checked is the square, not how many there are."""
    z: Tensor = torch.full((64, 4), 1e17)
    assert torch.isfinite(VectorQuantizer(4, 8)(z).loss)
