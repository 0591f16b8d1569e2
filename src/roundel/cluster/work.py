"""What is done to one picture: encoded, turned into tokens, or verified."""

import io
from dataclasses import dataclass
from typing import Any, Protocol

from roundel import arguments
from roundel.codec import encode, info
from roundel.codecs.loading import resolve
from roundel.container import DEFAULT_MAX_PIXELS, MAGIC, Kind
from roundel.errors import UnsupportedError
from roundel.soundness import check_sound
from roundel.tokens import Codes, tokenize


@dataclass(frozen=True)
class Outcome:
    """What became of a picture."""

    size_px: tuple[int, int]
    """Width and height of the picture."""
    data: bytes | None = None
    """A .rndl file."""
    codes: Codes | None = None
    """(h, w, D)."""


class Work(Protocol):
    """Work on the bytes of a picture; pickles."""

    def __call__(self, data: bytes) -> Outcome:
        """Raises: RoundelError."""
        ...

    def settings(self) -> dict[str, Any]:
        """What decides the results; a run that is taken up again must have the same. Raises: RoundelError."""
        ...


@dataclass(frozen=True)
class Encode:
    """Pictures to .rndl files; arguments are those of `roundel.encode`."""

    quality: int | None = None
    lossless: bool = False
    effort: int | None = None
    tune: str | None = None
    model: int | str | None = None
    strip: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS

    def __call__(self, data: bytes) -> Outcome:
        """See `Work`."""
        file = encode(
            io.BytesIO(data),
            quality=self.quality,
            lossless=self.lossless,
            effort=self.effort,
            tune=self.tune,
            model=self.model,
            strip=self.strip,
            max_pixels=self.max_pixels,
        )
        return Outcome(_size(file), file)

    def settings(self) -> dict[str, Any]:
        """See `Work`."""
        kind = Kind.LOSSLESS if self.lossless else Kind.LOSSY
        return {"do": "encode", **vars(self), "weights": resolve(self.model, kind).weights_hash.hex()}


@dataclass(frozen=True)
class Tokenize:
    """Pictures, or .rndl files of tokens, to tokens; arguments are those of `roundel.tokenize`."""

    model: int | str | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS

    def __call__(self, data: bytes) -> Outcome:
        """See `Work`."""
        if not data.startswith(MAGIC):
            picture = arguments.picture(io.BytesIO(data), max_pixels=self.max_pixels)
            return Outcome((picture.width, picture.height), codes=tokenize(picture, model=self.model))
        if info(data).pack:
            raise UnsupportedError("a pack, whose tokens are a data set already: read it as it is")
        return Outcome(_size(data), codes=tokenize(data, model=self.model, max_pixels=self.max_pixels))

    def settings(self) -> dict[str, Any]:
        """See `Work`."""
        return {"do": "tokenize", **vars(self), "weights": resolve(self.model, Kind.TOKENS).weights_hash.hex()}


@dataclass(frozen=True)
class Verify:
    """Whether .rndl files are whole and decode to what was encoded."""

    model: int | str | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS

    def __call__(self, data: bytes) -> Outcome:
        """See `Work`."""
        check_sound(data, model=self.model, max_pixels=self.max_pixels)
        return Outcome(_size(data))

    def settings(self) -> dict[str, Any]:
        """See `Work`."""
        return {"do": "verify", **vars(self)}


def _size(file: bytes) -> tuple[int, int]:
    header = info(file).header
    return header.width, header.height
