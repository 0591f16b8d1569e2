"""From a trained wavelet network to the weights file that the codec loads, its tables refitted to what it meets."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.codec import WaveletModel
from roundel.codecs.wavelet.symbols import Writing, coded
from roundel.codecs.wavelet.walk import Group, Integers, walk
from roundel.coding import Tables
from roundel.training.lossy import LossyTask
from roundel.training.trainer import Task
from roundel.training.wavelet import stored as wavelet_weights
from roundel.training.wavelet.net import WaveletNet

PRIOR_COUNT = 300.0
"""Weight of a table's original shape, in symbols."""
CROPS = 96
CROP_PX = 256
QUALITIES = (5, 20, 35, 50, 65, 80, 95)


class Counting(Writing):
    """Writes, and counts the slots that symbols fall into, both signs alike."""

    counts: NDArray[np.int64]

    def next(self, group: Group, index: NDArray[np.uint8], guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """See `Symbols.next`."""
        values = super().next(group, index, guess)
        held = coded(group, index)
        table, symbol = index[held].astype(np.int64) - 1, (values - guess)[held]
        tables = self._tables
        slots, last = symbol - tables.offsets[table], tables.sizes[table] - 1
        outside = (slots < 0) | (slots >= last)
        # −v is as many slots before the middle as v is after it.
        for found in (slots, last - 1 - slots):
            self.counts += np.bincount(
                tables.starts[table] + np.where(outside, last, found), minlength=self.counts.size
            )
        return values


def calibrated(net: WaveletNet, stored: Integers, pictures: NDArray[np.uint8]) -> Tables:
    """Tables that follow the counts where there are many, and the given tables where there are few.

    Args:
        net: frozen. pictures: uint8 (N, S, S, 3), of the training data.
    """
    tables = stored.tables
    model = WaveletModel(net, stored, name="", model_id=0, weights_hash=bytes(8))
    counts = np.zeros(tables.frequencies.size, np.int64)
    for number, picture in enumerate(pictures):
        quality = QUALITIES[number % len(QUALITIES)]
        counting = Counting(
            model.coefficients(picture, Window(0, 0, *picture.shape[:2]), quality), tables, model.prices
        )
        counting.counts = counts
        height, width = (side // model.latent_px for side in picture.shape[:2])
        walk(net, stored, counting, height, width, quality, model.passes)
    pmfs, escapes = [], []
    for start, end in zip(tables.starts[:-1], tables.starts[1:], strict=True):
        mass = counts[start:end] + PRIOR_COUNT * (tables.frequencies[start:end] / 2**24)
        pmfs.append(mass[:-1])
        escapes.append(mass[-1] / mass.sum())
    return Tables.from_pmfs(pmfs, tables.offsets, escapes)


def export(model: nn.Module, task: Task, path: Path, notes: dict[str, str]) -> None:
    """Write the weights file of a trained model."""
    assert isinstance(model, WaveletNet)
    assert isinstance(task, LossyTask)
    net = model.cpu().eval()
    stored = wavelet_weights.integers(net, wavelet_weights.family_tables())
    for layer in wavelet_weights.layers(net).values():
        layer.freeze()
    pictures = task.crops.batch(CROPS, CROP_PX, np.random.default_rng(0)).permute(0, 2, 3, 1).contiguous().numpy()
    tables = calibrated(net, stored, pictures)
    wavelet_weights.save(path, net, wavelet_weights.integers(net, tables), notes)
