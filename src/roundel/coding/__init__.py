"""Symbols and table indices to bytes and back, with integer probability tables."""

from roundel.coding.coder import cost_bits, decode, encode
from roundel.coding.tables import Tables

__all__ = ["Tables", "cost_bits", "decode", "encode"]
