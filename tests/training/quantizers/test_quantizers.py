"""What every quantiser promises, and what each is for."""

import math
import pickle
from functools import partial

import pytest
import torch

from roundel.errors import ModelError
from roundel.training import quantizers
from roundel.training.entropy.densities import gaussian_bits
from roundel.training.quantizers import QUANTIZERS, Mixed, Thrifty, make
from roundel.training.quantizers.gumbel import GumbelRounding
from roundel.training.quantizers.soft_round import SoftRound, conditional_mean, soft_round, soft_round_inverse
from roundel.training.quantizers.soft_then_hard import Hard
from roundel.training.quantizers.soft_to_hard import SoftGradients, SoftValues

PLAIN = ("noise", "ste:literal")
MOMENTS = (0.0, 0.4, 1.0)
EVERYWHERE = [(name, moment) for name in QUANTIZERS for moment in MOMENTS]
# Mean |R_test − Q| of decoder and rate inputs for uniform fractional parts, around the quantiser's own lattice:
# E|U − U'| of a residual and independent noise is 1/3; noise on lattice points alone 1/4; a wrong side of distance
# min(f, 1 − f) has probability 1/4 and costs 1; Soft-STE moves by 1/12 (elements without slope apart). Soft-to-hard at
# its end, σ = 30: the wrong integer weighs 1/(1 + exp(σ(1 − 2f))) at a distance f ≤ ½, ln 2/σ on average.
GAPS = {
    "noise": (1 / 3, 1 / 3), "noise+": (1 / 3, 1 / 3), "mixed": (0, 1 / 3), "ste": (0, 0), "ste:literal": (0, 0),
    "soft-ste": (0, 1 / 12), "soft-ste:uniform": (0, 1 / 4), "universal": (1 / 3, 1 / 3), "stochastic": (1 / 4, 1 / 4),
    "soft-to-hard": (0, 0), "soft-to-hard:values": (math.log(2) / 30, math.log(2) / 30),
    "thrifty": (0, 0), "soft-then-hard": (0, 0), "soft-then-hard:soft-round": (0, 0),
}  # fmt: skip


@pytest.fixture
def latents() -> tuple[torch.Tensor, torch.Tensor, partial[torch.Tensor]]:
    """(y, loc, bits)."""
    torch.manual_seed(0)
    loc = torch.randn(2, 3, 8, 8)
    scale = torch.rand(2, 3, 8, 8) * 2 + 0.11
    return loc + 2 * torch.randn_like(loc), loc, partial(gaussian_bits, scale=scale)


@pytest.fixture
def flat() -> tuple[torch.Tensor, torch.Tensor, partial[torch.Tensor]]:
    """Many latents whose fractional parts are uniform, means 0.3, none of them rounding to 0."""
    torch.manual_seed(1)
    residual = (1.5 + 3 * torch.rand(200_000)) * torch.where(torch.rand(200_000) < 0.5, -1, 1)
    loc = torch.full_like(residual, 0.3)
    return loc + residual, loc, partial(gaussian_bits, scale=torch.full_like(residual, 3.0))


