"""Which samples around one are its neighbours: the nearest that are known when its group is coded.

See docs/format.md, "Neighbours".
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

REACH = 4
"""Rows and columns to each side that neighbours come from."""
VALUES, OWN, OTHERS = 12, 8, 2
"""Inputs of a fit: known samples of the own colour less the mean, errors of the own colour, errors of each other."""
OWN_SPREAD, OTHERS_SPREAD = 6, 2
"""Errors, of the own colour and of each other, that say how large the next ones are."""
PHASES = ((1, 1), (0, 1), (1, 0))


class Place(NamedTuple):
    """Where a neighbour lies, in samples of the level, and of which colour it is."""

    colour: int
    dy: int
    dx: int
    weight: int


@lru_cache(maxsize=1)
def _offsets() -> list[tuple[int, int]]:
    reach = range(-REACH, REACH + 1)
    return sorted(product(reach, reach), key=lambda o: (o[0] ** 2 + o[1] ** 2, o))


def _phase_at(phase: int, dy: int, dx: int) -> int:
    """Phase of a neighbour: 0 d, 1 b, 2 c, −1 a."""
    odd = (PHASES[phase][0] + dy) % 2, (PHASES[phase][1] + dx) % 2
    return PHASES.index(odd) if odd != (0, 0) else -1


def _known(phase: int, colour: int, white: int, at: Place) -> bool:
    other = _phase_at(phase, at.dy, at.dx)
    if other != phase:
        return other < phase
    if at.colour != colour:
        return at.colour < colour
    return bool(white) and (at.dy // 2 + at.dx // 2) % 2 == 1


def _near(phase: int, colour: int, white: int, of: int, most: int, *, errors: bool) -> list[Place]:
    found = []
    for dy, dx in _offsets():
        d = dy * dy + dx * dx
        place = Place(of, dy, dx, (32 + (2 + d) // 2) // (2 + d))
        if (
            (of != colour or d)
            and _known(phase, colour, white, place)
            and not (errors and _phase_at(phase, dy, dx) < 0)
        ):
            found.append(place)
    return found[:most]


@lru_cache(maxsize=64)
def inputs(phase: int, colour: int, white: int, colours: int) -> tuple[Place, ...]:
    """Inputs of the fits of a group; the first VALUES are samples, at every phase, the others errors."""
    near = [_near(phase, colour, white, colour, VALUES, errors=False)]
    near.append(_near(phase, colour, white, colour, OWN, errors=True))
    near += [_near(phase, colour, white, c, OTHERS, errors=True) for c in range(colours) if c != colour]
    return tuple(place for part in near for place in part)


@lru_cache(maxsize=64)
def spreads(phase: int, colour: int, white: int, colours: int) -> tuple[Place, ...]:
    """Errors around the samples of a group, for its scales."""
    near = [_near(phase, colour, white, colour, OWN_SPREAD, errors=True)]
    near += [_near(phase, colour, white, c, OTHERS_SPREAD, errors=True) for c in range(colours) if c != colour]
    return tuple(place for part in near for place in part)
