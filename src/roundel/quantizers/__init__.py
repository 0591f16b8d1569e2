"""Quantisers of latents, one file each, behind one protocol."""

from roundel.quantizers.mixed import Mixed
from roundel.quantizers.protocol import Bits, Quantizer, Tested, Trained
from roundel.quantizers.thrifty import Thrifty

QUANTIZERS: dict[str, type[Quantizer]] = {"mixed": Mixed, "thrifty": Thrifty}
"""By the names that configurations use."""

__all__ = ["QUANTIZERS", "Bits", "Mixed", "Quantizer", "Tested", "Thrifty", "Trained"]
