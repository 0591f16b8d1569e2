"""Symbols and table indices to bytes and back, with integer probability tables."""

from roundel.coding.coder import cost_bits, decode, encode, put, take
from roundel.coding.stream import Reader, Writer
from roundel.coding.tables import Tables

__all__ = ["Reader", "Tables", "Writer", "cost_bits", "decode", "encode", "put", "take"]
