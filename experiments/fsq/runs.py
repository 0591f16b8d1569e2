"""The trainings of the experiment: what differs between them, and which of the paper's tables each belongs to."""

from dataclasses import dataclass, field

from roundel.training.quantizers.fsq import RECOMMENDED
from roundel.training.tokens.model import AutoencoderShape
from roundel.training.tokens.task import Objective
from roundel.training.tokens.two_scale import AROUND

DIMS = 64


@dataclass(frozen=True)
class Run:
    """One training, for each seed of the scale up to `seeds`."""

    name: str
    what: str
    shape: AutoencoderShape
    objective: Objective = field(default_factory=lambda: Objective(anneal=False))
    adaptive_lmbda: float = 0.0
    """Price of a bit for adaptive levels; 0 where levels are fixed."""
    seeds: int = 1


def vector(quantizer: str = "fsq", levels: tuple[int, ...] = (8,), **more: object) -> AutoencoderShape:
    """The paper's autoencoder."""
    return AutoencoderShape(net="vector", dims=DIMS, quantizer=quantizer, levels=levels, **more)  # type: ignore[arg-type]


def grid(dims: int, quantizer: str, levels: tuple[int, ...]) -> AutoencoderShape:
    """Four by four tokens. The prior of either quantiser knows the joint distribution of a token: VQ's by its table."""
    prior = "factorized" if quantizer == "vq" else "chain"
    return AutoencoderShape("grid", (64,), 2, dims, quantizer, levels, prior=prior)


def scales(coarse: tuple[int, ...], fine: tuple[int, ...]) -> AutoencoderShape:
    """Two by two vectors of coarse levels, each above four of fine ones; one scale with no coarse levels."""
    levels = (*coarse, *(n for n in fine for _ in range(AROUND)))
    return AutoencoderShape(
        "two-scale", (64,), 2, len(levels), levels=levels, prior="chain", prior_width=8, coarse=len(coarse)
    )


def grids() -> list[Run]:
    """Quantisers of four by four tokens beside each other, and one scale beside two."""
    twelve = RECOMMENDED[12]
    shapes = {
        **{f"grid-fsq-{bits}": (_tokens(RECOMMENDED[bits]), _fsq(bits)) for bits in (8, 12)},
        **{f"grid-vq-{bits}": (f"4 × 4 tokens of {2**bits} vectors", _vq(bits)) for bits in (8, 10, 12)},
        "grid-uniform-12": (
            f"{_tokens(twelve)}, latents spread evenly (iFSQ)", grid(len(twelve), "uniform-fsq", twelve)
        ),
        "grid-residual-12": (
            "4 × 4 tokens of 4 dimensions, stages of 4 and 2 levels with learned scales",
            grid(4, "scaled-residual-fsq", (4, 2)),
        ),
        "one-scale": (_tokens((8, 6, 5)) + ", a chain over four tokens", scales((), (8, 6, 5))),
        "one-scale-more": (_tokens((8, 8, 6)) + ", a chain over four tokens", scales((), (8, 8, 6))),
        "two-scale": (
            "2 × 2 tokens of 8 × 5 × 5 × 5 levels, each above four of 8 × 6", scales((8, 5, 5, 5), (8, 6))
        ),
    }  # fmt: skip
    return [Run(name, what, shape, Objective("mse", anneal=False), seeds=2) for name, (what, shape) in shapes.items()]


def _fsq(bits: int) -> AutoencoderShape:
    return grid(len(RECOMMENDED[bits]), "fsq", RECOMMENDED[bits])


def _vq(bits: int) -> AutoencoderShape:
    return grid(8, "vq", (2**bits,))


def _tokens(levels: tuple[int, ...]) -> str:
    return f"4 × 4 tokens of {' × '.join(map(str, levels))} levels"


RUNS = (
    Run("L3", "64 dimensions of 3 levels", vector(levels=(3,))),
    Run("L5", "64 dimensions of 5 levels", vector(levels=(5,))),
    Run("L8", "64 dimensions of 8 levels, straight-through", vector(), seeds=2),
    Run("L10", "64 dimensions of 10 levels", vector(levels=(10,))),
    Run(
        "regularised", "L8 with the rate in the loss, λ = 0.3 nats a bit", vector(), Objective(lmbda=0.3, anneal=False)
    ),
    Run("annealed", "L8, rounding soft from T = 1 to 0.1, then hard", vector(), Objective(anneal=True)),
    Run("as-written", "L8 by equations 6, 7 and 11 as printed, T = 1", vector(mode="as_written")),
    Run("as-written-cold", "the same at T = 0.1", vector(mode="as_written", temperature=0.1)),
    Run("adaptive", "levels that each dimension earns, from 9", vector("adaptive-fsq", (9,)), adaptive_lmbda=0.1),
    Run("hierarchical", "two stages of 4 and 2 levels, stage dropout", vector("residual-fsq", (4, 2), dropout=0.5)),
    Run("vq-vae", "20 stages of 256 vectors (residual VQ-EMA)", vector("residual-vq", (256,) * 20), seeds=2),
    *grids(),
)
