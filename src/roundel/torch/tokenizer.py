"""A tokeniser on batches of tensors: pictures to codes, codes to pictures, whole tokens to single numbers."""

from math import prod

import numpy as np
import torch
from torch import Tensor

from roundel.codecs.tokens.codec import TokenModel
from roundel.errors import ModelError
from roundel.tokens import detokenize, tokenize

MAX_VOCABULARY = 1 << 63
"""Numbers of tokens are int64."""


class Tokenizer:
    """A model of tokens on tensors; `roundel.load_tokenizer` makes one. Can be pickled and used in workers.

    It computes in integers on the processor, so that the same picture has the same codes everywhere; results go back to
    the device of what was given.

    Args:
        model: a loaded model of tokens.
        jobs: tiles of a large picture worked on at the same time.
    """

    def __init__(self, model: TokenModel, jobs: int = 1) -> None:
        self.model, self._jobs = model, jobs

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def levels(self) -> tuple[int, ...]:
        """(D,): entry d of a token is in 0 … levels[d] − 1."""
        return self.model.levels

    @property
    def patch_px(self) -> int:
        """Side of the square of pixels that a token stands for."""
        return self.model.latent_px

    @property
    def vocabulary(self) -> int:
        """How many different tokens there are, the product of the levels; the numbers of `codes_to_ids` lie below."""
        return prod(self.levels)

    def __repr__(self) -> str:
        return f"<roundel.Tokenizer {self.name}: {self.patch_px} px, levels {', '.join(map(str, self.levels))}>"

    def encode(self, images: Tensor) -> Tensor:
        """Codes of pictures, int64 (B, h, w, D).

        Args:
            images: (B, 3, H, W), or (B, 1, H, W) of grey, uint8, or floating point in [0, 1]. Where H or W is no
                multiple of `patch_px`, edges are repeated.

        Raises:
            RoundelError: the tensor is none of these.

        Example:
            >>> from roundel import load_tokenizer
            >>> load_tokenizer().encode(torch.zeros(2, 3, 16, 24)).shape[:3]
            torch.Size([2, 2, 3])
        """
        if not isinstance(images, Tensor) or images.ndim != 4:
            found = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
            raise ModelError(f"a tokeniser encodes tensors (B, C, H, W), not {found}; give one picture as image[None]")
        codes = tokenize(images, model=self.model, jobs=self._jobs)
        return torch.from_numpy(codes.astype(np.int64)).to(images.device)

    def decode(
        self, codes: Tensor, *, shape: tuple[int, int] | None = None, dtype: torch.dtype = torch.uint8
    ) -> Tensor:
        """Pictures of codes, (B, 3, H, W).

        Args:
            codes: integers (B, h, w, D).
            shape: height and width in pixels, as the last two of the tensor that was encoded; None for whole squares.
            dtype: uint8, or a floating one for samples in [0, 1].

        Raises:
            ModelError: the codes are not of this model, or do not fit the shape.

        Example:
            >>> from roundel import load_tokenizer
            >>> tokenizer, images = load_tokenizer(), torch.zeros(2, 3, 20, 30, dtype=torch.uint8)
            >>> tokenizer.decode(tokenizer.encode(images), shape=images.shape[-2:]).shape
            torch.Size([2, 3, 20, 30])
        """
        if not isinstance(codes, Tensor) or codes.ndim != 4:
            found = tuple(codes.shape) if isinstance(codes, Tensor) else type(codes).__name__
            raise ModelError(f"a tokeniser decodes codes (B, h, w, {len(self.levels)}), not {found}")
        if dtype != torch.uint8 and not dtype.is_floating_point:
            raise ModelError(f"pictures are uint8 or floating point, not {dtype}")
        size = None if shape is None else (int(shape[1]), int(shape[0]))
        pixels = detokenize(codes.detach().cpu().numpy(), size=size, model=self.model, jobs=self._jobs)
        images = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).to(codes.device)
        return images if dtype == torch.uint8 else images.to(dtype) / 255

    def codes_to_ids(self, codes: Tensor) -> Tensor:
        """One number for each token, in mixed radix, the first dimension the lowest digit.

        Args:
            codes: integers (..., D) within their levels.

        Returns:
            int64 (...), from 0 to `vocabulary` − 1.

        Raises:
            ModelError: they are not within the levels, or there are more tokens than numbers.

        Example:
            >>> from roundel import load_tokenizer
            >>> tokenizer = load_tokenizer()
            >>> codes = tokenizer.encode(torch.rand(1, 3, 16, 16))
            >>> bool((tokenizer.ids_to_codes(tokenizer.codes_to_ids(codes)) == codes).all())
            True
        """
        strides, levels = self._radix(codes.device)
        if codes.ndim < 1 or codes.shape[-1] != len(self.levels) or codes.is_floating_point():
            raise ModelError(f"codes are integers (..., {len(self.levels)}), not {codes.dtype} {tuple(codes.shape)}")
        wide = codes.long()
        if ((wide < 0) | (wide >= levels)).any():
            raise ModelError(f"the codes are not within the levels of {self.name}: were they made by another model?")
        return (wide * strides).sum(-1)

    def ids_to_codes(self, ids: Tensor) -> Tensor:
        """The inverse of `codes_to_ids`: int64 (..., D). Raises: ModelError, a number is out of range."""
        strides, levels = self._radix(ids.device)
        if ids.is_floating_point() or ((ids < 0) | (ids > self.vocabulary - 1)).any():
            raise ModelError(f"numbers of tokens of {self.name} are integers from 0 to {self.vocabulary - 1}")
        return ids.long()[..., None] // strides % levels

    def _radix(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """What a step of each dimension adds, and the levels. Raises: ModelError, there are too many tokens."""
        if self.vocabulary > MAX_VOCABULARY:
            raise ModelError(
                f"{self.name} has {len(self.levels)} dimensions, more different tokens than a number of 64 bits can "
                "tell apart: feed the entries one by one, or embed each and add"
            )
        strides = [prod(self.levels[:d]) for d in range(len(self.levels))]
        return torch.tensor(strides, device=device), torch.tensor(self.levels, device=device)
