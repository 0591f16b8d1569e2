"""From a weights file to nets and tables, and the proof that this machine computes what the file's maker did."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.distribution import UNIFORM_CHROMA
from roundel.codecs.pyramid.nets import COLOURS, GROUPS, PHASES, Nets, PhaseNets, row_bytes
from roundel.codecs.weights import Weights
from roundel.coding import Tables
from roundel.errors import ModelError

TABLES = "tables."
"""Tensors so named are the arrays of `Tables.from_arrays`."""
TEST_SHAPE = (2, 7, 9)
"""Pictures, rows and columns of the self-test."""
TEST_ROWS = 70
PIXEL_MAX = 255


def graph_name(level: int, phase: int, head: int | None = None) -> str:
    """Name of a graph in the weights file: a phase's trunk, or one of its heads."""
    return f"levels.{level}.{phase}.{'trunk' if head is None else f'heads.{head}'}"


def load(weights: Weights) -> tuple[Nets, Tables]:
    """Nets and tables of a weights file.

    Raises:
        ModelError: the file is incomplete, or its nets give other integers here than where they were exported.
    """
    nets = nets_of(weights)
    tables = Tables.from_arrays({key: weights.tensor(TABLES + key) for key in ("frequencies", "starts", "offsets")})
    if len(tables) != UNIFORM_CHROMA + 1:
        raise ModelError(f"{weights.path}: holds {len(tables)} probability tables, expected {UNIFORM_CHROMA + 1}")
    weights.require(selftest(nets))
    return nets, tables


def nets_of(weights: Weights) -> Nets:
    """The nets of a weights file, not tested. Raises: ModelError: the file is incomplete."""
    widths = weights.shape.get("widths")
    if not isinstance(widths, list) or not widths or not all(isinstance(w, int) and w > 0 for w in widths):
        raise ModelError(f"{weights.path}: has no widths of its nets: not a complete {weights.architecture} model")

    def phase(level: int, number: int, width: int) -> PhaseNets:
        heads = [weights.graph(graph_name(level, number, group)) for group in range(GROUPS)]
        return PhaseNets(width, weights.graph(graph_name(level, number)), heads)

    return Nets([[phase(level, n, width) for n in range(len(PHASES))] for level, width in enumerate(widths)])


def selftest(nets: Nets) -> str:
    """Hash of what each graph makes of extremes and noise, 32 hexadecimal digits; takes milliseconds."""
    digest = hashlib.sha256()
    b, h, w = TEST_SHAPE
    for level in nets.levels:
        features = None
        for number, phase in enumerate(level):
            channels = COLOURS * (number + 1)
            noise = _noise(b * channels * (h + 2) * (w + 2), 2 * PIXEL_MAX + 1) - PIXEL_MAX
            known = noise.reshape(b, channels, h + 2, w + 2).astype(np.float32)
            features, linear = phase.features(known, features)
            digest.update(features.tobytes() + linear.astype("<i4").tobytes())
            size = row_bytes(phase.width)
            rows = _noise(TEST_ROWS * size, 256).reshape(TEST_ROWS, size).astype(np.uint8)
            for group in range(GROUPS):
                digest.update(phase.head(group, rows).astype("<i4").tobytes())
            features = _noise(features.size, 256).reshape(features.shape).astype(np.uint8)
    return digest.hexdigest()[:32]


def _noise(count: int, below: int) -> NDArray[np.int64]:
    """Numbers in 0 … below − 1, a third of them at one of the ends, in runs."""
    n = np.arange(count, dtype=np.int64)
    value = (n * 2654435761 % 2**32 >> 8) % below
    return np.where(n // 50 % 3 == 0, (value * 2 // below) * (below - 1), value)
