"""Symbols and table indices to bytes and back, with integer probability tables."""

from roundel.coding.coder import Reader, Writer, cost_bits, decode, encode, put, take, take_each
from roundel.coding.tables import Tables

__all__ = ["Reader", "Tables", "Writer", "cost_bits", "decode", "encode", "put", "take", "take_each"]
