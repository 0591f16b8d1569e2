"""The lossy codec model: a tile of pixels to passes of bytes with the trained hyperprior, and back."""

import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from roundel import coding
from roundel.container import Kind
from roundel.entropy.densities import gaussian_bits
from roundel.errors import FormatError
from roundel.models import lossy_weights
from roundel.models.hyperprior import SCALES, MeanScaleHyperprior, scale_of
from roundel.models.lossy_weights import QUALITIES, Integers
from roundel.models.protocol import Decoded, Encoded, Window
from roundel.models.zoo import weights_hash
from roundel.nets.hyper import HYPER_STRIDE, MAX_SYMBOL
from roundel.nets.transforms import STRIDE
from roundel.quantizers import Thrifty


class LossyModel:
    """A mean-scale hyperprior as a codec: hyper-latents first, then the latents in groups of channels.

    Symbols are centred, round(y − μ): scales come from integers alone, so that symbols are the same everywhere, and a μ
    that differs in its last bit moves pixels, never the stream.
    """

    kind = Kind.LOSSY
    latent_px = STRIDE
    align_px = STRIDE * HYPER_STRIDE

    def __init__(
        self, net: MeanScaleHyperprior, stored: Integers, *, name: str, model_id: int, weights_hash: bytes
    ) -> None:
        self.net, self.stored = net, stored
        self.quantizer = Thrifty()
        self.name, self.id, self.weights_hash = name, model_id, weights_hash
        self.passes = 1 + len(net.shape.groups)
        self.halo_px = net.synthesis.reach * STRIDE
        self.device = next(net.parameters()).device
        # What is coded need not be the same everywhere, only what it decodes to: the analysis may use what is quick.
        self.quick = self.device.type == "cuda" or _multiplies_bfloat16()

    @classmethod
    def load(cls, path: Path, *, name: str, model_id: int, device: str) -> "LossyModel":
        """A model from its weights file. Raises: ModelError, see `lossy_weights.load`."""
        net, stored = lossy_weights.load(path, device)
        return cls(net, stored, name=name, model_id=model_id, weights_hash=weights_hash(path))

    @torch.inference_mode()
    def encode(self, pixels: np.ndarray, window: Window, quality: int) -> Encoded:
        """See `Model.encode`."""
        t = self._t(quality)
        x = torch.from_numpy(np.array(pixels)).to(self.device).permute(2, 0, 1)[None].float().div_(255)
        x = _pad_to(x, STRIDE)
        top, left = window.top // STRIDE, window.left // STRIDE
        height, width = -(-window.height // STRIDE), -(-window.width // STRIDE)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.quick):
            y = self.net.analysis(x, t)[:, :, top : top + height, left : left + width].float() * self._gain(t)
        z = self.net.hyper_analysis(_pad_to(y, HYPER_STRIDE), t)
        z_symbols = torch.floor(z + 0.5).clamp_(-MAX_SYMBOL, MAX_SYMBOL)
        mean, index = self._hyper(z_symbols, quality, height, width)
        residual = self._round((y - mean)[0], index)
        z_int = z_symbols[0].cpu().numpy().astype(np.int32)
        passes = [coding.encode(*self._z_call(z_int.shape, quality, z_int), self.stored.z_tables)]
        for number, channels in enumerate(self._groups()):
            coded = index[channels] > 0
            table = self._tables(number, channels, residual, index)[coded]
            passes.append(coding.encode(residual[channels][coded], table, self.stored.y_tables))
        return Encoded(passes, _crc(z_int, residual))

    @torch.inference_mode()
    def decode(self, passes: Sequence[bytes], height: int, width: int, quality: int) -> Decoded:
        """See `Model.decode`; latents are in units of the quality's rounding step."""
        height, width = -(-height // STRIDE), -(-width // STRIDE)
        shape = (self.stored.z_loc.shape[1], -(-height // HYPER_STRIDE), -(-width // HYPER_STRIDE))
        z_int, table = self._z_call(shape, quality)
        if passes:
            z_int = z_int + coding.decode(passes[0], table, self.stored.z_tables)
        z_int = z_int.reshape(shape)
        if np.abs(z_int).max() > MAX_SYMBOL:
            raise FormatError(f"a hyper-latent of {np.abs(z_int).max()} exceeds {MAX_SYMBOL}")
        mean, index = self._hyper(
            torch.from_numpy(np.array(z_int))[None].float().to(self.device), quality, height, width
        )
        residual = np.zeros(index.shape, np.int32)
        for number, (channels, data) in enumerate(zip(self._groups(), passes[1:], strict=False)):
            coded = index[channels] > 0
            table = self._tables(number, channels, residual, index)[coded]
            residual[channels][coded] = coding.decode(data, table, self.stored.y_tables)
        latents = mean[0].cpu().numpy() + residual
        return Decoded(latents, _crc(z_int, residual) if len(passes) == self.passes else None)

    @torch.inference_mode()
    def render(self, latents: np.ndarray, window: Window, quality: int) -> np.ndarray:
        """See `Model.render`."""
        t = self._t(quality)
        y = torch.from_numpy(latents)[None].float().to(self.device)
        x = self.net.synthesis(y, 1 / self._gain(t), t)[0]
        x = x[:, window.top : window.top + window.height, window.left : window.left + window.width]
        return x.mul(255).add_(0.5).clamp_(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()

    def _round(self, v: Tensor, index: np.ndarray) -> np.ndarray:
        """Symbols int32 (M, h, w) of latents less their means; index 0 means zero."""
        symbols = np.zeros(index.shape, np.int32)
        scales = torch.from_numpy(index).to(self.device)
        at = torch.nonzero((v.abs() >= 0.5) & (scales > 0), as_tuple=True)  # few: the rest is zero
        price = partial(gaussian_bits, scale=scale_of(scales[at].float()))
        values = v[at]
        found = self.quantizer.test(values, torch.zeros_like(values), price).symbols
        symbols[tuple(axis.cpu().numpy() for axis in at)] = found.cpu().numpy().astype(np.int32)
        return symbols

    def _t(self, quality: int) -> Tensor:
        return torch.tensor([quality / (QUALITIES - 1)], device=self.device)

    def _gain(self, t: Tensor) -> Tensor:
        return torch.exp(self.net.log_gain(t))[:, :, None, None]

    def _groups(self) -> Iterator[slice]:
        """Latent channels of each pass after the first."""
        yield from map(slice, (0, *self.net.shape.groups[:-1]), self.net.shape.groups)

    def _tables(self, number: int, channels: slice, residual: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Tables of one pass of latents, (C, h, w), given the residuals of those before it."""
        before = torch.from_numpy(residual[None, : channels.start]).float().to(self.device)
        steps = self.net.contexts.steps(number, before)
        refined = torch.from_numpy(index[channels]).to(self.device) + steps
        return refined.reshape(index[channels].shape).clamp(1, SCALES - 1).to(torch.uint8).cpu().numpy() - 1

    def _z_call(
        self, shape: tuple[int, ...], quality: int, z: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The coder's arguments for hyper-latents of this shape: symbols (their centres where z is None) and tables."""
        centre = np.broadcast_to(self.stored.z_loc[quality][:, None, None], shape)
        index = np.broadcast_to(self.stored.z_index[quality][:, None, None], shape)
        return (centre.ravel() if z is None else (z - centre).ravel()), index.ravel()

    def _hyper(self, z: Tensor, quality: int, height: int, width: int) -> tuple[Tensor, np.ndarray]:
        """Means (1, M, height, width) float32 and scale indices (M, height, width) uint8 from hyper-latents."""
        mean = self.net.mean(z, self._t(quality))[:, :, :height, :width]
        shift = torch.from_numpy(self.stored.scale_shift[quality])[None].float().to(self.device)
        raw = self.net.scale_net(z, shift)[0, :, :height, :width]
        offset = torch.from_numpy(self.stored.index_offset[quality]).float().to(self.device)[:, None, None]
        return mean, (raw + offset).clamp_(0, SCALES - 1).to(torch.uint8).cpu().numpy()


def _multiplies_bfloat16() -> bool:
    """Whether this processor has matrix units for bfloat16; elsewhere it is slower than float32."""
    try:
        return bool(torch.cpu.get_capabilities().get("amx_bf16"))
    except (AttributeError, RuntimeError):  # older versions of torch do not tell
        return False


def _pad_to(x: Tensor, step: int) -> Tensor:
    """Repeat the last row and column until both sides are multiples of `step`."""
    down, right = -x.shape[2] % step, -x.shape[3] % step
    return F.pad(x, (0, right, 0, down), mode="replicate") if down or right else x


def _crc(z: np.ndarray, residual: np.ndarray) -> int:
    """CRC-32 of a tile's symbols: hyper-latents, then residuals, each (channel, row, column) as little-endian int32."""
    return zlib.crc32(residual.astype("<i4").tobytes(), zlib.crc32(z.astype("<i4").tobytes()))