@pytest.mark.parametrize("name", QUANTIZERS)
def test_test_gives_integers_on_a_lattice_that_the_decoder_knows(name: str, latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    quantizer = make(name)
    symbols, y_hat = quantizer.test(y, loc, bits)
    assert torch.equal(symbols, symbols.round())
    assert (y_hat - y).abs().max() <= (1.5 if name == "thrifty" else 0.5 + 1e-6)
    offset = y_hat - symbols
    if name in PLAIN:
        assert not offset.any()
    elif name != "universal":
        assert torch.allclose(offset, loc, atol=1e-6)
    again = quantizer.test(y + 0.7, loc, bits)
    assert torch.allclose(again.y_hat - again.symbols, offset, atol=1e-5), "the lattice does not depend on the latents"


@pytest.mark.parametrize("name", QUANTIZERS)
def test_the_cost_at_test_is_a_distribution_over_the_lattice(name: str, latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    symbols, y_hat = make(name).test(y, loc, bits)
    mass = sum(torch.exp2(-bits(y_hat - symbols + k - loc)) for k in range(-40, 41))
    assert torch.allclose(mass, torch.ones_like(mass), atol=1e-4)


@pytest.mark.parametrize(("name", "moment"), EVERYWHERE)
def test_training_has_gradients_where_there_should_be(name: str, moment: float, latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    y, loc = y.requires_grad_(), loc.requires_grad_()
    quantizer = make(name, moment)
    for path in quantizer.train(y, loc, bits):
        assert path.shape == y.shape
        to_y, to_loc = torch.autograd.grad(path.sum(), (y, loc), retain_graph=True, allow_unused=True)
        to_loc = torch.zeros_like(y) if to_loc is None else to_loc
        if isinstance(quantizer, Hard):
            assert to_y is None
            continue
        # Moving latents and means together moves the surrogate with them: the two gradients sum to 1.
        assert torch.allclose(to_y + to_loc, torch.ones_like(y), rtol=1e-3, atol=1e-3)
        if isinstance(quantizer, SoftRound):
            assert (to_y > 0).all()
        elif isinstance(quantizer, SoftValues | GumbelRounding):
            assert (to_y > -1e-5).all()
            assert to_y.count_nonzero() > 0.3 * to_y.numel()
        else:
            assert torch.allclose(to_y, torch.ones_like(y))


@pytest.mark.parametrize(("name", "gaps"), GAPS.items())
def test_documented_discrete_gaps(name: str, gaps: tuple[float, float], flat) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = flat
    quantizer = Thrifty(0) if name == "thrifty" else make(name)
    trained, tested = quantizer.train(y, loc, bits), quantizer.test(y, loc, bits)
    for path, expected in zip(trained, gaps, strict=True):
        assert (path - tested.y_hat).abs().mean().item() == pytest.approx(expected, abs=2e-3)


def test_every_quantizer_has_a_documented_gap() -> None:
    assert {*GAPS, "soft-ste:gradient", "soft-round", "gumbel"} == set(QUANTIZERS)  # those have tests of their own


def test_discrete_gap_of_soft_ste_as_printed_is_the_slope(flat) -> None:  # type: ignore[no-untyped-def]
    """By hand: −log2 of M = Φ(b) − Φ(a), a and b being (v ∓ ½)/σ, has the slope (φ(a) − φ(b))/(σ·M·ln 2)."""
    y, loc, bits = flat
    quantizer = make("soft-ste:gradient")
    trained, tested = quantizer.train(y, loc, bits), quantizer.test(y, loc, bits)
    normal, a, b = torch.distributions.Normal(0, 1), *((tested.symbols.double() + h) / 3 for h in (-0.5, 0.5))
    density = (normal.log_prob(a).exp() - normal.log_prob(b).exp()) / 3
    slope = density / (normal.cdf(b) - normal.cdf(a)) / math.log(2)
    assert torch.equal(trained.for_decoder, tested.y_hat)
    moved = (trained.for_rate - tested.y_hat).double()
    assert moved.abs().mean().item() == pytest.approx(slope.abs().mean().item() / 12, rel=1e-3)
    assert torch.allclose(moved, slope / 12, atol=1e-4)


def test_discrete_gap_of_soft_rounding_at_its_end(flat) -> None:  # type: ignore[no-untyped-def]
    """A residual e and noise u have E|e + u| = ¼ + e²; the root mean square of e at α = 10 is 0.139."""
    y, loc, bits = flat
    trained, tested = make("soft-round").train(y, loc, bits), make("soft-round").test(y, loc, bits)
    rate, decoder = ((path - tested.y_hat).abs().mean().item() for path in (trained.for_rate, trained.for_decoder))
    assert rate == pytest.approx(0.25 + 0.139**2, abs=2e-3)
    assert decoder < rate / 2, "the conditional mean takes most of the noise away"


@pytest.mark.parametrize(("name", "moment"), EVERYWHERE)
def test_saved_and_loaded_or_made_again_it_does_the_same(name: str, moment: float, latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    first = make(name, moment)
    for other in (make(name, moment), pickle.loads(pickle.dumps(first))):
        torch.manual_seed(5)
        expected = (*first.train(y, loc, bits), *first.test(y, loc, bits))
        torch.manual_seed(5)
        assert all(map(torch.equal, expected, (*other.train(y, loc, bits), *other.test(y, loc, bits))))


def test_noise_on_integer_latents_has_gap_a_quarter(flat) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = flat
    y = y.round()
    trained, tested = make("noise").train(y, loc, bits), make("noise").test(y, loc, bits)
    difference = trained.for_decoder - tested.y_hat
    assert difference.abs().mean().item() == pytest.approx(1 / 4, abs=2e-3)
    assert difference.square().mean().sqrt().item() == pytest.approx(math.sqrt(1 / 12), abs=2e-3)


def test_noise_and_noise_plus_differ_in_the_lattice_alone() -> None:
    y, loc = torch.tensor([0.9, -2.4]), torch.tensor([0.3, 0.3])
    assert make("noise").test(y, loc, torch.abs).y_hat.tolist() == [1, -2]
    # y − μ is 0.6 and −2.7: symbols 1 and −3.
    assert make("noise+").test(y, loc, torch.abs).y_hat.tolist() == pytest.approx([1.3, -2.7])


def test_soft_ste_moves_rate_inputs_away_from_the_mean_and_leaves_zeros() -> None:
    y, loc = torch.tensor([2.2, 0.4, -1.1]), torch.zeros(3)
    bits = partial(gaussian_bits, scale=torch.ones(3))
    moved = make("soft-ste").train(y, loc, bits).for_rate
    assert moved.tolist() == pytest.approx([2 + 1 / 12, 0, -1 - 1 / 12])
    assert make("soft-ste=0.25").train(y, loc, bits).for_rate.tolist() == pytest.approx([2.25, 0, -1.25])


def test_soft_ste_as_printed_moves_by_the_slope_within_the_bin() -> None:
    # For a wide Gaussian, −log2 of a bin at v is v²/(2σ²)·log2 e and a constant: the slope is v/σ²·log2 e.
    bits = partial(gaussian_bits, scale=torch.tensor([20.0, 20.0, 0.3]))
    y = torch.tensor([30.0, -10.0, 2.0])
    moved = make("soft-ste:gradient").train(y, torch.zeros(3), bits).for_rate - y
    slope = math.log2(math.e) / 400
    assert moved[:2].tolist() == pytest.approx([30 * slope / 12, -10 * slope / 12], rel=0.01)
    assert moved[2].item() == 0.5


def test_soft_ste_does_not_train_the_scale_through_its_perturbation() -> None:
    scale = torch.ones(1, requires_grad=True)
    bits = partial(gaussian_bits, scale=scale * 1)
    rate = make("soft-ste").train(torch.tensor([2.2]), torch.zeros(1), bits).for_rate
    assert not rate.requires_grad
    assert scale.grad is None


def test_soft_rounding_lies_between_identity_and_rounding() -> None:
    v = torch.linspace(-2.97, 2.97, 331)
    assert torch.allclose(soft_round(v, 1e-3), v, atol=1e-4)
    for alpha in (1.0, 4.0, 10.0):
        assert torch.allclose(soft_round_inverse(soft_round(v, alpha), alpha), v, atol=1e-3)
    fixed = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0])
    assert torch.allclose(soft_round(fixed, 5.0), fixed, atol=1e-6)
    # By hand: s(¼) = ½ + tanh(−¼·4)/(2·tanh 2) = ½ − 0.761594/1.928055.
    assert soft_round(torch.tensor(0.25), 4.0).item() == pytest.approx(0.104994, abs=1e-5)


def test_soft_rounding_leaves_the_gap_that_was_measured() -> None:
    """RMS distance to rounding for uniform latents: 0.281 at T = 1, 0.139 at T = 0.1 (T = 1/α)."""
    v = (torch.arange(100_000) + 0.5) / 100_000
    for alpha, rms in ((1.0, 0.281), (10.0, 0.139)):
        assert (soft_round(v, alpha) - v.round()).square().mean().sqrt().item() == pytest.approx(rms, abs=1e-3)


def test_the_conditional_mean_is_one() -> None:
    torch.manual_seed(0)
    v = 8 * torch.rand(2_000_000) - 4
    noisy = soft_round(v, 5.0) + torch.rand_like(v) - 0.5
    for at in (-0.5, 0.0, 0.2, 1.4):
        near = (noisy - at).abs() < 0.01
        assert v[near].mean().item() == pytest.approx(conditional_mean(torch.tensor(at), 5.0).item(), abs=0.01)
    assert conditional_mean(torch.tensor([-1.0, 0.0, 2.0]), 8.0).tolist() == pytest.approx([-1, 0, 2], abs=1e-4)


def test_annealing_hardens_within_its_stage() -> None:
    stages = ((0.0, "soft-round=9"), (0.5, "ste"))
    first, middle = quantizers.at(stages, 0.0), quantizers.at(stages, 0.25)
    assert isinstance(first, SoftRound)
    assert isinstance(middle, SoftRound)
    assert (first.alpha, middle.alpha) == pytest.approx((1, 3))
    assert type(quantizers.at(stages, 0.5)) is type(make("ste"))


def test_soft_then_hard_turns_at_its_share() -> None:
    assert not isinstance(make("soft-then-hard", 0.79), Hard)
    assert isinstance(make("soft-then-hard", 0.8), Hard)
    halfway = make("soft-then-hard:soft-round", 0.4)
    assert isinstance(halfway, SoftRound)
    assert halfway.alpha == pytest.approx(math.sqrt(10))


def test_universal_shares_its_dither_through_the_seed(latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    symbols, y_hat = make("universal=3").test(y, loc, bits)
    decoded = symbols + loc + (torch.rand(y.shape, generator=torch.Generator().manual_seed(3)) - 0.5)
    assert torch.allclose(decoded, y_hat, atol=1e-6)
    assert not torch.equal(make("universal=4").test(y, loc, bits).y_hat, y_hat)
    assert (y_hat - y).square().mean().item() == pytest.approx(1 / 12, rel=0.15)


def test_stochastic_rounding_is_right_on_average() -> None:
    torch.manual_seed(0)
    rounded = make("stochastic").train(torch.full((100_000,), 1.3), torch.zeros(100_000), torch.abs).for_decoder
    assert set(rounded.unique().tolist()) == {1, 2}
    assert rounded.mean().item() == pytest.approx(1.3, abs=0.01)


def test_soft_to_hard_is_a_mean_of_integers_and_ends_in_rounding() -> None:
    y, loc = torch.tensor([0.5, 0.25, -2.9]), torch.zeros(3)
    # By hand at σ = 1: of two integers at distances ½ the mean is ½, whatever lies further away on both sides.
    assert SoftValues(1.0).train(y, loc, torch.abs).for_decoder[0].item() == pytest.approx(0.5)
    # At σ = 10 only two matter: 1 weighs 1/(1 + e^(10·(0.75² − 0.25²))) of the mean at ¼.
    expected = 1 / (1 + math.exp(5))
    assert SoftValues(10.0).train(y, loc, torch.abs).for_decoder[1].item() == pytest.approx(expected, rel=1e-3)
    assert SoftValues(1e4).train(y[1:], loc[1:], torch.abs).for_rate.tolist() == [0, -3]


def test_hard_values_have_the_gradient_of_soft_ones(latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    y = y.requires_grad_()
    values, gradients = SoftValues(5.0).train(y, loc, bits), SoftGradients(5.0).train(y, loc, bits)
    assert torch.allclose(gradients.for_rate, make("ste").test(y, loc, bits).y_hat, atol=1e-6)
    assert torch.equal(*(torch.autograd.grad(t.for_decoder.sum(), y)[0] for t in (values, gradients)))


@pytest.mark.parametrize("temperature", [0.5, 0.1])
def test_gumbel_rounding_goes_up_as_often_as_its_odds_say(temperature: float) -> None:
    """The relaxed weight is above ½ when the coin says up, whose odds are exp((atanh f − atanh(1 − f))/τ)."""
    torch.manual_seed(0)
    for fraction in (0.2, 0.45, 0.5, 0.6):
        y = torch.full((50_000,), 3 + fraction)
        rounded = GumbelRounding(temperature).train(y, torch.zeros_like(y), torch.abs).for_decoder
        assert ((rounded >= 3) & (rounded <= 4)).all()
        odds = math.exp((math.atanh(fraction) - math.atanh(1 - fraction)) / temperature)
        assert (rounded > 3.5).float().mean().item() == pytest.approx(odds / (1 + odds), abs=0.01)


def test_the_gap_of_gumbel_rounding_falls_with_its_temperature(flat) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = flat
    hard = make("gumbel").test(y, loc, bits).y_hat
    gaps = [(make("gumbel", at).train(y, loc, bits).for_rate - hard).abs().mean().item() for at in (0, 0.5, 1)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < gaps[0] / 3


@pytest.mark.parametrize("starts", [[], [0.5], [0.0, 0.5, 0.5], [0.0, 1.0], [0.5, 0.0]])
def test_schedules_that_cannot_be_followed_are_refused(starts: list[float]) -> None:
    quantizers.check([(0.0, "noise"), (0.5, "ste")])
    with pytest.raises(ModelError, match="ascend from 0"):
        quantizers.check([(start, "ste") for start in starts])


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("hope", "unknown quantizer"),
        ("ste=3", "does not take"),
        ("soft-ste=much", "much"),
        ("soft-round=30", "30"),
        ("gumbel=0", "above 0"),
        ("soft-to-hard=-1", "above 0"),
    ],
)
def test_wrong_names_and_settings_are_named(spec: str, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        make(spec)


def test_mixed_gives_the_decoder_what_files_hold_and_the_rate_noise(latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    trained, tested = Mixed().train(y, loc, bits), Mixed().test(y, loc, bits)
    assert torch.allclose(trained.for_decoder, tested.y_hat, atol=1e-6)
    noise = trained.for_rate - y
    assert noise.abs().max() <= 0.5 + 1e-6
    assert noise.var().item() == pytest.approx(1 / 12, rel=0.15)


def test_thrifty_minimises_error_and_bits_among_its_two_candidates(latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    price = 0.1
    symbols = Thrifty(price).test(y, loc, bits).symbols
    residual = y - loc

    def cost(k: torch.Tensor) -> torch.Tensor:
        return (residual - k).square() + price * bits(k)

    nearest = torch.copysign(torch.floor(residual.abs() + 0.5), residual)
    lower = torch.copysign((nearest.abs() - 1).clamp_min(0), residual)
    best = torch.minimum(cost(nearest), cost(lower))
    assert torch.allclose(cost(symbols), best, atol=1e-5)
    assert (symbols.abs() < nearest.abs()).any()


def test_thrifty_at_no_price_is_rounding(latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    assert torch.equal(Thrifty(0).test(y, loc, bits).symbols.abs(), Mixed().test(y, loc, bits).symbols.abs())
