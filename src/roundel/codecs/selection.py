"""Which lossless model suits pictures: the one that codes a few samples of them into the fewest bytes."""

from collections.abc import Sequence

import numpy as np

from roundel.codecs import zoo
from roundel.codecs.loading import MAX_EFFORT, check_effort
from roundel.codecs.protocol import BatchModel, Model, Refining
from roundel.container import Kind
from roundel.errors import ModelError
from roundel.image.scan import Scan

SAMPLE_PX = 128
SAMPLES = 3
BUDGET_PX = SAMPLES * SAMPLE_PX**2
"""So many pixels in all are coded with each model."""
QUICKEST = "photo-fast"


def lossless_at(effort: int, pixels: np.ndarray | Scan) -> Model:
    """The published lossless model for an effort: 0 the quickest, 9 the one that suits the picture, else the default.

    Raises:
        RoundelError: the effort is out of range.
        ModelError: no lossless model is here.
    """
    check_effort(effort)
    if effort == MAX_EFFORT:
        return best_lossless(pixels)
    model = zoo.get(zoo.default(Kind.LOSSLESS) if effort else QUICKEST)
    return model.at_effort(effort) if isinstance(model, Refining) else model


def best_lossless(pixels: np.ndarray | Scan) -> Model:
    """The published lossless model with the fewest bytes on samples of a picture, uint8 or uint16 (H, W, 1 or 3).

    Raises:
        ModelError: no lossless model is here.
    """
    return _best(_diagonal(pixels))


def best_for_set(pictures: Sequence[np.ndarray]) -> Model:
    """The same for a set, on pictures from all over it; the middles of large ones.

    Raises:
        ModelError: no lossless model is here.
    """
    typical_px = int(np.median([min(p.shape[0], SAMPLE_PX) * min(p.shape[1], SAMPLE_PX) for p in pictures]))
    wanted = min(len(pictures), max(SAMPLES, BUDGET_PX // typical_px))
    return _best([_middle(pictures[len(pictures) * i // wanted]) for i in range(wanted)])


def _best(samples: Sequence[np.ndarray]) -> Model:
    """The model with the fewest bytes; the default one, where others need as many."""
    batches: dict[tuple[int, ...], list[np.ndarray]] = {}
    for sample in samples:
        batches.setdefault(sample.shape[:2], []).append(_rgb(sample))
    models = [zoo.get(entry.name) for entry in zoo.current(Kind.LOSSLESS)]
    if not models:
        raise ModelError("no lossless model is published yet; name one with --model")
    default = zoo.default(Kind.LOSSLESS)

    def cost(model: Model) -> tuple[int, bool]:
        return sum(_bytes(model, np.stack(batch)) for batch in batches.values()), model.name != default

    return min(models, key=cost)


def _bytes(model: Model, batch: np.ndarray) -> int:
    assert isinstance(model, BatchModel)
    return sum(map(len, model.encode_batch(batch).passes))


def _diagonal(pixels: np.ndarray | Scan) -> list[np.ndarray]:
    """Squares along the diagonal, or the whole picture if it is small."""
    height, width = pixels.shape[:2]
    if height * width <= BUDGET_PX:
        return [pixels[:, :]]
    out = []
    for i in range(SAMPLES):
        top = max(0, height - SAMPLE_PX) * i // (SAMPLES - 1)
        left = max(0, width - SAMPLE_PX) * i // (SAMPLES - 1)
        out.append(pixels[top : top + SAMPLE_PX, left : left + SAMPLE_PX])
    return out


def _middle(pixels: np.ndarray) -> np.ndarray:
    top, left = (max(0, side - SAMPLE_PX) // 2 for side in pixels.shape[:2])
    return pixels[top : top + SAMPLE_PX, left : left + SAMPLE_PX]


def _rgb(sample: np.ndarray) -> np.ndarray:
    """8-bit RGB; of 16-bit samples the high bytes, which are what a model codes."""
    high = sample if sample.dtype == np.uint8 else (sample >> 8).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(high, (*high.shape[:2], 3)))
