"""Discrete autoencoders that make files: pictures to codes, codes to passes of bytes, and back."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.protocol import Batch, Decoded, Encoded, Window
from roundel.codecs.tokens import stored
from roundel.codecs.tokens.nets import Nets
from roundel.codecs.tokens.symbols import TokenCoder, crc
from roundel.codecs.weights import Weights
from roundel.container import Kind


class TokenModel:
    """A discrete autoencoder as a codec. `latents` of its tiles are their codes, (K, h, w) int32.

    Args:
        reach: tokens on each side that a token, or the pixels of one, can depend on.
    """

    kind = Kind.TOKENS

    def __init__(
        self, nets: Nets, coder: TokenCoder, reach: int, *, name: str, model_id: int, weights_hash: bytes
    ) -> None:
        self.nets, self.coder = nets, coder
        self.name, self.id, self.weights_hash = name, model_id, weights_hash
        self.passes, self.levels = coder.passes, coder.levels
        self.latent_px = self.align_px = nets.token_px
        self.halo_px = reach * nets.token_px

    @classmethod
    def load(cls, weights: Weights, *, name: str, model_id: int) -> "TokenModel":
        """A model from its weights. Raises: ModelError, see `stored.load`."""
        return cls(*stored.load(weights), name=name, model_id=model_id, weights_hash=weights.hash)

    def codes(self, pixels: np.ndarray, window: Window) -> NDArray[np.int32]:
        """Codes (K, h, w) of the tile `window` of `pixels`, uint8 (H, W, 3); what lies around it is context only."""
        top, left = window.top // self.latent_px, window.left // self.latent_px
        height, width = -(-window.height // self.latent_px), -(-window.width // self.latent_px)
        return self.nets.analyse(pixels[None])[0, :, top : top + height, left : left + width]

    def encode(self, pixels: np.ndarray, window: Window, quality: int) -> Encoded:
        """See `Model.encode`."""
        return self.encode_codes(self.codes(pixels, window))

    def encode_codes(self, codes: NDArray[np.int32]) -> Encoded:
        """The tile of codes (K, h, w) within their levels."""
        return Encoded(self.coder.encode(codes[None]), crc(codes))

    def decode(self, passes: Sequence[bytes], height: int, width: int, quality: int) -> Decoded:
        """See `Model.decode`."""
        codes = self.coder.decode(passes, self._shape(1, height, width))
        return Decoded(codes[0], crc(codes) if len(passes) == self.passes else None)

    def render(self, latents: np.ndarray, window: Window, quality: int) -> np.ndarray:
        """See `Model.render`."""
        height, width = (n * self.latent_px for n in latents.shape[1:])
        pixels = self.nets.synthesise(latents[None], height, width)[0]
        return pixels[window.top : window.top + window.height, window.left : window.left + window.width]

    def encode_batch(self, pixels: np.ndarray) -> Encoded:
        """See `BatchModel.encode_batch`."""
        codes = self.nets.analyse(pixels)
        return Encoded(self.coder.encode(codes), crc(codes))

    def decode_batch(self, passes: Sequence[bytes], count: int, height: int, width: int) -> Batch:
        """See `BatchModel.decode_batch`."""
        codes = self.decode_codes(passes, count, height, width)
        return Batch(self.nets.synthesise(codes, height, width), crc(codes))

    def decode_codes(self, passes: Sequence[bytes], count: int, height: int, width: int) -> NDArray[np.int32]:
        """Codes (count, K, h, w) of pictures that `encode_batch` coded. Raises: FormatError, see `Model.decode`."""
        return self.coder.decode(passes, self._shape(count, height, width))

    def _shape(self, count: int, height: int, width: int) -> tuple[int, int, int, int]:
        return count, len(self.levels), -(-height // self.latent_px), -(-width // self.latent_px)
