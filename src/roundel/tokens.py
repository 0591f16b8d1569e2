"""Pictures to tokens and back: arrays of integers, and files that hold just them."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from roundel import arguments, container, image
from roundel.arguments import Pictured
from roundel.codecs.loading import resolve
from roundel.codecs.protocol import Model, Window
from roundel.codecs.tokens.codec import TokenModel
from roundel.codecs.tokens.symbols import crc
from roundel.container import DEFAULT_MAX_PIXELS, Header, Kind, Sliceable
from roundel.container.format import PREFIX_BYTES
from roundel.errors import ChecksumError, ModelError, UnsupportedError
from roundel.loaded import Codec, codec_of
from roundel.tiling import Grid, Rect, combine_crcs

Codes = NDArray[np.integer]


def tokenize(
    source: Pictured | bytes | Sequence[Pictured],
    *,
    model: Model | int | str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    jobs: int = 1,
) -> Codes:
    """The tokens of a picture, or of several of one size.

    Args:
        source: a picture as `encode` takes it, whose alpha is left out; an array (N, H, W, C), a tensor (N, C, H, W) or
            a list of pictures of one size; or a .rndl file or pack of tokens, as bytes or by its path, whose tokens
            are read as they are.
        model: a loaded model of tokens, or the name, id or path of one, instead of the default.
        max_pixels: of a file, the largest picture to accept.
        jobs: tiles worked on at the same time.

    Returns:
        (h, w, D), of the smallest unsigned type that holds all levels: one vector for each square of 8 × 8 pixels (of
        `model.latent_px`), edges repeated where the picture is no multiple; entry d is in [0, levels[d]). Of several
        pictures (N, h, w, D).

    Raises:
        RoundelError: the picture, file or model is not acceptable.

    Example:
        >>> tokenize(np.zeros((20, 33, 3), np.uint8)).shape[:2]
        (3, 5)
        >>> tokenize(np.zeros((2, 20, 33, 3), np.uint8)).shape[:3]
        (2, 3, 5)
    """
    jobs = arguments.whole_number(jobs, "jobs", 1, 256)
    if arguments.is_file(source):
        with arguments.opened(source) as data:
            return _read(data, model, max_pixels, jobs)
    codec = _tokens(Codec(resolve(model, Kind.TOKENS), jobs))
    if isinstance(source, list | tuple) or getattr(source, "ndim", 0) == 4:
        return _batch([_tokenize(one, codec, max_pixels) for one in cast(Sequence[Any], source)])
    return _tokenize(source, codec, max_pixels)


def detokenize(
    codes: Codes,
    *,
    size: tuple[int, int] | None = None,
    model: Model | int | str | None = None,
    jobs: int = 1,
) -> NDArray[np.uint8]:
    """The picture that tokens stand for, uint8 (H, W, 3); of tokens (N, h, w, D) pictures (N, H, W, 3).

    Args:
        codes: integers (h, w, D) or (N, h, w, D). size: width and height in pixels; None for whole squares.
        model: the model that made the tokens, as for `tokenize`. jobs: tiles worked on at the same time.

    Raises:
        ModelError: the tokens are not of this model, or do not fit the size.

    Example:
        >>> detokenize(tokenize(np.zeros((20, 33, 3), np.uint8)), size=(33, 20)).shape
        (20, 33, 3)
    """
    codec = _tokens(Codec(resolve(model, Kind.TOKENS), arguments.whole_number(jobs, "jobs", 1, 256)))
    found = _array(codes)
    if found.ndim == 4 and len(found):
        return np.stack([_detokenize(one, size, codec) for one in found])
    return _detokenize(found, size, codec)


def to_file(
    codes: Codes,
    *,
    size: tuple[int, int] | None = None,
    model: Model | int | str | None = None,
) -> bytes:
    """A .rndl file of these very tokens, (h, w, D); arguments and errors as `detokenize`.

    Example:
        >>> codes = tokenize(np.zeros((20, 33, 3), np.uint8))
        >>> bool((tokenize(to_file(codes, size=(33, 20))) == codes).all())
        True
    """
    codec = _tokens(Codec(resolve(model, Kind.TOKENS)))
    checked, grid = _checked(_array(codes), size, codec)
    of = _model(codec)
    tiles = [
        of.encode_codes(np.ascontiguousarray(_place(checked, grid.tile(i), of).transpose(2, 0, 1)))
        for i in range(grid.tiles)
    ]
    header = codec.header(grid, [tile.crc for tile in tiles], channels=3)
    return container.write(header, [], [tile.passes for tile in tiles])


def _tokenize(source: Any, codec: Codec, max_pixels: int) -> Codes:
    """Tokens (h, w, D) of one picture."""
    pixels = image.reduce_depth(arguments.picture(source, max_pixels=max_pixels)).pixels
    model = _model(codec)
    grid = codec.grid(*pixels.shape[:2])
    codes = _empty(model, grid)

    def work(index: int) -> None:
        _place(codes, grid.tile(index), model)[:] = model.codes(*codec.cut(pixels, grid, index)).transpose(1, 2, 0)

    for _ in codec.each_tile(grid, work):
        pass
    return codes


def _detokenize(codes: np.ndarray, size: tuple[int, int] | None, codec: Codec) -> NDArray[np.uint8]:
    """The picture of tokens (h, w, D)."""
    model = _model(codec)
    checked, grid = _checked(codes, size, codec)
    pixels = np.empty((grid.height, grid.width, 3), np.uint8)

    def work(index: int) -> None:
        tile, around = codec.around(grid, index)
        latents = _place(checked, around, model).transpose(2, 0, 1)
        pixels[tile.rows, tile.columns] = model.render(latents, Window(*tile.relative_to(around)), 0)

    for _ in codec.each_tile(grid, work):
        pass
    return pixels


def _array(codes: Any) -> np.ndarray:
    """Tokens given as an array, or as lists. Raises: ModelError."""
    try:
        return np.asarray(codes)
    except ValueError as error:
        raise ModelError(f"tokens are an array of integers, not lists of different lengths: {error}") from None


def _batch(codes: list[Codes]) -> Codes:
    """One array of the tokens of several pictures."""
    if not codes:
        raise UnsupportedError("there are no pictures to tokenise")
    if len({one.shape for one in codes}) > 1:
        raise UnsupportedError(
            "the pictures differ in size, so that one array cannot hold their tokens: tokenise them one by one, "
            "or make them of one size"
        )
    return np.stack(codes)


def _read(data: Sliceable, model: Model | int | str | None, max_pixels: int, jobs: int) -> Codes:
    """The tokens that a file or pack holds."""
    if container.read_info(bytes(data[:PREFIX_BYTES]), len(data)).pack:
        return _read_pack(container.read_pack(data, max_pixels=max_pixels), model)
    file = container.read(data, max_pixels=max_pixels)
    codec = _codec_of(file.header, model, jobs)
    of = _model(codec)
    grid = codec.grid(file.header.height, file.header.width, file.header.tile_px)
    codes = _empty(of, grid)

    def work(index: int) -> int:
        tile = grid.tile(index)
        found = of.decode(file.passes(index), tile.height, tile.width, 0)
        _place(codes, tile, of)[:] = found.latents.transpose(1, 2, 0)
        return found.crc or 0

    _check(list(codec.each_tile(grid, work)), file.header)
    return codes


def _read_pack(opened: container.Pack, model: Model | int | str | None) -> Codes:
    of = _model(_codec_of(opened.header, model, 1))
    width, height = opened.size(0)
    if any(opened.size(number) != (width, height) for number in range(len(opened))):
        raise UnsupportedError("the pictures of the pack differ in size, so that one array cannot hold their tokens")
    parts, crcs = [], []
    for unit in range(opened.units):
        codes = of.decode_codes(opened.passes(unit), len(opened.images(unit)), height, width)
        parts.append(codes.transpose(0, 2, 3, 1).astype(_dtype(of)))
        crcs.append(crc(codes))
    _check(crcs, opened.header)
    return np.concatenate(parts)


def _codec_of(header: Header, model: Model | int | str | None, jobs: int) -> Codec:
    if header.kind is not Kind.TOKENS:
        kind = header.kind.name.lower()
        raise UnsupportedError(f"the file is {kind}, it holds no tokens: decode it, and tokenise the picture")
    return _tokens(codec_of(header, model, jobs=jobs))


def _check(crcs: list[int], header: Header) -> None:
    if combine_crcs(crcs) != header.checksum:
        raise ChecksumError("the tokens do not match the file's checksum: file or model weights are damaged")


def _tokens(codec: Codec) -> Codec:
    """The codec, if its model makes tokens. Raises: ModelError."""
    model = codec.model
    if not isinstance(model, TokenModel):
        raise ModelError(f"model {model.name} is {model.kind.name.lower()}, it makes no tokens; see `roundel models`")
    return codec


def _model(codec: Codec) -> TokenModel:
    return cast(TokenModel, codec.model)


def _dtype(model: TokenModel) -> np.dtype[Any]:
    """The smallest unsigned type that holds all levels."""
    return np.min_scalar_type(max(model.levels) - 1)


def _empty(model: TokenModel, grid: Grid) -> Codes:
    height, width = (-(-n // model.latent_px) for n in (grid.height, grid.width))
    return np.empty((height, width, len(model.levels)), _dtype(model))


def _place(codes: Codes, part: Rect, model: TokenModel) -> Codes:
    """The tokens (h, w, D) of a rectangle of pixels whose corner is a token's."""
    cells = part.scale_down(model.latent_px)
    return codes[cells.rows, cells.columns]


