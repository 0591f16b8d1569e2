"""Quantisers of latents behind one protocol, and discrete bottlenecks behind another; one file each."""

from roundel.training.quantizers.codes import Bottleneck, Codes
from roundel.training.quantizers.fsq import FSQ
from roundel.training.quantizers.lfq import LFQ
from roundel.training.quantizers.mixed import Mixed
from roundel.training.quantizers.protocol import Annealed, Bits, Quantizer, Tested, Trained
from roundel.training.quantizers.residual_fsq import ResidualFSQ
from roundel.training.quantizers.residual_vq import ResidualVQ
from roundel.training.quantizers.table import QUANTIZERS, at, check, make
from roundel.training.quantizers.thrifty import Thrifty
from roundel.training.quantizers.vq import VectorQuantizer

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
