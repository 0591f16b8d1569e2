"""How soft the rounding of an FSQ is while training goes on."""


def temperature(progress: float, first: float = 1.0, last: float = 0.1, until: float = 0.9) -> float:
    """Geometric from `first` to `last` while progress ∈ [0, 1) is below `until`, then 0: hard rounding.

    T = 1/α of `soft_round`. Its root mean square gap to rounding is 0.281 at T = 1 and still 0.139 at T = 0.1, hence
    the hard end.

    Source: FSQ paper, section 3.4 (1.0 to 0.1, exponential), T read as softness, not as a grid step.
    """
    return first * (last / first) ** (progress / until) if progress < until else 0.0
