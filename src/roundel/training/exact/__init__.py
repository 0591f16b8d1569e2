"""Layers on integers: trained with rounding in the loop, exported as nodes of graphs that are the same everywhere."""

from roundel.training.exact.sums import ExactSum, Integers, Part

__all__ = ["ExactSum", "Integers", "Part"]
