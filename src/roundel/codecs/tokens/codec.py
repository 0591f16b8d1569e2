"""Discrete autoencoders that make files: pictures to codes, codes to passes of bytes, and back."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from roundel.codecs.protocol import Batch, Decoded, Encoded, Window
from roundel.codecs.tokens.symbols import TokenCoder, crc
from roundel.codecs.zoo import weights_hash
from roundel.container import Kind
from roundel.training.tokens import stored as autoencoder_weights
from roundel.training.tokens.model import DiscreteAutoencoder
from roundel.training.tokens.net import VectorAutoencoder


class TokenModel:
    """A discrete autoencoder as a codec. `latents` of its tiles are their codes, (K, h, w) int32."""

    kind = Kind.TOKENS

    def __init__(
        self, model: DiscreteAutoencoder, coder: TokenCoder, *, name: str, model_id: int, weights_hash: bytes
    ) -> None:
        self.model, self.coder = model, coder
        self.name, self.id, self.weights_hash = name, model_id, weights_hash
        self.passes, self.levels = coder.passes, coder.levels
        self.latent_px = self.align_px = model.net.token_px
        self.halo_px = model.net.reach * model.net.token_px
        self.device = next(model.parameters()).device

    @classmethod
    def load(cls, path: Path, *, name: str, model_id: int, device: str) -> "TokenModel":
        """A model from its weights file. Raises: ModelError, see `autoencoder_weights.load`."""
        model, coder = autoencoder_weights.load(path, device)
        return cls(model, coder, name=name, model_id=model_id, weights_hash=weights_hash(path))

    def codes(self, pixels: np.ndarray, window: Window) -> NDArray[np.int32]:
        """Codes (K, h, w) of the tile `window` of `pixels`, uint8 (H, W, 3); what lies around it is context only."""
        top, left = window.top // self.latent_px, window.left // self.latent_px
        height, width = -(-window.height // self.latent_px), -(-window.width // self.latent_px)
        return self._analyse(pixels[None])[0, :, top : top + height, left : left + width]

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
        pixels = self._synthesise(latents[None], height, width)[0]
        return pixels[window.top : window.top + window.height, window.left : window.left + window.width]

    def encode_batch(self, pixels: np.ndarray) -> Encoded:
        """See `BatchModel.encode_batch`."""
        codes = self._analyse(pixels)
        return Encoded(self.coder.encode(codes), crc(codes))

    def decode_batch(self, passes: Sequence[bytes], count: int, height: int, width: int) -> Batch:
        """See `BatchModel.decode_batch`."""
        codes = self.decode_codes(passes, count, height, width)
        return Batch(self._synthesise(codes, height, width), crc(codes))

    def decode_codes(self, passes: Sequence[bytes], count: int, height: int, width: int) -> NDArray[np.int32]:
        """Codes (count, K, h, w) of pictures that `encode_batch` coded. Raises: FormatError, see `Model.decode`."""
        return self.coder.decode(passes, self._shape(count, height, width))

    def _shape(self, count: int, height: int, width: int) -> tuple[int, int, int, int]:
        return count, len(self.levels), -(-height // self.latent_px), -(-width // self.latent_px)

    @torch.inference_mode()
    def _analyse(self, pixels: np.ndarray) -> NDArray[np.int32]:
        """uint8 (B, H, W, 3) to codes (B, K, h, w)."""
        x = torch.from_numpy(np.array(pixels)).to(self.device).permute(0, 3, 1, 2).float().div_(255)
        if isinstance(self.model.net, VectorAutoencoder):
            _, _, rows, columns = self._shape(1, x.shape[2], x.shape[3])
            codes = self.model.encode(_cut(x, self.latent_px))
            codes = codes.view(len(x), rows, columns, -1).permute(0, 3, 1, 2)
        else:
            codes = self.model.encode(x)
        return np.ascontiguousarray(codes.cpu().numpy().astype(np.int32))

    @torch.inference_mode()
    def _synthesise(self, codes: np.ndarray, height: int, width: int) -> NDArray[np.uint8]:
        """Codes (B, K, h, w) to uint8 (B, height, width, 3)."""
        given = torch.from_numpy(codes.astype(np.int64)).to(self.device)
        if isinstance(self.model.net, VectorAutoencoder):
            count, _, rows, columns = given.shape
            side = self.latent_px
            x = self.model.decode(given.permute(0, 2, 3, 1).flatten(0, 2), side, side)
            x = x.view(count, rows, columns, 3, side, side).permute(0, 3, 1, 4, 2, 5).reshape(
                count, 3, rows * side, columns * side
            )[:, :, :height, :width]  # fmt: skip
        else:
            x = self.model.decode(given, height, width)
        return x.mul(255).add_(0.5).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def _cut(x: Tensor, side: int) -> Tensor:
    """Squares of a picture (B, 3, H, W), its edges repeated, (B·h·w, 3, side, side)."""
    x = F.pad(x, (0, -x.shape[3] % side, 0, -x.shape[2] % side), mode="replicate")
    count, _, height, width = x.shape
    squares = x.view(count, 3, height // side, side, width // side, side)
    return squares.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)
