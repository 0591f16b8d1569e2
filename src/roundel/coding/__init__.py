"""Symbols and table indices to bytes and back, with integer probability tables."""

from roundel.coding.coder import Reader, Readers, Writer, cost_bits, decode, encode, put, take
from roundel.coding.tables import Tables

__all__ = ["Reader", "Readers", "Tables", "Writer", "cost_bits", "decode", "encode", "put", "take"]
