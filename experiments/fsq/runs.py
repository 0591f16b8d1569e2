"""The trainings of the experiment: what differs between them, and which of the paper's tables each belongs to."""

from dataclasses import dataclass, field

from roundel.training.quantizers.fsq import RECOMMENDED
from roundel.training.tokens.model import AutoencoderShape
from roundel.training.tokens.task import Objective

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
    prior = "chain" if quantizer == "fsq" else "factorized"
    return AutoencoderShape("grid", (64,), 2, dims, quantizer, levels, prior=prior)


def grids() -> list[Run]:
    """FSQ beside VQ at equal numbers of codes."""
    runs = []
    for bits in (8, 12):
        levels = RECOMMENDED[bits]
        text = " × ".join(map(str, levels))
        squared = Objective("mse", anneal=False)
        runs.append(
            Run(
                f"grid-fsq-{bits}", f"4 × 4 tokens of {text} levels", grid(len(levels), "fsq", levels), squared, seeds=2
            )
        )
        runs.append(
            Run(f"grid-vq-{bits}", f"4 × 4 tokens of {2**bits} vectors", grid(8, "vq", (2**bits,)), squared, seeds=2)
        )
    return runs


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
