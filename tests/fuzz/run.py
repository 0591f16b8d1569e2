"""Decode damaged files and report whatever is not a RoundelError: `python -m tests.fuzz.run --mutations 10000`."""

import argparse
import random
import sys
import time
from contextlib import suppress
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from roundel import codec, container
from roundel.codecs import zoo
from roundel.codecs.protocol import Model
from roundel.errors import RoundelError
from roundel.image import Picture, Resolution
from roundel.restore import restore
from tests.fuzz.mutations import BEHIND_CHECKS, BLIND, Mutation
from tests.standin import BlockMeans, Exact
from tests.test_codec import scene

SLOWEST_S = 10.0


class Case(NamedTuple):
    """A sound file, the model that wrote it and the pixels that it decodes to."""

    name: str
    data: bytes
    model: Model
    pixels: np.ndarray


class Report(NamedTuple):
    """What became of the damaged files."""

    tried: int
    refused: int
    slowest_s: float
    failures: list[str]


SHIPPED_EVERY = 10
"""One damaged file in so many is of a model that ships: their nets take their time."""


def cases() -> tuple[list[Case], list[Case]]:
    """Small files of every kind that can be written here: of the models for tests, and one of each that ships."""
    alpha = np.arange(90 * 140, dtype=np.uint32).reshape(90, 140).astype(np.uint8)
    rich = Picture(
        scene(90, 140),
        alpha,
        icc=b"icc" * 20,
        exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0",
        xmp=b"<x/>",
        colour={b"gAMA": bytes(4)},
        resolution=Resolution(Fraction(300), Fraction(300), 1),
        texts=(("Title", "a"),),
    )
    plain = Picture(scene(33, 50)[..., :1])
    models: list[Model] = [BlockMeans(), Exact()]
    jobs = [(model, picture, 64) for model in models for picture in (rich, plain)]
    shipped = [(zoo.get(e.id), Picture(scene(40, 80)), 64) for e in zoo.entries() if e.weights.is_file()]
    rows, columns = np.indices((90, 140))
    few = np.array([[0, 0, 90], [255, 250, 240], [9, 200, 7]], np.uint8)[rows // 5 * (columns // 7) % 7 % 3]
    shipped.append((zoo.get(zoo.default(container.Kind.LOSSLESS)), Picture(few), 64))  # tiles of indices
    deep = (900 + 3 * rows + 2 * columns + np.random.default_rng(0).integers(0, 9, rows.shape)).astype(np.uint16)
    shipped.append((shipped[-1][0], Picture(deep[..., None]), 64))  # the box SAMPLES
    found = []
    for model, picture, tile_px in jobs + shipped:
        data = codec.encode(picture, model=model, tile_px=tile_px)
        found.append(Case(f"{model.name} {picture.channels}", data, model, restore(data, model=model).picture.pixels))
    return found[: len(jobs)], found[len(jobs) :]


def attack(case: Case, mutation: Mutation, rng: random.Random) -> tuple[bool, list[str]]:
    """Damage a file once and use it in every way: (was it refused, what went wrong)."""
    data = mutation(case.data, rng)
    failures = []
    refused = False
    ways = [
        ("whole", {}),
        ("preview", {"partial_file": True, "passes": 1}),
        ("salvage", {"salvage": True}),
        ("region", {"region": (3, 4, 30, 20)}),
    ]
    for way, options in ways:
        try:
            found = restore(data, model=case.model, max_pixels=1 << 24, **options)  # type: ignore[arg-type]
        except RoundelError:
            refused = refused or way == "whole"
        except Exception as error:  # anything else is what we look for
            failures.append(f"{way}: {type(error).__name__}: {error}")
        else:
            blind = mutation in BLIND
            if way == "whole" and blind and not np.array_equal(found.picture.pixels, case.pixels):
                failures.append("whole: a wrong picture")
    with suppress(RoundelError):
        container.read_info(data[:1024], len(data))
    return refused, failures


def fuzz(mutations: int, seed: int) -> Report:
    """Try so many damaged files, spread over all cases and ways of damage."""
    quick, shipped = cases()
    refused, slowest_s, failures = 0, 0.0, []
    for number in range(mutations):
        rng = random.Random(f"{seed} {number}")
        turn, late = divmod(number, SHIPPED_EVERY)
        chosen = shipped if shipped and not late else quick
        case = chosen[(number if chosen is quick else turn) % len(chosen)]
        mutation = rng.choice((*BLIND, *BEHIND_CHECKS))
        start = time.perf_counter()
        was_refused, wrong = attack(case, mutation, rng)
        elapsed_s = time.perf_counter() - start
        refused += was_refused
        slowest_s = max(slowest_s, elapsed_s)
        if elapsed_s > SLOWEST_S:
            wrong.append(f"took {elapsed_s:.1f} s")
        failures += [f"#{number} {case.name} {mutation.__name__} {text}" for text in wrong]
    return Report(mutations, refused, slowest_s, failures)


def main() -> None:
    """Run from the command line; exit 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    report = fuzz(options.mutations, options.seed)
    print("\n".join(report.failures[:50]))
    print(
        f"{report.tried} damaged files, {report.refused} refused, {len(report.failures)} failures, "
        f"slowest {report.slowest_s:.2f} s"
    )
    sys.exit(bool(report.failures))


if __name__ == "__main__":
    main()
