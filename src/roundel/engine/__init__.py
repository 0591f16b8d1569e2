"""Exact integer graphs on ONNX Runtime: the only room that imports it."""

from roundel.engine.graph import Graph, check_runtime

__all__ = ["Graph", "check_runtime"]
