"""Which lossless model suits a picture: the one that codes a few samples of it into the fewest bytes."""

import numpy as np

from roundel.container import Kind
from roundel.errors import ModelError
from roundel.models import zoo
from roundel.models.protocol import Model, Window

SAMPLE_PX = 128
SAMPLES = 3


def best_lossless(pixels: np.ndarray, device: str = "cpu") -> Model:
    """The published lossless model with the fewest bytes on samples of a picture, uint8 or uint16 (H, W, 1 or 3).

    Raises:
        ModelError: no lossless model is here.
    """
    samples = [_rgb(sample) for sample in _samples(pixels)]
    models = [
        zoo.get(entry.name, device)
        for entry in zoo.entries()
        if entry.kind is Kind.LOSSLESS and entry.weights.is_file()
    ]
    if not models:
        raise ModelError("no lossless model is published yet; name one with --model")
    return min(models, key=lambda model: sum(_bytes(model, sample) for sample in samples))


def _bytes(model: Model, sample: np.ndarray) -> int:
    window = Window(0, 0, *sample.shape[:2])
    return sum(map(len, model.encode(sample, window, 0).passes))


def _samples(pixels: np.ndarray) -> list[np.ndarray]:
    """Squares along the diagonal, or the whole picture if it is small."""
    height, width = pixels.shape[:2]
    if height * width <= SAMPLES * SAMPLE_PX**2:
        return [pixels]
    out = []
    for i in range(SAMPLES):
        top = max(0, height - SAMPLE_PX) * i // (SAMPLES - 1)
        left = max(0, width - SAMPLE_PX) * i // (SAMPLES - 1)
        out.append(pixels[top : top + SAMPLE_PX, left : left + SAMPLE_PX])
    return out


def _rgb(sample: np.ndarray) -> np.ndarray:
    """8-bit RGB; of 16-bit samples the high bytes, which are what a model codes."""
    high = sample if sample.dtype == np.uint8 else (sample >> 8).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(high, (*high.shape[:2], 3)))
