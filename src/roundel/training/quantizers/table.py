"""Quantisers by the names that configurations use."""

from collections.abc import Callable, Mapping, Sequence

from roundel.errors import ModelError
from roundel.training.configuration import own
from roundel.training.quantizers.gumbel import AnnealedGumbel
from roundel.training.quantizers.mixed import Mixed
from roundel.training.quantizers.noise import Noise, NoisePlus
from roundel.training.quantizers.own import class_in
from roundel.training.quantizers.protocol import Annealed, Quantizer
from roundel.training.quantizers.soft_round import AnnealedSoftRound
from roundel.training.quantizers.soft_ste import GradientSoftSte, SoftSte, UniformSoftSte
from roundel.training.quantizers.soft_then_hard import SoftRoundThenHard, SoftThenHard
from roundel.training.quantizers.soft_to_hard import SoftToHard, SoftToHardValues
from roundel.training.quantizers.ste import LiteralSte, Ste
from roundel.training.quantizers.stochastic import Stochastic
from roundel.training.quantizers.thrifty import Thrifty
from roundel.training.quantizers.universal import Universal

QUANTIZERS: Mapping[str, Callable[..., Quantizer | Annealed]] = {
    "noise": Noise,
    "noise+": NoisePlus,
    "mixed": Mixed,
    "ste": Ste,
    "ste:literal": LiteralSte,
    "soft-ste": SoftSte,
    "soft-ste:gradient": GradientSoftSte,
    "soft-ste:uniform": UniformSoftSte,
    "soft-round": AnnealedSoftRound,
    "universal": Universal,
    "stochastic": Stochastic,
    "soft-to-hard": SoftToHard,
    "soft-to-hard:values": SoftToHardValues,
    "gumbel": AnnealedGumbel,
    "soft-then-hard": SoftThenHard,
    "soft-then-hard:soft-round": SoftRoundThenHard,
    "thrifty": Thrifty,
}


def make(spec: str, progress: float = 1.0) -> Quantizer:
    """A quantiser from its name, or name=setting.

    Args:
        spec: "soft-ste", or with its one setting "soft-ste=0.289" (ε), "soft-round=8" (last hardness), "universal=7"
            (seed), "soft-to-hard=16" (last hardness), "gumbel=0.05" (last temperature), "soft-then-hard=0.9" (share
            that is soft), "thrifty=0.1" (price of a bit); or a class of one's own, "my_file.py:MyQuantizer" or
            "my_file.py:MyQuantizer=0.5".
        progress: 0 … 1, for those that change during training; 1 is how they end.

    Raises:
        ModelError: the name is unknown, or has no such setting; the file of one's own has no such class, or it is no
            quantiser.

    Example:
        >>> make("soft-ste=0.25").epsilon
        0.25
    """
    found = own(spec)
    name, equals, setting = (found[1] if found else spec).partition("=")
    if found:
        kind = class_in(found[0], name)
    elif name in QUANTIZERS:
        kind = QUANTIZERS[name]
    else:
        raise ModelError(f"unknown quantizer {name!r}; known: {', '.join(QUANTIZERS)}, or my_file.py:MyQuantizer")
    try:
        made = kind(float(setting)) if equals else kind()
    except (TypeError, ValueError) as error:
        raise ModelError(f"quantizer {spec!r}: {name} does not take the setting {setting!r}") from error
    chosen = made.at(progress) if isinstance(made, Annealed) else made
    if not all(callable(getattr(chosen, method, None)) for method in ("train", "test")):
        raise ModelError(f"quantizer {spec!r}: it needs methods train(y, loc, bits) and test(y, loc, bits)")
    return chosen


def check(stages: Sequence[tuple[float, str]]) -> None:
    """Complain about a schedule that `at` cannot follow.

    Raises:
        ModelError: it is empty, does not begin at 0 or does not ascend below 1, or names an unknown quantiser.
    """
    starts = [start for start, _ in stages]
    if not starts or starts[0] != 0 or any(a >= b for a, b in zip(starts, [*starts[1:], 1.0], strict=True)):
        raise ModelError(
            f"quantizers: the stages begin at {starts}; give fractions that ascend from 0 and stay below 1, "
            'such as [[0.0, "mixed"], [0.8, "ste"]]'
        )
    for _, spec in stages:
        make(spec)


def at(stages: Sequence[tuple[float, str]], progress: float) -> Quantizer:
    """The quantiser of a training schedule at a moment; annealing runs once within each stage.

    Args:
        stages: (fraction of training from which it holds, name or name=setting), ascending from 0.
        progress: 0 … 1.
    """
    index = max(i for i, (start, _) in enumerate(stages) if i == 0 or progress >= start)
    start, spec = stages[index]
    end = stages[index + 1][0] if index + 1 < len(stages) else 1.0
    return make(spec, min(max((progress - start) / max(end - start, 1e-9), 0.0), 1.0))
