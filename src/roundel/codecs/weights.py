"""The weights file: integer tables and ONNX graphs of one model, read without the library that trained it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from roundel.engine import Graph
from roundel.errors import ModelError

GRAPH = "graph."
"""Tensors so named, uint8 vectors, are ONNX files."""


@dataclass(frozen=True, eq=False)
class Weights:
    """What a weights file holds."""

    path: Path
    architecture: str
    """Registered name and version of what reads it, such as "pyramid/1": see `zoo.ARCHITECTURES`."""
    shape: Mapping[str, Any]
    """Sizes that the architecture needs to know."""
    selftest: str
    """Hash of what the nets say about fixed inputs, from the machine that exported them."""
    tensors: Mapping[str, np.ndarray]
    graphs: Mapping[str, Graph]
    notes: Mapping[str, str] = field(default_factory=dict)
    hash: bytes = b""
    """First 8 bytes of the file's SHA-256: by these files name the weights."""

    def tensor(self, name: str) -> np.ndarray:
        """A tensor. Raises: ModelError, the file has none of this name."""
        return self._get(self.tensors, name)

    def graph(self, name: str) -> Graph:
        """A graph. Raises: ModelError, the file has none of this name."""
        return self._get(self.graphs, name)

    def require(self, found: str) -> None:
        """Compare a self-test's hash with the stored one.

        Raises:
            ModelError: they differ, so that files would decode to something else.
        """
        if found != self.selftest:
            from roundel.engine import check_runtime

            raise ModelError(
                f"{self.path}: its nets give {found} here and {self.selftest} where they were exported: the weights "
                f"are damaged, or ONNX Runtime {check_runtime()} computes otherwise on this machine"
            )

    def _get(self, held: Mapping[str, Any], name: str) -> Any:
        try:
            return held[name]
        except KeyError:
            raise ModelError(f"{self.path}: lacks {name}: not a complete {self.architecture} model") from None


def read(path: Path) -> Weights:
    """The contents of a weights file.

    Raises:
        ModelError: it is missing, damaged, or not one that `roundel train` exported.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ModelError(f"{path}: the weights are missing")
    try:
        with safe_open(path, "numpy") as file:
            metadata = dict(file.metadata() or {})
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        architecture, shape, selftest = (metadata.pop(k) for k in ("architecture", "shape", "selftest"))
        sizes = json.loads(shape)
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"{path}: the weights are damaged: {error}") from error
    except KeyError as error:
        raise ModelError(f"{path}: not a weights file that `roundel train` exported: it lacks {error}") from error
    graphs = {
        key.removeprefix(GRAPH): Graph(tensors.pop(key).tobytes()) for key in list(tensors) if key.startswith(GRAPH)
    }
    return Weights(path, architecture, sizes, selftest, tensors, graphs, metadata, weights_hash(path))


def weights_hash(path: Path) -> bytes:
    """The 8 bytes by which files name these weights: the start of the file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).digest()[:8]
