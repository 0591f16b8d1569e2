"""Rows whose pictures become bytes: idf by the integer coder, bit-swap by bits back. All are decoded and compared."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from roundel.lab import bits_back, flows
from roundel.lab.bits_back import BitSwapCoder
from roundel.lab.bitswap import BitSwap
from roundel.lab.flow import Flow
from roundel.lab.flow_coder import FlowCoder

BINS_FROM = 512
"""Training pictures that show where latents lie."""
WORDS = 1 << 14
DRAWN_FROM = 16
"""Pictures of which the initial words are counted; the stack grows with every picture, so later ones need none."""
FRACTIONS = (0.15, 0.30, 0.60, 1.0)
SHOWN = 8
ENLARGED = 3
MARGIN_PX = 4


def coded(model: nn.Module, training: Tensor, pictures: Tensor) -> dict[str, Any] | None:
    """Bits per dimension of pictures uint8 (N, 3, S, S), as bytes and as the likelihood says; None without a coder."""
    pixels = pictures.permute(0, 2, 3, 1).contiguous().numpy()
    if isinstance(model, Flow) and model.dequantiser is None:
        found = by_flow(FlowCoder(model), pixels)
    elif isinstance(model, BitSwap):
        bins = bits_back.fit_bins(model, training[:BINS_FROM], torch.Generator().manual_seed(1))
        found = by_bits_back(BitSwapCoder(model, bins), pixels)
    else:
        return None
    return {"pictures": len(pixels), "likelihood": round(likelihood(model, pictures), 4), **found}


@torch.no_grad()
def likelihood(model: nn.Module, pictures: Tensor) -> float:
    """Bits per dimension."""
    torch.manual_seed(0)
    bits = sum(float(model(flows.on_grid(part.float() / 255)).sum()) for part in pictures.split(flows.VALIDATION_BATCH))
    return bits / pictures.numel()


def by_flow(coder: FlowCoder, pixels: np.ndarray) -> dict[str, float]:
    """Each picture alone."""
    total = 0
    for picture in pixels:
        data = coder.encode(picture)
        assert np.array_equal(coder.decode(data, *picture.shape[:2]), picture)
        total += len(data)
    return {"coded": round(8 * total / pixels.size, 4)}


def by_bits_back(coder: BitSwapCoder, pixels: np.ndarray) -> dict[str, float]:
    """All pictures on one stack, and the first one alone."""
    plenty = np.random.default_rng(1).integers(1, 2**32, WORDS, dtype=np.uint32)
    initial = bits_back.least_initial(coder, pixels[:DRAWN_FROM], plenty)
    words = coder.encode(pixels, initial).words
    found, left = coder.decode(words, pixels.shape[:3])
    assert np.array_equal(found, pixels)
    assert np.array_equal(left, initial)
    first = pixels[:1]
    alone = coder.encode(first, bits_back.least_initial(coder, first, plenty)).words
    return {
        "coded": round(32 * len(words) / pixels.size, 4),
        "coded_but_for_initial_bits": round(32 * (len(words) - len(initial)) / pixels.size, 4),
        "initial_bits": 32 * len(initial),
        "initial_bits_without_swaps": 32 * coder.all_layers_words(pixels[0], plenty),
        "first_alone": round(32 * len(alone) / first.size, 4),
    }


def progressive(model: Flow, pictures: Tensor, goal: Path) -> None:
    """Pictures from the first 15, 30, 60 and 100 % of their bytes: the prior's means above, draws from it below."""
    coder, side = FlowCoder(model), pictures.shape[3] * ENLARGED
    step = side + MARGIN_PX
    size = (2 * len(FRACTIONS) * step + MARGIN_PX, len(pictures) // 2 * (2 * step + MARGIN_PX))
    sheet = Image.new("RGB", size, "white")
    for k, picture in enumerate(pictures.permute(0, 2, 3, 1).contiguous().numpy()):
        data = coder.encode(picture)
        for line, seed in enumerate((None, k)):
            for column, fraction in enumerate(FRACTIONS):
                generator = None if seed is None else torch.Generator().manual_seed(seed)
                shown = coder.preview(data[: round(len(data) * fraction)], *picture.shape[:2], generator)
                place = (k % 2 * (len(FRACTIONS) * step + MARGIN_PX) + column * step,
                         k // 2 * (2 * step + MARGIN_PX) + line * step)  # fmt: skip
                sheet.paste(Image.fromarray(shown).resize((side, side), Image.Resampling.NEAREST), place)
    sheet.save(goal, optimize=True)
