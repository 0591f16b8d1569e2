"""What the lossy model trains on: crops of photographs, and drawn pictures among them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from roundel.training.data import Crops
from roundel.training.wavelet import patterns


@dataclass
class Mixed:
    """Crops, a share of them drawn (see `patterns`), and another share with a drawn patch."""

    crops: Crops
    drawn: float = 0.05
    patched: float = 0.04

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """`count` crops as uint8 (count, 3, side, side)."""
        batch = self.crops.batch(count, side, generator).permute(0, 2, 3, 1).contiguous().numpy()
        for k in range(count):
            kind = generator.random()
            if kind < self.drawn:
                batch[k] = patterns.draw(side, generator)
            elif kind < self.drawn + self.patched:
                batch[k] = patterns.patched(batch[k], generator)
        return torch.from_numpy(batch).permute(0, 3, 1, 2)
