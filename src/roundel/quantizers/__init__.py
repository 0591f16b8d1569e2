"""Quantisers of latents, one file each, behind one protocol."""

from roundel.quantizers.mixed import Mixed
from roundel.quantizers.protocol import Annealed, Bits, Quantizer, Tested, Trained
from roundel.quantizers.table import QUANTIZERS, at, make
from roundel.quantizers.thrifty import Thrifty

__all__ = ["QUANTIZERS", "Annealed", "Bits", "Mixed", "Quantizer", "Tested", "Thrifty", "Trained", "at", "make"]