def _checked(found: np.ndarray, size: tuple[int, int] | None, codec: Codec) -> tuple[NDArray[np.int32], Grid]:
    """Tokens as int32 and the tiles of their picture. Raises: ModelError."""
    model = _model(codec)
    dims, px = len(model.levels), model.latent_px
    if found.ndim != 3 or found.shape[2] != dims or found.dtype.kind not in "iu" or not found.size:
        raise ModelError(
            f"tokens of {model.name} are integers (h, w, {dims}), not {found.dtype} {found.shape}: "
            "were they made by another model?"
        )
    low, high = found.min((0, 1)), found.max((0, 1))
    for d, levels in enumerate(model.levels):
        if low[d] < 0 or high[d] >= levels:
            raise ModelError(
                f"entry {d} of the tokens is {low[d]} .. {high[d]}; {model.name} has {levels} levels there, "
                f"0 .. {levels - 1}: were they made by another model?"
            )
    width, height = size or (found.shape[1] * px, found.shape[0] * px)
    if min(width, height) < 1 or (-(-height // px), -(-width // px)) != found.shape[:2]:
        raise ModelError(
            f"{found.shape[1]} × {found.shape[0]} tokens of {px} px are no picture of {width} × {height} pixels"
        )
    return found.astype(np.int32), codec.grid(height, width)
