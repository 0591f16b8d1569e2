"""Parts that are not installed with roundel itself: asked for before the work, not after it."""

from importlib import util

from roundel.errors import UnsupportedError

EXTRAS = {
    "torch": ("PyTorch", "train"),
    "onnx": ("the package onnx", "train"),
    "imagecodecs": ("the package imagecodecs", "compare"),
    "ssimulacra2": ("the package ssimulacra2", "compare"),
    "tifffile": ("the package tifffile", "slides"),
    "zarr": ("the package zarr", "slides"),
    "matplotlib": ("the package matplotlib", "compare"),
    "ray": ("the package ray", "ray"),
    "pyarrow": ("the package pyarrow", "ray"),
    "fsspec": ("the package fsspec", "ray"),
    "starlette": ("the package starlette", "web"),
    "uvicorn": ("the package uvicorn", "web"),
}
"""Name in error messages and extra of each module."""


def require(purpose: str, *modules: str) -> None:
    """Complain about a part that is missing.

    Args:
        purpose: what needs it, such as "roundel train". modules: some of `EXTRAS`.

    Raises:
        UnsupportedError: with what to install.
    """
    for module in modules:
        if not available(module):
            name, extra = EXTRAS[module]
            raise UnsupportedError(f"{purpose} needs {name}, which is not installed: pip install 'roundel[{extra}]'")


def available(module: str) -> bool:
    """Whether a module can be imported; it is not."""
    try:
        return util.find_spec(module) is not None
    except ImportError:
        return False
