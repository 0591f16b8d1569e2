"""What every codec model offers: a tile of pixels to passes of bytes, and any prefix of the passes back to pixels."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from roundel.container import Kind


class Window(NamedTuple):
    """Where a tile lies inside an array that also carries context around it, in pixels."""

    top: int
    left: int
    height: int
    width: int


class Encoded(NamedTuple):
    """One coded tile."""

    passes: list[bytes]
    """In decoding order; each pass improves what the ones before it decode to."""
    crc: int
    """CRC-32 of what the tile decodes to: a lossy tile's symbols, a lossless tile's pixels."""


class Decoded(NamedTuple):
    """One decoded tile."""

    latents: np.ndarray
    """(C, h, w): float32 latents of a lossy tile; a lossless model's own form of the pixels."""
    crc: int | None
    """As in `Encoded`, or None when passes are missing."""


class Batch(NamedTuple):
    """Pictures of one size, decoded together."""

    pixels: np.ndarray
    """uint8 (B, H, W, 3)."""
    crc: int | None
    """As in `Encoded`, or None when passes are missing."""


class Model(Protocol):
    """A trained codec model, safe to share between threads."""

    name: str
    id: int
    kind: Kind
    weights_hash: bytes
    """First 8 bytes of the SHA-256 of the weights file."""
    passes: int
    align_px: int
    """Tile sides are multiples of this; only tiles at the right and bottom of a picture may be ragged."""
    latent_px: int
    """Pixels per latent along each axis; a tile of h × w pixels has ceil(h / latent_px) × ceil(w / latent_px)."""
    halo_px: int
    """Context that `encode` and `render` want on each side of a tile, clipped at the picture's border.

    A multiple of `latent_px`.
    """

    def encode(self, pixels: np.ndarray, window: Window, quality: int) -> Encoded:
        """Code the tile `window` of `pixels`, uint8 (H, W, 3); what lies around it is context only."""
        ...

    def decode(self, passes: Sequence[bytes], height: int, width: int, quality: int) -> Decoded:
        """Decode a tile of height × width pixels from a prefix of its passes.

        Raises:
            FormatError: when the passes are damaged.
        """
        ...

    def render(self, latents: np.ndarray, window: Window, quality: int) -> np.ndarray:
        """Pixels of a tile, uint8 (window.height, window.width, 3).

        Args:
            latents: (C, h, w) of the tile and up to `halo_px` of context on each side.
            window: the tile inside the area that `latents` covers, in pixels.
        """
        ...


@runtime_checkable
class BatchModel(Model, Protocol):
    """A model that codes pictures of one size together."""

    def encode_batch(self, pixels: np.ndarray) -> Encoded:
        """Passes of uint8 (B, H, W, 3), and the CRC-32 of what they decode to."""
        ...

    def decode_batch(self, passes: Sequence[bytes], count: int, height: int, width: int) -> Batch:
        """The inverse of `encode_batch`."""
        ...


@runtime_checkable
class Refining(Protocol):
    """A model that can work harder on a picture, for fewer bytes at the same fidelity; decoding stays as it is."""

    def at_effort(self, effort: int) -> Model:
        """The same model at an effort, 0 … 9; files of all efforts decode alike."""
        ...


@runtime_checkable
class Tunable(Protocol):
    """A model that can encode for one measure or another; files of all tunings decode alike."""

    def tuned(self, tuning: str) -> Model:
        """The same model for a tuning. Raises: ModelError, it has none of this name."""
        ...


class Reduced(Protocol):
    """A model as it decodes pictures at 1 / 2**level of their size, sides rounded up: a cheaper look at the same files.

    Its pixels are those of the small picture, and `latent_px`, `halo_px` and windows count in them.
    """

    passes: int
    """So many passes of a tile are needed; the finer ones are not read."""
    latent_px: int
    halo_px: int

    def decode(self, passes: Sequence[bytes], height: int, width: int, quality: int) -> Decoded:
        """As `Model.decode`, height and width being those of the whole tile, and no latents finer than need be."""
        ...

    def render(self, latents: np.ndarray, window: Window, quality: int) -> np.ndarray:
        """As `Model.render`."""
        ...


@runtime_checkable
class Together(Protocol):
    """A model, or a `Reduced`, that decodes many tiles at once, quicker than one by one: where they are small.

    It also renders them at once: a window may cover any number of tiles.
    """

    def decode_together(self, tiles: Sequence[Sequence[bytes]], height: int, width: int, quality: int) -> list[Decoded]:
        """As `decode`, of tiles of one size."""
        ...


@runtime_checkable
class Reducing(Protocol):
    """A model that can decode a smaller picture from the coarse passes alone.

    A lossless model shows every 2**level-th sample; a lossy one its low band.
    """

    levels: int
    """How often a picture can be halved, at most. Where there are several tiles, their sides are multiples of
    2**level for every level that is asked for."""

    def reduced(self, level: int) -> Reduced:
        """The model at level 1 … `levels`."""
        ...
