"""Quantisers of latents, one file each, behind one protocol."""

from roundel.quantizers.mixed import Mixed
from roundel.quantizers.protocol import Quantizer, Tested, Trained

__all__ = ["Mixed", "Quantizer", "Tested", "Trained"]
