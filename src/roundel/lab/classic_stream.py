"""What the coders of the literature's models share: their string's head, and latents as symbols."""

import struct

import numpy as np
import torch
from torch import Tensor

from roundel.errors import FormatError
from roundel.training.quantizers import Bits, Quantizer

HEAD = struct.Struct("<HHI")
"""Height and width in pixels, bytes of the hyper-latents."""


def head(pixels: np.ndarray, z_data: bytes) -> bytes:
    """Head of the string of a picture with these bytes of hyper-latents."""
    return HEAD.pack(*pixels.shape[:2], len(z_data))


def read_head(data: bytes) -> tuple[int, int, int]:
    """Height, width and where the latents begin. Raises: FormatError."""
    if len(data) < HEAD.size or (split := HEAD.size + HEAD.unpack_from(data)[2]) > len(data):
        raise FormatError(f"{len(data)} bytes are not a picture of the research coder: they end too soon")
    height, width, _ = HEAD.unpack_from(data)
    return height, width, split


def lattice(quantizer: Quantizer, loc: Tensor, bits: Bits) -> Tensor:
    """What the decoder adds to symbols: a quantiser says so when it is given the means themselves."""
    tested = quantizer.test(loc, loc, bits)
    return tested.y_hat - tested.symbols


def channels_of(shape: tuple[int, ...]) -> np.ndarray:
    """Table index of each latent of (N, C, h, w): its channel."""
    return np.tile(np.repeat(np.arange(shape[1], dtype=np.int32), shape[2] * shape[3]), shape[0])


def ints(symbols: Tensor) -> np.ndarray:
    """Symbols as the coder takes them, (N,) int32."""
    return symbols.flatten().numpy().astype(np.int32)


def tensor(symbols: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    """The inverse, float32 of this shape."""
    return torch.from_numpy(symbols.astype(np.float32)).reshape(shape)
