"""Bits back with a stack: pictures of a Bit-Swap model as words, and back.

To code a picture, latents are taken off the stack as if its bits were their posterior's code, then what they explain is
put on. So a picture costs its bound on average, but the first one needs bits to draw from. Latents lie in bins of equal
mass. Probabilities come from float nets: such words decode on the machine, by the libraries and with the thread count
that made them. Source: Kingma, Abbeel and Ho 2019, algorithm 1; the stack is constriction's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roundel.coding.stream import library
from roundel.errors import FormatError, ModelError
from roundel.lab.bitswap import BitSwap, Logistic
from roundel.lab.flow_steps import STEP, squeeze, unsqueeze

Words = NDArray[np.uint32]
BINS = 1024
LEAST_WORDS = 2
"""The coder's state. A stack with less than that cannot be drawn from."""
LEVELS = 256


class Bins(NamedTuple):
    """Bins of equal mass of one logistic a channel."""

    edges: Tensor
    """(C, BINS − 1)."""
    centres: Tensor
    """(C, BINS)."""


@dataclass(frozen=True)
class Stacked:
    """Pictures on a stack."""

    words: Words
    least: int
    """Words that were there when there were fewest."""


@torch.no_grad()
def fit_bins(model: BitSwap, pictures: Tensor, generator: torch.Generator) -> list[Bins]:
    """Bins for each layer, by the mean and spread of each channel of its latents; the last layer's, by its prior.

    Args:
        pictures: uint8 (N, 3, H, W). Coder and decoder need the same bins: they belong to the model.
        generator: draws latents.
    """
    below, out = squeeze(pictures.float() / LEVELS), []
    ranks = torch.arange(1, BINS, dtype=torch.float64) / BINS
    middles = (torch.arange(BINS, dtype=torch.float64) + 0.5) / BINS
    for layer in range(model.shape.layers):
        posterior = model.posterior(layer, below)
        share = torch.rand(posterior.mean.shape, generator=generator)
        below = posterior.mean + torch.exp(posterior.log_scale) * torch.logit(share, 1e-6)
        values = below.transpose(0, 1).flatten(1).double()
        loc, scale = values.mean(1, keepdim=True), values.std(1, keepdim=True) * 3**0.5 / torch.pi
        if layer == model.shape.layers - 1:
            loc, scale = torch.zeros_like(loc), torch.ones_like(scale)
        out.append(Bins((loc + scale * torch.logit(ranks)).float(), (loc + scale * torch.logit(middles)).float()))
    return out


