"""Writes the weights file: what the workshop hands to the product."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from roundel.codecs.weights import GRAPH


def write(
    path: Path,
    architecture: str,
    shape: Mapping[str, Any],
    tensors: Mapping[str, np.ndarray],
    graphs: Mapping[str, bytes],
    notes: Mapping[str, str],
    selftest: str = "",
) -> None:
    """Write a weights file; the same inputs give the same bytes.

    Args:
        architecture: registered name and version, such as "pyramid/1". shape: sizes, as JSON can hold them.
        tensors: by name. graphs: ONNX files by name. notes: free text for the file's metadata, such as the commit.
        selftest: hash of what the exported nets say here. Write once without it, load, test, and write again.
    """
    from safetensors.numpy import save

    held = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    held |= {GRAPH + name: np.frombuffer(data, np.uint8) for name, data in graphs.items()}
    metadata = {"architecture": architecture, "shape": json.dumps(dict(shape)), "selftest": selftest, **notes}
    path.write_bytes(_in_order(save(held, metadata)))


def _in_order(data: bytes) -> bytes:
    """A safetensors file whose metadata is sorted; the library writes it in an order of chance."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    written = json.dumps(header, separators=(",", ":")).encode()
    written += b" " * (-len(written) % 8)
    return len(written).to_bytes(8, "little") + written + data[end:]
