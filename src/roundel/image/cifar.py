"""The binary version of CIFAR-10: records of a label byte and 32 × 32 pixels, planes of red, green and blue."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from roundel.errors import ImageError

SIDE = 32
RECORD_BYTES = 1 + 3 * SIDE * SIDE


def read(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 (N, 32, 32, 3) and labels uint8 (N,) of batch files, in order.

    Raises:
        ImageError: a file is not made of whole records.
    """
    batches = []
    for path in paths:
        data = np.fromfile(path, np.uint8)
        if not data.size or data.size % RECORD_BYTES:
            raise ImageError(
                f"{path}: {data.size} bytes are no CIFAR-10 batch, which has a multiple of {RECORD_BYTES}; "
                "use the binary version"
            )
        batches.append(data.reshape(-1, RECORD_BYTES))
    records = np.concatenate(batches)
    pixels = records[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pixels), records[:, 0].copy()


def to_bytes(pictures: np.ndarray, labels: np.ndarray) -> bytes:
    """The batch file that `read` took. Args: pictures uint8 (N, 32, 32, 3). labels (N,) 0..255."""
    planes = pictures.transpose(0, 3, 1, 2).reshape(len(pictures), -1)
    return np.concatenate([labels.astype(np.uint8)[:, None], planes], 1).tobytes()
