"""The tables of a wavelet model before and after they are fitted: what training counts bits by."""

import math

import numpy as np
import torch
from torch import Tensor

from roundel.codecs.wavelet.places import FLAG_TABLES, RUN, SECOND, TABLE_OF, TABLES, TILTS
from roundel.coding import Tables
from roundel.training.entropy.lookup import LARGEST
from roundel.training.wavelet import density

SILENT = 1 / 64
"""A run of which something has to be coded, before it is counted how many there are."""


def family_tables() -> Tables:
    """The tables of the densities that training starts from."""
    scales = density.scale_of(torch.arange(density.SCALES))
    logits = np.array(density.SKEW_LOGITS[-TILTS:])
    pmfs, offsets, escapes = [], [], []
    for odd in (0, 1):
        if odd:
            for _ in range(SECOND - FLAG_TABLES):
                pmfs.append(np.array([1 - SILENT, SILENT]))
                offsets.append(0)
                escapes.append(2.0**-22)
        for index, p in enumerate(density.probabilities(scales, odd).numpy()):
            # Beyond a reach that one in a hundred thousand leaves, values are escapes.
            beyond = np.append(np.cumsum(p[::-1])[::-1][1:], 0)
            reach = min(max(int(np.argmax(beyond < 1e-5)), 2), LARGEST)
            for logit in logits[: 1 if index == 0 else None]:
                up = 1 / (1 + math.exp(-logit))
                side = p[1 : reach + 1]
                pmfs.append(np.concatenate([(1 - up) * side[::-1], p[:1], up * side]))
                offsets.append(-reach)
                escapes.append(max(float(beyond[reach]), 2.0**-18))
    assert len(pmfs) == TABLES
    return Tables.from_pmfs(pmfs, offsets, escapes)


def size_bits(tables: Tables) -> Tensor:
    """(2 · SCALES, LARGEST + 1) bits of |symbol| in the first quantiser, then in the second, by scale index, where
    nothing is known of signs; one bit of the sign (where it is not 0) included.

    At index 0 zeros share the flag of a run that is not coded; what is not 0 pays for that of one that is, and its run.
    """
    rows = []
    for second in (0, SECOND):
        for own in TABLE_OF[:, TABLE_OF.shape[1] // 2] + second:
            start, end, offset = int(tables.starts[own]), int(tables.starts[own + 1]) - 1, int(tables.offsets[own])
            p = tables.frequencies[start:end] / 2.0**24
            sizes = np.abs(np.arange(offset, offset + p.size))
            mass = np.bincount(sizes, p, LARGEST + 1)[: LARGEST + 1]
            reach = int(sizes.max())
            bits = -np.log2(np.where(mass > 0, mass, 1)) + (np.arange(LARGEST + 1) > 0)
            beyond = np.arange(1, LARGEST + 1 - reach)
            bits[reach + 1 :] = tables.slot_bits[end] + 2 + 3 * np.log2(2 * beyond) / 2
            if own == second:
                flags = tables.starts[FLAG_TABLES:SECOND]
                bits[1:] += tables.slot_bits[flags + 1].mean() + (RUN - 1) * bits[0]
                bits[0] = tables.slot_bits[flags].mean() / RUN
            rows.append(bits)
    return torch.from_numpy(np.array(rows)).float()
