"""Quantisers of latents behind one protocol, and discrete bottlenecks behind another; one file each."""

from roundel.quantizers.codes import Bottleneck, Codes
from roundel.quantizers.fsq import FSQ
from roundel.quantizers.lfq import LFQ
from roundel.quantizers.mixed import Mixed
from roundel.quantizers.protocol import Annealed, Bits, Quantizer, Tested, Trained
from roundel.quantizers.residual_fsq import ResidualFSQ
from roundel.quantizers.residual_vq import ResidualVQ
from roundel.quantizers.table import QUANTIZERS, at, check, make
from roundel.quantizers.thrifty import Thrifty
from roundel.quantizers.vq import VectorQuantizer

__all__ = [
    "FSQ",
    "LFQ",
    "QUANTIZERS",
    "Annealed",
    "Bits",
    "Bottleneck",
    "Codes",
    "Mixed",
    "Quantizer",
    "ResidualFSQ",
    "ResidualVQ",
    "Tested",
    "Thrifty",
    "Trained",
    "VectorQuantizer",
    "at",
    "check",
    "make",
]