class BitSwapCoder:
    """A trained model as a codec of pictures, one on top of the other.

    Args:
        bins: see `fit_bins`.
    """

    def __init__(self, model: BitSwap, bins: Sequence[Bins]) -> None:
        self.model, self.bins = model.eval(), bins
        self._family = library().model.Categorical(perfect=False)
        self._pixel_edges = ((torch.arange(1, LEVELS) - 0.5) * STEP).expand(12, -1)

    @torch.inference_mode()
    def encode(self, pictures: NDArray[np.uint8], initial: Words) -> Stacked:
        """Put pictures on a stack.

        Args:
            pictures: (N, H, W, 3), sides even. initial: words to draw the first latents from, the last one not zero;
                they come back when pictures are taken off.

        Raises:
            ModelError: too few words.
        """
        stack, least = library().stack.AnsCoder(initial), len(initial)
        for picture in pictures:
            symbols, below = _pixels(picture)
            for layer in range(self.model.shape.layers):
                drawn = stack.decode(self._family, self._masses(layer + 1, self.model.posterior(layer, below)))
                least = min(least, stack.num_words())
                if least < LEAST_WORDS:
                    raise ModelError(f"{len(initial)} words are too few to draw latents from; give more")
                z = self._values(layer, drawn, below)
                stack.encode_reverse(symbols, self._family, self._masses(layer, self.model.explained(layer, z)))
                symbols, below = drawn, z
            stack.encode_reverse(symbols, self._family, self._masses(self.model.shape.layers, _standard(below)))
        return Stacked(stack.get_compressed(), least)

    @torch.inference_mode()
    def all_layers_words(self, picture: NDArray[np.uint8], initial: Words) -> int:
        """Words that it takes to draw the latents of all layers before any is coded, as bits back without swaps does.

        Args:
            picture: (H, W, 3). initial: more words than that.
        """
        stack, (_, below) = library().stack.AnsCoder(initial), _pixels(picture)
        for layer in range(self.model.shape.layers):
            drawn = stack.decode(self._family, self._masses(layer + 1, self.model.posterior(layer, below)))
            below = self._values(layer, drawn, below)
        return len(initial) - stack.num_words() + LEAST_WORDS

    @torch.inference_mode()
    def decode(self, words: Words, size: tuple[int, int, int]) -> tuple[NDArray[np.uint8], Words]:
        """Take pictures off: uint8 (N, H, W, 3), and the words that are left.

        Args:
            size: (N, H, W).

        Raises:
            FormatError: the words are not those of so many pictures.
        """
        count, height, width = size
        if len(words) < LEAST_WORDS or not words[-1]:
            raise FormatError(f"{len(words)} words, the last of them {words[-1:]}, are no stack of pictures")
        stack = library().stack.AnsCoder(words)
        layers = self.model.shape.layers
        pictures = np.empty((count, height, width, 3), np.uint8)
        top = torch.zeros(1, self.model.shape.channels, height // 2, width // 2)
        for k in reversed(range(count)):
            symbols = self._take(stack, layers, _standard(top))
            for layer in reversed(range(layers)):
                z = self._values(layer, symbols, top)
                below = self._take(stack, layer, self.model.explained(layer, z))
                values = self._values(layer - 1, below, top) if layer else _squeezed(below, height, width)
                masses = self._masses(layer + 1, self.model.posterior(layer, values))
                stack.encode_reverse(symbols, self._family, masses)
                symbols = below
            pictures[k] = (unsqueeze(values)[0] * LEVELS).permute(1, 2, 0).to(torch.uint8).numpy()
        return pictures, stack.get_compressed()

    def _take(self, stack: Any, layer: int, given: Logistic) -> NDArray[np.int32]:
        if stack.num_words() < LEAST_WORDS:
            raise FormatError("the words end before the pictures do; they are damaged or of another model")
        return stack.decode(self._family, self._masses(layer, given))

    def _masses(self, layer: int, given: Logistic) -> NDArray[np.float32]:
        """(n, bins) of the values of a layer, 0 for pixels; the first and last bins are open."""
        edges = self.bins[layer - 1].edges if layer else self._pixel_edges
        places = given.mean[0, 0].numel()
        mean, scale = (part.reshape(-1, places, 1) for part in (given.mean[0], torch.exp(given.log_scale[0])))
        below = torch.sigmoid((edges[:, None] - mean) / scale).flatten(0, 1)
        ends = below[:, :1]
        whole = torch.cat([torch.zeros_like(ends), below, torch.ones_like(ends)], 1)
        return torch.diff(whole, dim=1).clamp_min(0).numpy()

    def _values(self, layer: int, symbols: NDArray[np.int32], like: Tensor) -> Tensor:
        """Latents (1, C, h, w) of bins."""
        rows = torch.from_numpy(symbols.astype(np.int64)).reshape(len(self.bins[layer].centres), -1)
        return torch.gather(self.bins[layer].centres, 1, rows).reshape(1, -1, *like.shape[2:])


def least_initial(coder: BitSwapCoder, pictures: NDArray[np.uint8], words: Words) -> Words:
    """The last of these words, as few as suffice to code the pictures.

    Raises:
        ModelError: they do not suffice.
    """
    spare = coder.encode(pictures, words).least - LEAST_WORDS
    return words[spare:]


def _standard(like: Tensor) -> Logistic:
    return Logistic(torch.zeros_like(like), torch.zeros_like(like))


def _pixels(picture: NDArray[np.uint8]) -> tuple[NDArray[np.int32], Tensor]:
    """Symbols (n,) and squeezed values (1, 12, h, w) in [0, 1)."""
    x = squeeze(torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float())
    return x.flatten().numpy().astype(np.int32), x / LEVELS


def _squeezed(symbols: NDArray[np.int32], height: int, width: int) -> Tensor:
    """The values of `_pixels`."""
    return torch.from_numpy(symbols).float().reshape(1, 12, height // 2, width // 2) / LEVELS
