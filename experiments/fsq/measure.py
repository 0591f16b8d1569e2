"""What is measured of a trained discrete autoencoder: real bytes, errors of what decodes from codes alone, usage."""

from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from roundel.codecs.tokens.symbols import FactorizedCoder, TokenCoder
from roundel.lab import frechet
from roundel.training.quantizers.residual_fsq import ResidualFSQ
from roundel.training.quantizers.usage import histogram, of_histogram
from roundel.training.tokens.model import DiscreteAutoencoder

BATCH = 500
GROUP = 64
BCE_FLOOR = 0.5474
"""Nats per subpixel that CIFAR-10's binary cross-entropy cannot go below: the entropy of its grey values as coins."""


@dataclass(frozen=True)
class Measured:
    """Of one model on the test pictures."""

    nominal_bits: float
    """Σ log2 L, per picture."""
    entropy_bits: float
    """Σ of the empirical entropies of the code channels."""
    stream_bits: float
    """Bytes of all pictures in one stream, as bits per picture."""
    pack_bits: float
    """The same in groups of 64, as packs have them."""
    psnr_db: float
    """Of the mean squared error of whole levels over all pictures."""
    mse: float
    bce_over_floor: float
    """Nats per subpixel above 0.5474."""
    quantisation_mse: float | None
    """Of values before and after rounding, where both are on one axis."""
    used: float
    """Mean share of each channel's symbols that occur, in symbols."""
    perplexity: float
    """Mean over channels."""
    first_stage: tuple[float, float] | None
    """Bits of one stream and PSNR of the first stage of a residual FSQ alone, under a factorized prior."""
    frechet: dict[str, float]
    """By the name of the feature network, if one was given."""


@torch.no_grad()
def measure(
    model: DiscreteAutoencoder, coder: TokenCoder, pictures: Tensor, features: list[tuple[frechet.Network, str]]
) -> tuple[dict[str, object], np.ndarray, Tensor]:
    """All of `Measured`, counts of each channel's symbols, and the first pictures decoded.

    Args:
        pictures: uint8 (N, 3, 32, 32).
    """
    codes, shown, bce, squared, rounding = [], [], 0.0, 0.0, []
    for part in pictures.split(BATCH):
        x = part.float() / 255
        latents = model.bottleneck(model.net.analysis(x))
        found = latents.codes
        x_hat = model.decode(found, 32, 32)
        whole = torch.floor(x_hat * 255 + 0.5) / 255
        bce += float(F.binary_cross_entropy(x_hat.clamp(1e-6, 1 - 1e-6), x, reduction="sum"))
        squared += float((whole - x).square().sum())
        if model.shape.quantizer in ("fsq", "adaptive-fsq"):
            rounding.append(float((latents.position - found.float()).square().mean()))
        codes.append(found if found.ndim == 4 else found[..., None, None])
        shown.append(whole)
    joint = torch.cat(codes)
    decoded = torch.cat(shown)
    array = joint.numpy().astype(np.int32)
    pixels, count = pictures.numel(), len(pictures)
    places = joint.shape[2] * joint.shape[3]
    counts = histogram(joint, model.bottleneck.levels)
    usage = of_histogram(counts)
    groups = [array[i : i + GROUP] for i in range(0, count, GROUP)]
    values = Measured(
        nominal_bits=places * float(np.log2(model.bottleneck.levels).sum()),
        entropy_bits=places * float(usage.entropy_bits.sum()),
        stream_bits=8 * sum(map(len, coder.encode(array))) / count,
        pack_bits=8 * sum(len(data) for group in groups for data in coder.encode(group)) / count,
        psnr_db=_db(squared / pixels),
        mse=squared / pixels,
        bce_over_floor=bce / pixels - BCE_FLOOR,
        quantisation_mse=float(np.mean(rounding)) if rounding else None,
        used=float(usage.used.mean()),
        perplexity=float(usage.perplexity.mean()),
        first_stage=_first_stage(model, coder, array, pictures),
        frechet={
            name: frechet.distance(
                frechet.moments(network, (p.float() / 255 for p in pictures.split(BATCH))),
                frechet.moments(network, decoded.split(BATCH)),
            )
            for network, name in features
        },
    )
    return asdict(values), counts.numpy(), decoded[:16]


def _first_stage(
    model: DiscreteAutoencoder, coder: TokenCoder, codes: np.ndarray, pictures: Tensor
) -> tuple[float, float] | None:
    """What `Measured.first_stage` says, of codes (N, K, 1, 1)."""
    if not isinstance(model.bottleneck, ResidualFSQ) or not isinstance(coder, FactorizedCoder):
        return None
    kept = np.ascontiguousarray(codes[:, : model.bottleneck.dims])
    stream = FactorizedCoder(coder.levels[: model.bottleneck.dims], coder.tables).encode(kept)
    squared = 0.0
    for part, found in zip(pictures.split(BATCH), torch.from_numpy(kept[..., 0, 0]).split(BATCH), strict=True):
        whole = torch.floor(model.decode(found, 32, 32) * 255 + 0.5)
        squared += float(((whole - part.float()) / 255).square().sum())
    return 8 * sum(map(len, stream)) / len(codes), _db(squared / pictures.numel())


def _db(mse: float) -> float:
    return -10 * float(np.log10(mse))
